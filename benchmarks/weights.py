"""How heavy should what holds on to weights be? Methods of regularisation on a curriculum, on a seed that no table has.

    python benchmarks/weights.py [grasp-4 avoid-4] [--methods ewc …] [--seed 100] [--table]

A row for each (curriculum, method, weight) goes to results/weights.jsonl; rows that are there are not made again. The
weight with the highest mean success at the end stands in the curriculum's file. The tables of docs/benchmark.md are
written from the rows; --table does only that.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ludus.curricula import curriculum, plan, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import TRIALS, Rows, put
from ludus.envs.registry import nearest

RESULTS = Path(__file__).parent / "results" / "weights.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "benchmark.md"
RUNS = Path("runs") / "weights"
GRID = {
    "l2": (0.001, 0.01, 0.1),
    "ewc": (0.03, 0.1, 0.3, 1.0),
    "online-ewc": (0.1, 0.3, 1.0),
    "mas": (0.03, 0.3, 3.0),
    "si": (0.03, 0.3, 3.0),
}
CURRICULA = ("grasp-4", "avoid-4")


def made(name: str, method: str, weight: float) -> curriculum.Curriculum:
    """The curriculum, with that weight for the method."""
    found = curriculum.load(name)
    settings = found.methods.get(method, {}) | {"weight": weight}
    return found.model_copy(update={"methods": found.methods | {method: settings}})


def about(name: str, method: str, weight: float, seed: int) -> dict[str, Any]:
    """What a row is of."""
    one = made(name, method, weight)
    hash = plan.plan(one, one.usual, methods=[method]).hash
    return {"curriculum": name, "method": method, "weight": weight, "hash": hash, "seed": seed}


def measured(name: str, method: str, weight: float, seed: int) -> dict[str, Any]:
    """Success in each task at the end of its own stage, and at the end of all."""
    started, out = time.process_time(), RUNS / f"{name}-{method}-{weight}-{seed}"
    run = read_run(runner.run(made(name, method, weight), methods=[method], seed=seed, out=out, resume=True))
    scores = run.scores
    learnt = [float(scores.at_end(i)[task]) for i, task in enumerate(scores.trained)]
    end = [float(s) for s in scores.at_end(scores.final)]
    return {"learnt": learnt, "end": end, "cpu_seconds": round(time.process_time() - started)}


def table(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a method, a column a weight; mean success as learnt → at the end."""
    weights = sorted({w for row in GRID.values() for w in row})
    lines = [f"| {name}, weight | {' | '.join(f'{w:g}' for w in weights)} |", "|---" + "|--:" * len(weights) + "|"]
    for method in GRID:
        found = {r["weight"]: r for r in rows if r["method"] == method}
        cells = [f"{_mean(r['learnt'])} → {_mean(r['end'])}" if (r := found.get(w)) else "—" for w in weights]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("curricula", nargs="*", default=list(CURRICULA))
    ask.add_argument("--methods", nargs="+", default=list(GRID))
    ask.add_argument("--seed", type=int, default=TRIALS)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    for method in given.methods:
        if method not in GRID:
            raise nearest(method, list(GRID), "method with a weight")
    rows = Rows(given.out)
    for name in given.curricula:
        for method in [] if given.table else given.methods:
            for weight in GRID[method]:
                rows.once(about(name, method, weight, given.seed), partial(measured, name, method, weight, given.seed))
        known = [about(name, method, w, given.seed) for method in GRID for w in GRID[method]]
        found = table(name, [r for r in rows if any(r.items() >= k.items() for k in known)])
        print(found)
        put(PAGE, f"weights {name}", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
