"""Why a sequence has its order: how each task of a curriculum is learnt after each other one, and what it undoes.

    python benchmarks/transfer.py [--curriculum ludus-6] [--share 0.5] [--seeds 2] [--table]

Fine-tuning lives through every ordered pair of tasks, with the curriculum's settings and this share of its steps, in a
body that fits both. Transfer is the mean success over a task's stage, less that of a newcomer in the same body and of
the same seed: of the run in which the two come the other way round. Kept is the earlier task's success at the end over
that at the end of its own stage. A row for each (curriculum, first, second, seed) goes to results/transfer.jsonl; rows
that are there are not made again. Both matrices go to docs/curricula.md; --table does only that.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ludus.curricula import curriculum, plan, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put

RESULTS = Path(__file__).parent / "results" / "transfer.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "curricula.md"
RUNS = Path("runs") / "transfer"
POINTS = 5  # evaluations of a stage
LEARNT = 0.5  # what was learnt less well has nothing to keep


def pair(made: curriculum.Curriculum, first: int, second: int, share: float) -> curriculum.Curriculum:
    """Two stages of a curriculum, with its body, settings and this share of its steps."""
    stages = [s.model_copy(update={"steps": round(s.steps * share)}) for s in (made.stages[first], made.stages[second])]
    name = f"{made.name}-{first}-{second}"
    tried = made.evaluation.model_copy(update={"per_stage": POINTS})
    return made.model_copy(update={"name": name, "stages": tuple(stages), "evaluation": tried})


def measured(made: curriculum.Curriculum, seed: int) -> dict[str, Any]:
    """first, after: mean success over the two stages; learnt, left: of the first task, after each stage."""
    out = RUNS / f"{made.name}-{seed}"
    run = read_run(runner.run(made, seed=seed, out=out, resume=True, instructor="fixed"))
    score, stage = run.scores.score, np.asarray(run.scores.stage)
    first, after = (float(score[stage == i, i].mean()) for i in (0, 1))
    learnt, left = float(score[stage == 0, 0][-1]), float(score[-1, 0])
    last = float(score[-1, 1])
    found = {"first": first, "after": after, "learnt": learnt, "left": left, "last": last}
    return {k: round(v, 4) for k, v in found.items()} | {"seconds": round(run.costs["seconds"])}


def matrices(rows: Sequence[Mapping[str, Any]], tasks: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(first, second) each: transfer, and what is kept; NaN where there is no row, or nothing to keep."""
    alone = {(*r["tasks"], r["seed"]): r["first"] for r in rows}
    transfer, kept = np.full((2, len(tasks), len(tasks)), np.nan)
    for i, j in itertools.permutations(range(len(tasks)), 2):
        mine = [r for r in rows if r["tasks"] == [tasks[i], tasks[j]]]
        if new := [
            r["after"] - alone[tasks[j], tasks[i], r["seed"]] for r in mine if (tasks[j], tasks[i], r["seed"]) in alone
        ]:
            transfer[i, j] = np.mean(new)
        if held := [r["left"] / r["learnt"] for r in mine if r["learnt"] >= LEARNT]:
            kept[i, j] = np.mean(held)
    return transfer, kept


def table(rows: Sequence[Mapping[str, Any]], tasks: Sequence[str]) -> str:
    """Markdown: a line for the task that comes first, a column for the one after it: transfer / kept."""
    names = [t.rpartition("/")[2].removesuffix("-v0") for t in tasks]
    transfer, kept = matrices(rows, tasks)
    lines = [f"| first, then | {' | '.join(names)} |", "|---" + "|--:" * len(names) + "|"]
    for name, gained, left in zip(names, transfer, kept, strict=True):
        cells = (_cell(g, k) for g, k in zip(gained, left, strict=True))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(gained: float, left: float) -> str:
    if np.isnan(gained):
        return "—"
    return f"{gained:+.2f} / {'—' if np.isnan(left) else f'{left:.2f}'}".replace("-", "−")


def orders(transfer: np.ndarray) -> dict[str, float]:
    """The sum of transfer from each stage to the next: in this order, and the least, mean and most of all orders."""
    ways = itertools.permutations(range(len(transfer)))
    sums = [sum(transfer[i, j] for i, j in itertools.pairwise(way)) for way in ways]
    return {"own": sums[0], "least": min(sums), "mean": float(np.mean(sums)), "most": max(sums)}


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--curriculum", default="ludus-6")
    ask.add_argument("--share", type=float, default=0.5)
    ask.add_argument("--seeds", type=int, default=2)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    rows, whole = Rows(given.out), curriculum.load(given.curriculum)
    tasks = [stage.task for stage in whole.stages]
    mine = []
    for seed, (i, j) in itertools.product(range(given.seeds), itertools.permutations(range(len(tasks)), 2)):
        made = pair(whole, i, j, given.share)
        about = {"curriculum": whole.name, "tasks": [tasks[i], tasks[j]], "seed": seed}
        about["hash"] = plan.plan(made, made.usual, instructor="fixed").hash
        if not rows.has(about) and not given.table:
            rows.add(about | measured(made, seed))
        mine += [r for r in rows if all(r[k] == v for k, v in about.items())]
    print(table(mine, tasks))
    transfer, _ = matrices(mine, tasks)
    if np.isnan(transfer).sum() == len(tasks):
        print(", ".join(f"{k} {v:+.2f}" for k, v in orders(transfer).items()))
    put(PAGE, f"transfer {whole.name}", table(mine, tasks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
