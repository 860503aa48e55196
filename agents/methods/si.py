"""SI: synaptic intelligence, a pull as strong as what a weight did for the loss on its way.

Zenke et al. 2017, "Continual learning through synaptic intelligence" (https://arxiv.org/abs/1703.04200): the path
integral ω_k = Σ −g_k Δθ_k over a task's updates, Ω_k = Σ_tasks ω_k / (Δ_k² + ξ) with Δ_k the whole way, and a
quadratic penalty. What worked against the loss counts as nothing. Stands before other methods in a list: g is the
gradient that it finds.
"""

from __future__ import annotations

import torch

from .anchoring import Anchoring
from .behaviour import Weights, acting, among, copied


class Si(Anchoring):
    """weight: of the penalty weight/2 · Σ_k Ω_k (θ_k − θ*_k)² (2c of the paper's); damping: ξ."""

    working = Anchoring.working | {"path", "start"}  # of the task at hand, until they are importances

    def __init__(self, weight: float = 3.0, damping: float = 1e-3):
        super().__init__(weight, samples=0)
        self.damping = damping
        self.path: Weights = {}  # ω
        self.start: Weights = {}
        self._step: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}  # gradient and weight before an update

    def on_rollout(self, learner):
        """Nothing is estimated."""

    def on_task_start(self, learner, task):
        self.start = copied(acting(learner, private=False))
        self.path = {k: torch.zeros_like(p) for k, p in self.start.items()}

    def on_gradient(self, learner, net, params):
        found = among(learner, params)
        self._step = {k: (p.grad.clone(), p.detach().clone()) for k, p in found.items() if p.grad is not None}
        super().on_gradient(learner, net, params)

    def on_update(self, learner, net, params):
        found = among(learner, params)
        for k in found.keys() & self._step.keys():
            gradient, before = self._step[k]
            self.path[k] -= gradient * (found[k].detach() - before)

    def importance(self, learner):
        moved = {k: p.detach() - self.start[k] for k, p in acting(learner, private=False).items()}
        return {k: self.path[k].clamp(min=0) / (way**2 + self.damping) for k, way in moved.items()}

    def parts(self):
        return super().parts() | {"path": self.path, "start": self.start}
