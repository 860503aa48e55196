"""Do the words matter to learnt policies? Success with true, changed and no instructions, and with numbers for words.

    python benchmarks/ablations.py [--tasks BasicGoal-v0 …] [--seeds 3] [--episodes 200] [--table]

Tasks in which several instructions share a start state. Each is learnt three times a seed, as `ludus run TASK` does:
told sentences, told a one-hot task number, told a one-hot number of the goal. The first policy is then tried with
changed instructions (`ludus ablate`). A row for each (task, input, seed) goes to results/ablations.jsonl; rows that are
there are not made again. The table of docs/instructor.md is written from the rows; --table does only that.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ludus.curricula import ablate, curriculum, plan, policies, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put
from ludus.curricula.statistics import Interval, interval
from ludus.envs import registry

RESULTS = Path(__file__).parent / "results" / "ablations.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "instructor.md"
RUNS = Path("runs") / "ablations"
INPUTS = ("instructed", "task-id", "goal-id")
TASKS = {  # steps, where they differ from curricula/baselines.yaml
    "ludus/BasicGoal-v0": 30_000,
    "ludus/Household-v0": None,
    "ludus/WorkshopEasy-v0": None,
    "ludus/HouseholdTeam-v0": None,
    "ludus/Treasure-v0": None,
    "ludus/GridWorld-v0": None,
    "ludus/PushBlockGoal-v0": None,
    "ludus/FoodCollectorGoal-v0": None,
    "ludus/OpenDrawer-v0": None,
    "ludus/LiftColour-v0": None,
    "ludus/PickPlace-v0": None,
    "ludus/MovingObstacles-v0": None,
    "ludus/Swap-v0": None,
}  # fmt: skip
KINDS = (*ablate.KINDS, *(n for n in ablate.AS_LEARNT.values() if n not in (*ablate.KINDS, "untold")))


def made(task: str, input: str) -> curriculum.Curriculum:
    """The curriculum of the task alone; wide enough for its goals' numbers where these are told."""
    found = curriculum.load(task)
    if (steps := TASKS.get(task)) is not None:
        found = found.model_copy(update={"stages": (found.stages[0].model_copy(update={"steps": steps}),)})
    if input == "goal-id":
        world = registry.make(task, 1, **found.stages[0].settings)
        found = found.model_copy(update={"words": max(found.words, len(world.goals))})
        world.close()
    return found


def folder_of(task: str, input: str, planned: plan.Plan) -> Path:
    """Where the run is, or is to be: that of the baselines where it is the same run."""
    name = task.rpartition("/")[2]
    there = Path("runs") / "baselines" / name / f"{planned.label}-{planned.seed}"
    same = (there / "metrics.json").exists() and read_run(there).settings["hash"] == planned.hash
    return there if same else RUNS / name / f"{input}-{planned.seed}"


def about(task: str, input: str, episodes: int) -> dict[str, Any]:
    """What a row is of, the seed apart."""
    hash = plan.plan(alone := made(task, input), alone.usual, input=input).hash
    return {"task": task, "input": input, "hash": hash, "episodes": episodes}


def measured(task: str, input: str, seed: int, episodes: int) -> dict[str, Any]:
    """The row of a policy: {kind: success}; of the one that ships, where that is what would be learnt."""
    alone = made(task, input)
    planned = plan.plan(alone, alone.usual, input=input, seed=seed)
    started, out = time.process_time(), folder_of(task, input, planned)
    if (ships := policies.about(task)) and (ships["hash"], ships["seed"]) == (planned.hash, seed):
        scores = {row["instruction"]: row["success"] for row in ablate.shipped(task, episodes)}
        return {"steps": ships["steps"], "scores": scores, "cpu_seconds": 0.0}
    run = read_run(runner.run(alone, input=input, seed=seed, out=out, resume=True))
    learning = time.process_time() - started
    scores = {row["instruction"]: row["success"] for row in ablate.ablate(run, episodes)}
    return {"steps": int(run.scores.step[-1]), "scores": scores, "cpu_seconds": round(learning, 1)}


def spread(rows: Sequence[dict[str, Any]], kind: str) -> Interval:
    """Success told so, over seeds."""
    return interval([r["scores"][kind] for r in rows if kind in r["scores"]])


def sensitivity(rows: Sequence[dict[str, Any]]) -> Interval:
    """instruction_sensitivity over seeds, the difference taken within a seed."""
    return interval([r["scores"]["true"] - r["scores"]["wrong"] for r in rows if "wrong" in r["scores"]])


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a column a task; mean over seeds and 95 % interval."""
    tasks = {task: [r for r in rows if r["task"] == task] for task in dict.fromkeys(r["task"] for r in rows)}
    heads = ["instruction", *(task.rpartition("/")[2] for task in tasks)]
    lines = [f"| {' | '.join(heads)} |", "|---" + "|--:" * len(tasks) + "|"]
    for kind in KINDS:
        lines.append(f"| {kind} | {' | '.join(shown(spread(mine, kind)) for mine in tasks.values())} |")
    cells = [shown(sensitivity(mine)) for mine in tasks.values()]
    return "\n".join([*lines, f"| **instruction_sensitivity** | {' | '.join(cells)} |"])


def shown(found: Interval) -> str:
    if not found.seeds:
        return "—"
    span = f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None else ""
    return f"{found.estimate:.2f}{span}"


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--tasks", nargs="+", default=list(TASKS))
    ask.add_argument("--inputs", nargs="+", default=INPUTS, choices=INPUTS)
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--first", type=int, default=0, help="the first seed; settings are found on 100 and above")
    ask.add_argument("--episodes", type=int, default=200)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    rows = Rows(given.out)
    for task in [] if given.table else map(registry.full, given.tasks):
        for input in given.inputs:
            for seed in range(given.first, given.first + given.seeds):
                row = about(task, input, given.episodes) | {"seed": seed}
                rows.once(row, partial(measured, task, input, seed, given.episodes))
    found = table(rows.current(about(task, input, given.episodes) for task in TASKS for input in INPUTS))
    print(found)
    put(PAGE, "ablations", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
