"""How much sooner is a task learnt that only the sentence tells apart, when the sentence is told louder?

    python benchmarks/loudness.py [--tasks MovingObstacles-v0 …] [--scales 1 4 8] [--seeds 3] [--table]

Each task is learnt as `ludus run TASK` does but for `words_scale`, and stops at its first evaluation of 80 % or more. A
row for each (task, scale, seed) goes to results/loudness.jsonl; rows that are there are not made again. The table of
docs/curricula.md is written from the rows; --table does only that.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ludus.curricula import baselines, curriculum, plan, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put
from ludus.envs import registry

RESULTS = Path(__file__).parent / "results" / "loudness.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "curricula.md"
RUNS = Path("runs") / "loudness"
TASKS = ("MovingObstacles-v0", "Swap-v0")
ENOUGH = 0.8


def told(task: str, scale: float) -> curriculum.Curriculum:
    """The task alone, its sentences that loud, until it is learnt."""
    made = baselines.of(task)
    stages = (made.stages[0].model_copy(update={"until": curriculum.Until(success=ENOUGH)}),)
    return made.model_copy(update={"words_scale": scale, "stages": stages})


def about(task: str, scale: float) -> dict[str, Any]:
    """What a row is of, the seed apart."""
    made = told(task, scale)
    return {"task": task, "scale": scale, "hash": plan.plan(made, made.usual).hash}


def measured(made: curriculum.Curriculum, seed: int) -> dict[str, Any]:
    """How it went: steps at the first evaluation that was good enough; None where none was."""
    out = RUNS / f"{made.name}-{made.words_scale:g}-{seed}"
    run = read_run(runner.run(made, seed=seed, out=out, resume=True))
    success, step = run.scores.score[:, 0], run.scores.step
    there = np.flatnonzero(success >= ENOUGH)
    return {
        "steps": int(step[there[0]]) if len(there) else None,
        "budget": made.stages[0].steps,
        "last": float(success[-1]),
        "seconds": round(run.costs["seconds"]),
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line for each task and scale; the steps of every seed, and their mean over that of scale 1."""
    lines = [
        "| task | `words_scale` | seeds | thousands of steps to 80 % | mean, of that at 1 |",
        "|---|--:|--:|---|--:|",
    ]
    for task in dict.fromkeys(r["task"] for r in rows):
        usual = _steps(rows, task, 1.0)
        for scale in sorted({r["scale"] for r in rows if r["task"] == task}):
            steps = _steps(rows, task, scale)
            each = ", ".join("—" if s is None else f"{s / 1000:.0f}" for s in steps.values())
            both = [s for s in steps if s in usual]
            whole = both and all(steps[s] and usual[s] for s in both)
            share = sum(steps[s] or 0 for s in both) / sum(usual[s] or 0 for s in both) if whole else None
            cells = [task.rpartition("/")[2], f"{scale:g}", str(len(steps)), each, f"{share:.2f}" if share else "—"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _steps(rows: Sequence[dict[str, Any]], task: str, scale: float) -> dict[int, int | None]:
    return {r["seed"]: r["steps"] for r in rows if (r["task"], r["scale"]) == (task, scale)}


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--tasks", nargs="+", default=TASKS)
    ask.add_argument("--scales", nargs="+", type=float, default=(1.0, 4.0))
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    rows = Rows(given.out)
    for seed in range(0 if given.table else given.seeds):
        for task in map(registry.full, given.tasks):
            for scale in given.scales:
                rows.once(about(task, scale) | {"seed": seed}, partial(measured, told(task, scale), seed))
    kinds = {(r["task"], r["scale"]) for r in rows}
    found = table(rows.current(about(*kind) for kind in kinds))
    print(found)
    put(PAGE, "loudness", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
