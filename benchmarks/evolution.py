"""Evolution against defaults at equal compute: what searching for settings buys, and what the same steps buy without.

    python benchmarks/evolution.py [--task Basic-v0] [--tier small] [--seeds 3] [--population 5] [--generations 3]

For each seed three ways to spend as many steps: `evolution`, a population of runs of the tier's length, all on a seed
of their own, whose best settings are then learnt with once more, on the seed of the row; `best of`, as many runs with
the default settings, each on another seed, of which the best policy is taken (its score is that of its own run, so it
is chosen in its favour); `longer`, one run with the default settings and all those steps (its curve goes over more of
them). Beside them `default`: one run of the tier's length with no search at all. Curve: the mean of the evaluations of
a run, held at its best after that (libero.auc). A row for every (way, seed) goes to results/evolution.jsonl as it ends;
what has a row is not made again, and a search that was stopped goes on. Then means with 95 % bootstrap intervals.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ludus.curricula import curriculum, evolve, genes, metrics, plan, runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.record import Run, read_run
from ludus.curricula.rows import Rows
from ludus.curricula.statistics import interval

RESULTS = Path(__file__).parent / "results" / "evolution.jsonl"
RUNS = Path("runs") / "evolution"
FIRST = 100  # seeds of what is searched; results are of seeds 0, 1, …
LIVES, SCORE = 2, "libero.auc"  # of every individual; how fast it learns, for at its end much is solved or nothing


def lived(made: Curriculum, asked: argparse.Namespace, seed: int, *where: str) -> Run:
    """One run, or what is there of it gone on with."""
    out = RUNS.joinpath(made.name, asked.tier, *where)
    return read_run(runner.run(made, tier=asked.tier, seed=seed, device="cpu", out=out, resume=True))


def default(made: Curriculum, asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    return told(lived(made, asked, seed, f"default-{seed}"))


def longer(made: Curriculum, asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    stages = tuple(s.model_copy(update={"steps": s.steps * runs(asked)}) for s in made.stages)
    return told(lived(made.model_copy(update={"stages": stages}), asked, seed, f"longer-{seed}"))


def best_of(made: Curriculum, asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    many = [lived(made, asked, FIRST + seed * 1000 + i, f"best-of-{seed}", str(i)) for i in range(runs(asked))]
    return told(max(many, key=score))


def evolution(made: Curriculum, asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    out = RUNS.joinpath(made.name, asked.tier, f"evolution-{seed}")
    size = {"population": asked.population, "generations": asked.generations, "lives": LIVES}
    best = evolve.evolve(made, out, seed=FIRST + LIVES * seed, score=SCORE, tier=asked.tier, **size)
    found = genes.bred(made, made.usual, best["settings"])
    return told(lived(found, asked, seed, f"evolved-{seed}")) | {"found": best["settings"], "searched": best["score"]}


WAYS: dict[str, Callable[[Curriculum, argparse.Namespace, int], dict[str, Any]]] = {
    "default": default, "evolution": evolution, "best of": best_of, "longer": longer,
}  # fmt: skip


def runs(asked: argparse.Namespace) -> int:
    """Lives of the tier's length that each way may spend: the population's, and the one with what was found."""
    return asked.population * asked.generations * LIVES + 1


def score(run: Run) -> float:
    return metrics.measure(SCORE, run.scores).value


def told(run: Run) -> dict[str, Any]:
    """How fast it learnt, and what its last evaluation found."""
    return {"score": round(score(run), 4), "last": run.rows[-1]["success"]}


def table(there: list[dict[str, Any]], keys: list[dict[str, Any]]) -> str:
    lines = ["| way | lives | learning curve | 95 % | at its end | 95 % | seeds |", "|---|--:|--:|--:|--:|--:|--:|"]
    for way in dict.fromkeys(k["way"] for k in keys):
        wanted = [k for k in keys if k["way"] == way]
        found = [r for r in there if any(k.items() <= r.items() for k in wanted)]
        lives = 1 if way == "default" else found[0]["lives"]
        spreads = [_said([r[k] for r in found]) for k in ("score", "last")]
        lines.append(f"| {way} | {lives} | {' | '.join(spreads)} | {len(found)} |")
    return "\n".join(lines)


def _said(values: list[float]) -> str:
    spread = interval(values)
    return f"{spread.estimate:.2f} | " + ("–" if spread.low is None else f"{spread.low:.2f} to {spread.high:.2f}")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--task", default="Basic-v0")
    ask.add_argument("--tier", default="small")
    ask.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--population", type=int, default=5)
    ask.add_argument("--generations", type=int, default=3)
    ask.add_argument("--out", type=Path, default=RESULTS)
    asked = ask.parse_args()
    made = curriculum.load(asked.task)
    same = {"task": asked.task, "tier": asked.tier, "population": asked.population, "generations": asked.generations}
    same |= {"lives": runs(asked), "score_of": SCORE, "hash": plan.plan(made, made.usual, tier=asked.tier).hash}
    same |= {"genes": {name: gene.model_dump(exclude_defaults=True) for name, gene in genes.genes(made.usual).items()}}
    same = json.loads(json.dumps(same))  # as the rows are read
    keys = [{"way": way, "seed": seed} | same for seed in range(asked.seeds) for way in asked.ways]
    rows = Rows(asked.out)
    for key in keys:
        if not rows.has(key):
            began = time.process_time()
            found = WAYS[key["way"]](made, asked, key["seed"])
            rows.add(key | found | {"cpu_seconds": round(time.process_time() - began)})
    print(table(rows, keys))


if __name__ == "__main__":
    main()
