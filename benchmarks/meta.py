"""Steps to 80 % on held-out tasks, from a meta-learnt start and from scratch.

    python benchmarks/meta.py [robots:100:0] [--only MovingObstacles-v0] [--rule reptile] [--seeds 3] [--tier smoke]

Tasks are those that `ludus curricula --generate` draws, of one name where asked; the last of them are held out. A start
is meta-learnt on the others; then every held-out task is learnt from it and from new weights, with the same settings,
and tried after every piece. What is not reached within the budget counts as the budget, and is marked. The ratio of
steps has a 95 % bootstrap interval over seeds. What meta-learning itself took stands in the row, to be weighed against
what it saves. A row for every seed goes to results/meta.jsonl; one that is there, of the same settings, is kept.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from ludus.agents.learner import Learner
from ludus.agents.meta import rules
from ludus.agents.meta.adaptation import Adaptation
from ludus.curricula import body, evaluation, generate, plan
from ludus.curricula.curriculum import Curriculum, Stage
from ludus.curricula.rows import Rows
from ludus.curricula.statistics import interval

RESULTS = Path(__file__).parent / "results" / "meta.jsonl"
ENOUGH = 0.8
SIZES = {  # rounds of tasks each, rows of learning in each; tasks held out, rows a piece, pieces, episodes a trial
    "full": dict(rounds=60, batch=4, inner=24_000, held=4, piece=12_000, pieces=50, episodes=40),
    "smoke": dict(rounds=1, batch=2, inner=3_000, held=1, piece=3_000, pieces=2, episodes=4),
}


def family(spec: str, only: str) -> Curriculum:
    """The tasks that are drawn. Raises ValueError where too few are of that name."""
    made = generate.generate(*generate.parse(spec))
    stages = tuple(s for s in made.stages if only in s.task)
    if len(stages) < 3:
        raise ValueError(
            f"{spec} has {len(stages)} tasks called {only!r}; three are needed to learn from and be tried on"
        )
    return made.model_copy(update={"stages": stages})


def measure(made: Curriculum, rule: str, rate: float, weight: float, size: dict[str, int], seed: int) -> dict[str, Any]:
    """One seed: the start is meta-learnt, and held-out tasks are learnt with it and without."""
    began, interface = time.process_time(), body.of(made, "instructed")
    algorithm = made.usual if interface.actions == "continuous" else "maskable-ppo"
    given = made.algorithms[algorithm]
    env = lambda s: interface.env([s.task], given.rows, [s.settings])  # noqa: E731
    gradients = rule != "reptile" or weight > 0
    adapt = Adaptation(env, size["inner"], algorithm, given.settings, gradients)
    known, held = made.stages[: -size["held"]], made.stages[-size["held"] :]
    start = adapt.start(known[0], seed)
    for moved in rules.learn(start, known, adapt, rule, size["rounds"], size["batch"], rate, weight, seed):
        start = moved
    spent = time.process_time() - began

    def steps(stage: Stage, weights: rules.Weights | None) -> tuple[int, bool]:
        """(rows until ENOUGH, or all there are; whether it was reached)."""
        world = interface.world(stage.task, size["episodes"], settings=stage.settings)
        venv = env(stage)
        learner: Learner = adapt.born(venv, weights, seed)
        reached = False
        for _ in range(size["pieces"]):
            learner.learn(size["piece"])
            with learner.trial(stage.task) as act:
                if reached := evaluation.evaluate(world, act)["success"] >= ENOUGH:
                    break
        venv.close()
        world.close()
        return learner.num_timesteps, reached

    pairs = {s.task: (steps(s, start), steps(s, None)) for s in held}
    return {"tasks": pairs, "meta_cpu_minutes": round(spent / 60, 1), "known": len(known)}


def table(rows: list[dict[str, Any]]) -> str:
    """Ratios of steps over seeds; below 1 the start saves steps."""
    ratios = [float(np.mean([a[0] / b[0] for a, b in row["found"]["tasks"].values()])) for row in rows]
    missed = sum(not reached for row in rows for pair in row["found"]["tasks"].values() for _, reached in pair)
    whole = interval(ratios)
    between = f" ({whole.low:.2f} to {whole.high:.2f})" if whole.low is not None else f" ({whole.note})"
    return f"steps to {ENOUGH:.0%}, start / scratch: {whole.estimate:.2f}{between}; {missed} not reached"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", nargs="?", default="robots:100:0", help="FAMILY:TASKS:SEED")
    parser.add_argument("--only", default="", help="tasks whose id has this in it")
    parser.add_argument("--rule", choices=list(rules.RULES), default="reptile")
    parser.add_argument("--rate", type=float, default=0.5, help="of the outer steps")
    parser.add_argument("--weight", type=float, default=0.0, help="λ, of the tasks' own loss at the start")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--tier", choices=list(SIZES), default="full")
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    settings = {k: v for k, v in vars(asked).items() if k not in ("seeds", "first", "out")}
    made = family(asked.family, asked.only)
    settings |= SIZES[asked.tier] | {"hash": plan.plan(made, made.usual).hash}
    rows = Rows(asked.out)
    for seed in range(asked.first, asked.first + asked.seeds):
        key = {"seed": seed, "settings": settings}
        if not rows.has(key):
            rows.add(key | {"found": measure(made, asked.rule, asked.rate, asked.weight, SIZES[asked.tier], seed)})
    print(table([r for r in rows if r["settings"] == settings]))


if __name__ == "__main__":
    main()
