"""Progress & Compress: an active column learns the task, a knowledge base takes it in under online EWC.

Schwarz et al. 2018 (https://arxiv.org/abs/1805.06370). Progress: the algorithm trains the active column. Compress: the
knowledge base minimises E[KL(active || base)] + λ/2 Σ γ F* (θ − θ*)², on rows of the task alone,
then F* ← γ F* + F. No old rows are kept. Two things differ: the columns are not joined by lateral connections, instead
the active one starts each task from the knowledge base; and the base is taught on stored rows, not on new episodes.
"""

from __future__ import annotations

import torch

from ..state import State
from .behaviour import Weights, acting, begin, copied, load, reborn, remembered
from .columns import Columns
from .ewc import fisher


class ProgressCompress(Columns):
    """weight: λ; decay: γ; afresh: the active column starts anew (the paper's choice for distant tasks) and not from
    the base; samples: rows for F; size: rows to compress on; steps, rate, batch: of compressing."""

    def __init__(
        self,
        weight: float = 100.0,
        decay: float = 0.95,
        afresh: bool = False,
        samples: int = 1024,
        size: int = 10_000,
        steps: int = 2000,
        rate: float = 1e-3,
        batch: int = 512,
        seed: int = 0,
    ):
        super().__init__(size, steps, rate, batch, seed)
        self.weight, self.decay, self.afresh, self.samples = weight, decay, afresh, samples
        self.importances: Weights = {}

    def on_task_start(self, learner, task):
        super().on_task_start(learner, task)
        if self.tasks:
            begin(learner, self._newborn(learner) if self.afresh else self.kept)

    def _newborn(self, learner) -> Weights:
        new, names = reborn(learner, self.seed, "progress-compress", self.tasks), acting(learner)
        return {k: v for k, v in new.items() if k in names}

    def on_task_end(self, learner, task):
        rows = self.recent.draw(learner, self.size, self.generator)
        active, anchor = remembered(learner, rows), dict(self.kept)
        self.teach(learner, lambda: self.loss(learner, active, anchor))
        learnt = copied(acting(learner))
        load(acting(learner), self.kept)
        for k, new in fisher(learner, rows[: self.samples], self.generator).items():
            self.importances[k] = self.decay * self.importances.get(k, 0) + new
        load(acting(learner), learnt)

    def loss(self, learner, active, anchor: Weights) -> torch.Tensor:
        picks = torch.randint(len(active["obs"]), (self.batch,), generator=self.generator)
        old = {k: v[picks.to(v.device)] for k, v in active.items()}
        held = [(self.decay * self.importances[k] * (p - anchor[k]) ** 2).sum()
                for k, p in acting(learner).items() if k in self.importances]  # fmt: skip
        return learner.distribution(old["obs"]).divergence(old).mean() + 0.5 * self.weight * sum(held)

    def state(self):
        state = super().state()
        state.put("importances", State.of(self.importances))
        return state

    def restore(self, state):
        super().restore(state)
        self.importances = state.get("importances").tensors()
