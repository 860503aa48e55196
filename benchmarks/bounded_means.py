"""Does the next task suffer when a mean of actions is free, squashed or cut? avoid-4 by fine-tuning, each way.

    python benchmarks/bounded_means.py [--ways free cut squashed] [--seeds 3] [--table]

A row for each (way, seed), with every stage's success at its own end, goes to results/bounded-means.jsonl; rows that
are there are not made again. The table of docs/algorithms.md is written from the rows; --table does only that.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ludus.agents import networks
from ludus.curricula import curriculum, plan, runner
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put

RESULTS = Path(__file__).parent / "results" / "bounded-means.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "algorithms.md"
RUNS = Path("runs") / "bounded-means"
WAYS = ("free", "squashed", "cut")


def told(way: str) -> curriculum.Curriculum:
    """avoid-4, with its bound or without."""
    made = curriculum.load("avoid-4")
    ppo = made.algorithms["ppo"]
    return (
        made.model_copy(update={"algorithms": {"ppo": ppo.model_copy(update={"bound": None})}})
        if way == "free"
        else made
    )


def squash(layer: nn.Module, most: float) -> None:
    """What `bound` did until its gradient was seen to vanish."""
    layer.register_forward_hook(lambda module, given, said: most * torch.tanh(said / most))


@contextlib.contextmanager
def bounding(way: str) -> Iterator[None]:
    """As the suite does it, or squashed."""
    usual = networks.bound
    networks.bound = squash if way == "squashed" else usual
    try:
        yield
    finally:
        networks.bound = usual


def about(way: str) -> dict[str, Any]:
    """What a row is of, the seed apart."""
    made = told(way)
    return {"way": way, "hash": plan.plan(made, made.usual).hash}


def measured(way: str, made: curriculum.Curriculum, seed: int) -> dict[str, Any]:
    """Success at the end of each stage at its own task, over the last evaluation's episodes."""
    with bounding(way):
        run = read_run(runner.run(made, seed=seed, out=RUNS / f"{way}-{seed}", resume=True))
    scores = run.scores
    ends = [scores.score[(scores.stage == i) & scores.last][-1, i] for i in range(len(made.stages))]
    return {"learnt": [round(float(end), 3) for end in ends], "seconds": round(run.costs["seconds"])}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line for each way; the mean of the seeds' success for every stage, and the least."""
    names = [stage.task.rpartition("/")[2].replace("-v0", "") for stage in curriculum.load("avoid-4").stages]
    lines = [f"| mean | seeds | {' | '.join(names)} | least |", f"|---|--:|{'--:|' * (len(names) + 1)}"]
    for way in (w for w in WAYS if any(r["way"] == w for r in rows)):
        each = [r["learnt"] for r in rows if r["way"] == way]
        means = [f"{sum(stage) / len(each):.2f}" for stage in zip(*each, strict=True)]
        lines.append(f"| {way} | {len(each)} | {' | '.join(means)} | {min(map(min, each)):.2f} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    rows = Rows(given.out)
    for seed in range(0 if given.table else given.seeds):
        for way in given.ways:
            rows.once(about(way) | {"seed": seed}, partial(measured, way, told(way), seed))
    found = table(rows.current(map(about, WAYS)))
    print(found)
    put(PAGE, "bounded means", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
