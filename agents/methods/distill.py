"""Distill: learn each task afresh, then teach one policy what each fresh one does.

Ahn et al. 2024, "Reset & Distill" (https://arxiv.org/abs/2403.05066): the learning networks start anew at every task,
so that no old one stands in their way, and an offline actor is taught on rows of all tasks. Its loss is the
distillation loss of Hinton et al. 2015 (https://arxiv.org/abs/1503.02531), α·CE + (1 − α)·KL: CE the cross-entropy
with the action that the teacher likes best, KL the divergence from its whole distribution.
"""

from __future__ import annotations

import torch

from .. import outputs as policies
from ..method import Memory
from .behaviour import load, reborn, remembered
from .columns import Columns


class Distill(Columns):
    """size: rows kept of each task; alpha: α; afresh: whether the learning networks start anew at each task;
    steps, rate, batch: of the teaching at a task's end."""

    def __init__(
        self,
        size: int = 10_000,
        alpha: float = 0.5,
        afresh: bool = True,
        steps: int = 2000,
        rate: float = 1e-3,
        batch: int = 512,
        seed: int = 0,
    ):
        super().__init__(size, steps, rate, batch, seed)
        self.alpha, self.afresh = alpha, afresh
        self.memory = Memory(seed)

    def on_task_start(self, learner, task):
        super().on_task_start(learner, task)
        if self.afresh and self.tasks:
            new = reborn(learner, self.seed, "distill", self.tasks)
            load(dict(learner.model.policy.named_parameters()), new)

    def on_task_end(self, learner, task):
        self.memory.tasks.append(remembered(learner, self.recent.draw(learner, self.size, self.memory.generator)))
        self.teach(learner, lambda: self.loss(learner))

    def loss(self, learner) -> torch.Tensor:
        old = {k: v.to(learner.model.device) for k, v in self.memory.sample(self.batch).items()}
        new = learner.distribution(old["obs"])
        return (self.alpha * cross_entropy(new, old) + (1 - self.alpha) * new.divergence(old)).mean()

    def state(self):
        state = super().state()
        state.put("memory", self.memory.state())
        return state

    def restore(self, state):
        super().restore(state)
        self.memory.restore(state.get("memory"))


def cross_entropy(new: policies.Output, old: policies.Kept) -> torch.Tensor:
    """(n,) −log probability, to new, of the action that old likes best; a shared spread is taken to be the old one."""
    if isinstance(new, policies.Gaussian):
        spread = old["log_std"] if new.shared else new.log_std
        return -policies.Gaussian(new.mean, spread).log_prob(old["mean"])
    best = [part.argmax(dim=1) for part in torch.split(old["logits"], list(new.sizes), dim=1)]
    return -new.log_prob(torch.stack(best, dim=1))
