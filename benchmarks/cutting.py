"""Does it help that the language model cuts a task into instructions? Policies told these, against the goal alone.

    python benchmarks/cutting.py [--tasks Household-v0 …] [--seeds 3] [--episodes 200] [--table]

Two policies a task and seed learn as many steps for the same reward: one told what the shipped model says, bit by bit
("cut"), one told the goal alone ("goal"). The first is tried as it learnt, and told the goal alone; the second as it
learnt. A row for each (task, told, seed) goes to results/cutting.jsonl; rows that are there are not made again. The
table of docs/instructor.md is written from the rows; --table does only that.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ludus.agents.instructors import INSTRUCTORS
from ludus.curricula import ablate, actors, curriculum, plan, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put
from ludus.curricula.statistics import interval
from ludus.envs import registry

RESULTS = Path(__file__).parent / "results" / "cutting.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "instructor.md"
RUNS = Path("runs") / "cutting"
TOLD = {"cut": "language-model", "goal": "fixed"}
TASKS: dict[str, dict[str, Any]] = {  # what differs from curricula/baselines.yaml
    "ludus/Household-v0": {"settings": {"steps": 3}},
    "ludus/PushBlock-v0": {},
    "ludus/FetchFromFridge-v0": {},
}
COLUMNS = {
    ("cut", "cut"): "cut up by the model",
    ("cut", "goal"): "the same policies, told the goal",
    ("goal", "goal"): "learnt with the goal alone",
}


def made(task: str) -> curriculum.Curriculum:
    found = curriculum.load(task)
    return found.model_copy(update={"stages": (found.stages[0].model_copy(update=TASKS[task]),)})


def about(task: str, told: str, episodes: int) -> dict[str, Any]:
    """What a row is of, the seed apart."""
    planned = plan.plan(alone := made(task), alone.usual, instructor=TOLD[told])
    return {"task": task, "told": told, "hash": planned.hash, "episodes": episodes}


def measured(task: str, told: str, seed: int, episodes: int) -> dict[str, Any]:
    """{tried: success} of a policy that learnt told so, and what it took."""
    alone, started = made(task), time.process_time()
    out = RUNS / task.rpartition("/")[2] / f"{told}-{seed}"
    run = read_run(runner.run(alone, instructor=TOLD[told], seed=seed, out=out, resume=True))
    spent = time.process_time() - started
    world, act = actors.load(run, actors.stages(run)[-1], task)
    scores = {}
    with contextlib.closing(world):
        for tried in ["cut", "goal"] if told == "cut" else ["goal"]:
            who = INSTRUCTORS[TOLD[tried]]().instruct
            stage = actors.curriculum_of(run).tasks[0]
            scores[tried] = ablate.tried(run, stage, act, who, None, episodes)["success"]
    return {"steps": int(run.scores.step[-1]), "scores": scores, "cpu_seconds": round(spent, 1)}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a task; mean over seeds and 95 % interval."""
    lines = [f"| task | steps | {' | '.join(COLUMNS.values())} |", "|---|--:" + "|--:" * len(COLUMNS) + "|"]
    for task in dict.fromkeys(r["task"] for r in rows):
        mine, cells = [r for r in rows if r["task"] == task], []
        for told, tried in COLUMNS:
            found = interval([r["scores"][tried] for r in mine if r["told"] == told])
            span = f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None else ""
            cells.append(f"{found.estimate:.2f}{span}" if found.seeds else "—")
        lines.append(f"| {task.rpartition('/')[2]} | {mine[0]['steps']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--tasks", nargs="+", default=list(TASKS))
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--first", type=int, default=0, help="the first seed; settings are found on 100 and above")
    ask.add_argument("--episodes", type=int, default=200)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    rows = Rows(given.out)
    for task in [] if given.table else map(registry.full, given.tasks):
        for seed in range(given.first, given.first + given.seeds):
            for told in TOLD:
                row = about(task, told, given.episodes) | {"seed": seed}
                rows.once(row, partial(measured, task, told, seed, given.episodes))
    found = table(rows.current(about(task, told, given.episodes) for task in TASKS for told in TOLD))
    print(found)
    put(PAGE, "cutting", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
