"""Reservoir: mix old transitions into the batches of an off-policy algorithm, the naive kind of replay.

A uniform sample of everything ever seen, of bounded size (Vitter 1985, "Random sampling with a reservoir"), as
"reservoir" in Continual World (Wolczyk et al. 2021, https://arxiv.org/abs/2105.10919), where it does badly.
"""

from __future__ import annotations

import numpy as np
import torch

from ..method import Memory, Method
from ..state import State

FIELDS = ("observations", "actions", "next_observations", "dones", "rewards")


class Reservoir(Method):
    """size: transitions kept in all; share: of each batch that is old."""

    algorithms = ("sac",)

    def __init__(self, size: int = 100_000, share: float = 0.5, seed: int = 0):
        self.size, self.share = size, share
        self.memory = Memory(seed)
        self.rng = np.random.default_rng(seed)
        self.seen = 0

    def on_task_end(self, learner, task):
        """How many of the sample are new is hypergeometric: the same as deciding transition by transition."""
        new = self._transitions(learner.model.replay_buffer)
        count = len(new["rewards"])
        keep = min(self.size, self.seen + count)
        fresh = int(self.rng.hypergeometric(count, self.seen, keep)) if self.seen else keep
        chosen = [self._rows(new, self.memory.pick(fresh, count))]
        if self.memory.tasks:
            old = self.memory.tasks[0]
            chosen.append(self._rows(old, self.memory.pick(keep - fresh, len(old["rewards"]))))
        self.memory.tasks = [{k: torch.cat([c[k] for c in chosen]) for k in FIELDS}]
        self.seen += count

    def on_batch(self, learner, batch):
        if not self.memory.tasks:
            return batch
        old = self.memory.sample(int(len(batch.rewards) * self.share))
        mixed = {k: torch.cat([getattr(batch, k)[len(old[k]) :], old[k].to(batch.rewards.device)]) for k in FIELDS}
        return batch._replace(**mixed)

    def _transitions(self, buffer) -> dict[str, torch.Tensor]:
        end = buffer.buffer_size if buffer.full else buffer.pos
        ended = buffer.dones[:end] * (1 - buffer.timeouts[:end])  # a time limit is no end: SB3 bootstraps through it
        arrays = (
            buffer.observations[:end],
            buffer.actions[:end],
            buffer.next_observations[:end],
            ended,
            buffer.rewards[:end],
        )
        flat = [torch.as_tensor(a.reshape(end * buffer.n_envs, -1), dtype=torch.float32) for a in arrays]
        return dict(zip(FIELDS, flat, strict=True))

    @staticmethod
    def _rows(columns: dict[str, torch.Tensor], rows: torch.Tensor) -> dict[str, torch.Tensor]:
        return {k: v[rows] for k, v in columns.items()}

    def state(self):
        state = State(meta={"seen": self.seen, "rng": self.rng.bit_generator.state})
        state.put("memory", self.memory.state())
        return state

    def restore(self, state):
        self.seen, self.rng.bit_generator.state = state.meta["seen"], state.meta["rng"]
        self.memory.restore(state.get("memory"))
