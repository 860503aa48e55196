"""Agents that distil into each other: every so often each follows what the others would do.

Deep mutual learning (Zhang et al. 2018, https://arxiv.org/abs/1706.00384): learner k adds to its own loss the mean of
KL(p_l || p_k) over the others l. Here that loss is taken in a short study between stretches of learning, on the rows
that all of them met last, for reinforcement learning has no common batch; in each of its steps all learners move at
once, each towards where the others were.
"""

from __future__ import annotations

import torch

from ..methods.behaviour import Recent, acting, study
from .team import Team


class Mutual(Team):
    """A learner for every agent.

    every: rows of the whole team between two meetings; steps, rate: of Adam in each; batch: rows each learner brings.
    """

    def __init__(
        self,
        born,
        seating,
        every: int = 16_384,
        steps: int = 10,
        rate: float = 3e-4,
        batch: int = 256,
    ):
        super().__init__(born, seating, every)
        self.steps, self.rate, self.batch = steps, rate, batch
        self._generator = torch.Generator().manual_seed(self.learners[0].seed)

    def meet(self):
        rows = torch.cat([self._met_last(learner) for learner in self.learners])
        params = [p for learner in self.learners for p in acting(learner).values()]
        if self.count > 1:
            study(params, lambda: self._apart(rows), self.steps, self.rate)

    def _apart(self, rows: torch.Tensor) -> torch.Tensor:
        """How far all are from the others, who are held where they are now."""
        said = [learner.distribution(rows).keep() for learner in self.learners]
        each = [apart(a, rows, said[:i] + said[i + 1 :]) for i, a in enumerate(self.learners)]
        return torch.stack(each).sum()

    def _met_last(self, learner) -> torch.Tensor:
        recent = Recent(1)
        if not learner.off_policy:
            recent.add(learner)
        return recent.draw(learner, self.batch, self._generator)

    def state(self):
        state = super().state()
        state.arrays["generator"] = self._generator.get_state().numpy()
        return state

    def restore(self, state, env):
        super().restore(state, env)
        self._generator.set_state(torch.from_numpy(state.arrays["generator"].copy()))


def apart(learner, rows: torch.Tensor, others: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    """The mean over others l and rows of KL(p_l || p_k), k being the learner."""
    said = learner.distribution(rows)
    return torch.stack([said.divergence(other).mean() for other in others]).mean()
