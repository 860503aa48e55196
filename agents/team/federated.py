"""Federated averaging: separate learners that now and then become their mean.

FedAvg of McMahan et al. 2017 (https://arxiv.org/abs/1602.05629), algorithm 1: all start from the same weights, learn on
what each alone has met, and every so often take the average of all weights, each counted by the rows it learnt from.
With one step of plain gradient descent between two averages this is a step along the joint gradient; with more steps,
or with Adam, whose moments stay with each learner, it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from .team import Team

Weights = Mapping[str, torch.Tensor]


class Federated(Team):
    """A learner for every agent; every: rows of the whole team between two averages."""

    def __init__(self, born, seating, every: int = 16_384):
        super().__init__(born, seating, every)
        if not every:
            raise ValueError("every must be a number of rows from 1, not 0")
        self._begun = False

    def gather(self):
        if not self._begun:  # the average of weights that began apart means nothing, as the paper shows
            for learner, seat in zip(self.learners, self.table.seats, strict=True):
                learner.birth(seat)
            self._take(self.learners[0].model.policy.state_dict())
            self._alike()
        self._begun = True

    def _alike(self) -> None:
        """What a stage starts afresh would else part them again."""
        for learner in self.learners[1:]:
            learner.resemble(self.learners[0])

    def meet(self):
        shares = [seat.num_envs for seat in self.table.seats]
        self._take(average([learner.model.policy.state_dict() for learner in self.learners], shares))

    def _take(self, weights: Weights) -> None:
        for learner in self.learners:
            learner.model.policy.load_state_dict(weights)

    def restore(self, state, env):
        super().restore(state, env)
        self._alike()
        self._begun = True


def average(weights: Sequence[Weights], shares: Sequence[float]) -> dict[str, torch.Tensor]:
    """name -> sum over k of share_k w_k / sum of shares."""
    total = sum(shares)
    return {
        name: sum((w[name] * (share / total) for w, share in zip(weights, shares, strict=True)), torch.zeros(()))
        for name in weights[0]
    }
