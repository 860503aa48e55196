"""EWC: elastic weight consolidation, a pull to old values as strong as the Fisher information there.

Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks" (https://arxiv.org/abs/1612.00796):
one penalty for every past task. The Fisher information is that of the policy's own distribution, worked
out from its outputs where that is no great sum (`behaviour.informed`), on rows of the task that ends.
"""

from .anchoring import Anchoring
from .behaviour import Weights, acting, informed, per_sample


class Ewc(Anchoring):
    """weight: λ, of the penalty λ/2 · Σ_i Σ_k F_ik (θ_k − θ_ik)²; samples: rows that F is estimated on."""

    def __init__(self, weight: float = 3.0, samples: int = 1024, seed: int = 0):
        super().__init__(weight, samples, seed)

    def importance(self, learner):
        return fisher(learner, self.rows(learner), self.generator)

    def remember(self, params, new):
        for k, p in params.items():
            self.importances[k] = self.importances.get(k, 0) + new[k]
            self.pull[k] = self.pull.get(k, 0) + new[k] * p.detach()


def fisher(learner, rows, generator) -> Weights:
    """name -> the diagonal of the actor's Fisher information, the mean over rows (n, width).

    generator: of actions drawn where there are many to choose among.
    """
    params = acting(learner, private=False)
    total = {k: p.new_zeros(p.shape) for k, p in params.items()}
    for grads in per_sample(lambda obs: informed(learner, obs, generator), rows, params):
        for k, g in grads.items():
            total[k] += (g**2).sum(dim=(0, 1))
    return {k: v / len(rows) for k, v in total.items()}
