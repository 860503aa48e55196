"""Reptile and first-order MAML: how a start moves by what a few steps from it led to.

Nichol, Achiam and Schulman 2018, "On first-order meta-learning algorithms" (https://arxiv.org/abs/1803.02999); MAML:
Finn, Abbeel and Levine 2017 (https://arxiv.org/abs/1703.03400). Neither rule knows of Stable-Baselines3 or of a world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...envs.registry import nearest

Weights = Mapping[str, np.ndarray]


class Adapted(NamedTuple):
    """What a few steps of learning on one task came to.

    weights: behind them; gradient: of the task's loss there, on new data; before: the same at the start.
    """

    weights: Weights
    gradient: Weights
    before: Weights


Adapt = Callable[[Weights, Any, int], Adapted]  # from a start, on a task, with a number to draw by


def reptile(start: Weights, found: Sequence[Adapted], rate: float, task: float = 0.0) -> dict[str, np.ndarray]:
    """start + rate · mean(weights − start): towards where the tasks' learning leads."""
    return {k: w + rate * (_mean(f.weights[k] - w for f in found) - task * _mean(f.before[k] for f in found))
            for k, w in start.items()}  # fmt: skip


def fomaml(start: Weights, found: Sequence[Adapted], rate: float, task: float = 0.0) -> dict[str, np.ndarray]:
    """start − rate · mean(gradient behind the steps): MAML without second derivatives."""
    return {k: w - rate * _mean(f.gradient[k] + task * f.before[k] for f in found) for k, w in start.items()}


RULES = {"reptile": reptile, "fomaml": fomaml}


def learn(
    start: Weights,
    tasks: Sequence[Any],
    adapt: Adapt,
    rule: str = "reptile",
    rounds: int = 100,
    batch: int = 4,
    rate: float = 0.5,
    task: float = 0.0,
    seed: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """The start after each of so many rounds: a batch of tasks is drawn, learnt from it for a while, and it moves.

    rate: falls evenly to 0 over the rounds. task: λ of L = L_meta + λ · L_task, the weight of the tasks' loss at the
    start itself, before anything is learnt: the more, the nearer to learning all tasks at once.
    Raises UnknownName for a rule that is none, ValueError without tasks.
    """
    if rule not in RULES:
        raise nearest(rule, RULES, "rule of meta-learning")
    if not tasks or batch < 1:
        raise ValueError(f"a round needs tasks: {batch} of {len(tasks)}")
    draw, start = np.random.default_rng(seed), dict(start)
    for done in range(rounds):
        chosen = draw.choice(len(tasks), min(batch, len(tasks)), replace=False)
        found = [adapt(start, tasks[i], int(draw.integers(2**31))) for i in chosen.tolist()]
        start = RULES[rule](start, found, rate * (1 - done / rounds), task)
        yield start


def _mean(arrays: Iterator[np.ndarray]) -> np.ndarray:
    return np.mean(list(arrays), axis=0)
