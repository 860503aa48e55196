"""Does a policy understand words that it was never told? Two encoders; one wording to learn with, or all but some.

    python benchmarks/wordings.py [--tasks LiftColour-v0 …] [--seeds 3] [--episodes 200] [--table]

Each task is learnt six times a seed, as `ludus run TASK` does but for `encoder`, `words` (the width of its vectors) and
`wordings` of its curriculum, and then tried with the standard wording, with others to learn with, with held-out ones,
and with wrong instructions. A row for each (task, encoder, width, wordings, seed) goes to results/wordings.jsonl; rows
that are there are not made again. The table of docs/instructor.md is written from the rows; --table does only that.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import ablations

from ludus.curricula import ablate, baselines, curriculum, plan, policies, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put
from ludus.envs import registry

RESULTS = Path(__file__).parent / "results" / "wordings.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "instructor.md"
RUNS = Path("runs") / "wordings"
TASKS = ("WorkshopEasy-v0", "OpenDrawer-v0", "LiftColour-v0")
ARMS = (  # encoder, its width, wordings
    ("words", 16, "one"), ("learnt", 16, "one"), ("learnt", 64, "one"),
    ("words", 16, "all"), ("learnt", 16, "all"), ("learnt", 64, "all"),
)  # fmt: skip
WAYS = {"one": "one wording", "all": "all but the held-out"}
KINDS = ("true", "paraphrased", "held-out", "wrong")


def made(task: str, arm: tuple[str, int, str]) -> curriculum.Curriculum:
    """The task alone, as ARMS say that it is told."""
    return baselines.of(task).model_copy(update=dict(zip(("encoder", "words", "wordings"), arm, strict=True)))


def about(task: str, arm: tuple[str, int, str], episodes: int) -> dict[str, Any]:
    """What a row is of, the seed apart."""
    alone = made(task, arm)
    hash = plan.plan(alone, alone.usual).hash
    return {
        "task": task,
        **dict(zip(("encoder", "width", "wordings"), arm, strict=True)),
        "hash": hash,
        "episodes": episodes,
    }


def measured(made: curriculum.Curriculum, seed: int, episodes: int) -> dict[str, Any]:
    """The row of a policy: {kind: success}; of the one that ships, where that is what would be learnt."""
    task, hash = made.stages[0].task, plan.plan(made, made.usual, seed=seed).hash
    started = time.process_time()
    if (ships := policies.about(task)) and (ships["hash"], ships["seed"]) == (hash, seed):
        rows = ablate.shipped(task, episodes)
    else:
        out = RUNS / made.name / f"{made.encoder}-{made.words}-{made.wordings}-{seed}"
        rows = ablate.ablate(read_run(runner.run(made, seed=seed, out=out, resume=True)), episodes)
    scores = {row["instruction"]: row["success"] for row in rows if row["instruction"] in KINDS}
    return {"scores": scores, "cpu_seconds": round(time.process_time() - started, 1)}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line for each task and way to learn; mean over seeds and 95 % interval."""
    lines = [f"| task | encoder | told while it learns | {' | '.join(KINDS)} |", "|---|---|---|" + "--:|" * len(KINDS)]
    for task in dict.fromkeys(r["task"] for r in rows):
        for encoder, width, wordings in ARMS:
            arm = (task, encoder, width, wordings)
            mine = [r for r in rows if (r["task"], r["encoder"], r["width"], r["wordings"]) == arm]
            cells = [ablations.shown(ablations.spread(mine, kind)) for kind in KINDS]
            lines.append(f"| {' | '.join([task.rpartition('/')[2], f'{encoder}, {width}', WAYS[wordings], *cells])} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--tasks", nargs="+", default=TASKS)
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--episodes", type=int, default=200)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    rows = Rows(given.out)
    tasks = [] if given.table else [registry.full(t) for t in given.tasks]
    for seed in range(given.seeds):
        for task in tasks:
            for arm in ARMS:
                row = about(task, arm, given.episodes) | {"seed": seed}
                rows.once(row, partial(measured, made(task, arm), seed, given.episodes))
    known = dict.fromkeys(r["task"] for r in rows)
    found = table(rows.current(about(task, arm, given.episodes) for task in known for arm in ARMS))
    print(found)
    put(PAGE, "wordings", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
