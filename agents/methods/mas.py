"""MAS: memory-aware synapses, a pull as strong as the outputs are sensitive to a weight.

Aljundi et al. 2018 (https://arxiv.org/abs/1711.09601), with the squared norm of the outputs: the mean
over rows of |∂ ‖F(x; θ)‖² / ∂θ|, where F is what the actor's network answers. It needs neither rewards nor actions.
"""

from .anchoring import Anchoring
from .behaviour import acting, outputs, per_sample


class Mas(Anchoring):
    """weight: of the penalty weight/2 · Σ_k Ω_k (θ_k − θ*_k)² (2λ of the paper's); samples: rows for Ω."""

    def __init__(self, weight: float = 3.0, samples: int = 1024, seed: int = 0):
        super().__init__(weight, samples, seed)

    def importance(self, learner):
        params, rows = acting(learner, private=False), self.rows(learner)
        total = {k: p.new_zeros(p.shape) for k, p in params.items()}
        for grads in per_sample(lambda obs: (outputs(learner, obs) ** 2).sum(dim=1, keepdim=True), rows, params):
            for k, g in grads.items():
                total[k] += g.abs().sum(dim=(0, 1))
        return {k: v / len(rows) for k, v in total.items()}
