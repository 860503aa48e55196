"""Reservoir: mix old transitions into the batches of an off-policy algorithm, the naive kind of replay.

A uniform sample of all that stood in the buffer as its stage ended, of bounded size (Vitter 1985, "Random sampling with
a reservoir"), as "reservoir" in Continual World (Wolczyk et al. 2021, https://arxiv.org/abs/2105.10919), where it does
badly.
"""

from __future__ import annotations

import numpy as np
import torch

from .mixing import Columns, Mixing, rows, transitions


class Reservoir(Mixing):
    """size: transitions kept in all; share: of each batch that is old."""

    def __init__(self, size: int = 100_000, share: float = 0.5, seed: int = 0):
        super().__init__(size, share, seed)
        self.rng = np.random.default_rng(seed)
        self.seen = 0

    def on_task_end(self, learner, task):
        new = transitions(learner)
        self.memory.tasks = [self.sampled(new)]

    def sampled(self, new: Columns) -> Columns:
        """A uniform sample of all that was seen, new among it. How many of it are new is hypergeometric: the same as
        deciding one by one."""
        count = len(next(iter(new.values())))
        keep = min(self.size, self.seen + count)
        fresh = int(self.rng.hypergeometric(count, self.seen, keep)) if self.seen else keep
        chosen = [rows(new, self.memory.pick(fresh, count))]
        if self.memory.tasks:
            old = self.memory.tasks[0]
            chosen.append(rows(old, self.memory.pick(keep - fresh, len(next(iter(old.values()))))))
        self.seen += count
        return {k: torch.cat([c[k] for c in chosen]) for k in new}

    def state(self):
        state = super().state()
        state.meta |= {"seen": self.seen, "rng": self.rng.bit_generator.state}
        return state

    def restore(self, state):
        super().restore(state)
        self.seen, self.rng.bit_generator.state = state.meta["seen"], state.meta["rng"]
