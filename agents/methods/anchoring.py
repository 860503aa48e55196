"""What methods that hold weights to old values share: importances, and a quadratic pull.

The penalty is weight/2 · Σ_k A_k (θ_k − θ*_k)², over the actor's parameters alone: a critic has to forget what old
tasks were worth (Wolczyk et al. 2021, https://arxiv.org/abs/2105.10919, found it harmful to hold it). Where a paper
writes λ without the half, weight is 2λ. Penalties of several tasks, Σ_i F_i (θ − θ_i)², have the gradient (Σ F_i) θ −
Σ F_i θ_i, so two numbers a parameter are kept however many tasks there were.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ..method import Method, wind
from ..state import State
from .behaviour import Recent, Weights, acting, among


class Anchoring(Method):
    """weight: of the penalty; samples: rows of the task that importances are estimated on.

    A subclass says a task's importance(); remember() says how tasks add up.
    """

    def __init__(self, weight: float = 1.0, samples: int = 1024, seed: int = 0):
        self.weight, self.samples = weight, samples
        self.generator = torch.Generator().manual_seed(seed)
        self.recent = Recent(samples)
        self.importances: Weights = {}  # A
        self.pull: Weights = {}  # A θ*

    def importance(self, learner) -> Weights:
        """name -> tensor shaped as the actor's parameter: what the task that ends adds to A."""
        raise NotImplementedError

    def remember(self, params: Mapping[str, torch.Tensor], new: Weights) -> None:
        """Importances add up; the values of now are the ones to stay at (MAS, SI)."""
        for k, p in params.items():
            self.importances[k] = self.importances.get(k, 0) + new[k]
            self.pull[k] = self.importances[k] * p.detach()

    def on_rollout(self, learner):
        self.recent.add(learner)

    def on_task_end(self, learner, task):
        self.remember(acting(learner, private=False), self.importance(learner))
        self.recent.rollouts.clear()

    def on_gradient(self, learner, net, params):
        """Add weight · (A θ − A θ*)."""
        for k, p in among(learner, params).items():
            if k in self.importances:
                pull = self.weight * (self.importances[k] * p.detach() - self.pull[k])
                p.grad = pull if p.grad is None else p.grad + pull

    def rows(self, learner) -> torch.Tensor:
        return self.recent.draw(learner, self.samples, self.generator)

    def parts(self) -> dict[str, Weights]:
        """What is saved beside the recent rows: weights by name, by the attribute that holds them."""
        return {"importances": self.importances, "pull": self.pull}

    def state(self):
        state = State({"generator": self.generator.get_state().numpy()})
        state.put("recent", self.recent.state())
        for part, weights in self.parts().items():
            state.put(part, State.of(weights))
        return state

    def restore(self, state):
        wind(self.generator, state.arrays["generator"])
        self.recent.restore(state.get("recent"))
        for part in self.parts():
            setattr(self, part, state.get(part).tensors())
