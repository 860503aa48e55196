"""Online EWC: one running Fisher information that fades, and one set of values to stay at.

Schwarz et al. 2018, "Progress & Compress" (https://arxiv.org/abs/1805.06370): F* ← γ F* + F, around the
values at the last task's end. Old tasks fade, so that new ones can be learnt for ever.
"""

from .ewc import Ewc


class OnlineEwc(Ewc):
    """weight: λ, of λ/2 · Σ_k F*_k (θ_k − θ*_k)²; decay: γ, what is left of F* at each task; samples: as in ewc."""

    def __init__(self, weight: float = 3.0, decay: float = 0.95, samples: int = 1024, seed: int = 0):
        super().__init__(weight, samples, seed)
        self.decay = decay

    def remember(self, params, new):
        for k, p in params.items():
            self.importances[k] = self.decay * self.importances.get(k, 0) + new[k]
            self.pull[k] = self.importances[k] * p.detach()
