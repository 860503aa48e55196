"""L2: hold every weight of the actor to its value at the last task's end.

The baseline of Kirkpatrick et al. 2017 (https://arxiv.org/abs/1612.00796) and of Continual World
(https://arxiv.org/abs/2105.10919): a quadratic penalty in which all weights matter alike.
"""

import torch

from .anchoring import Anchoring


class L2(Anchoring):
    """weight: of the penalty weight/2 · Σ (θ − θ*)²."""

    def __init__(self, weight: float = 1.0):
        super().__init__(weight, samples=0)

    def on_rollout(self, learner):
        """Nothing is estimated."""

    def importance(self, learner):
        return {}

    def remember(self, params, new):
        self.importances = {k: torch.ones_like(p) for k, p in params.items()}
        self.pull = {k: p.detach().clone() for k, p in params.items()}
