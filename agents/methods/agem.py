"""A-GEM: take from each gradient the part that would harm the past.

Chaudhry et al. 2019, "Efficient lifelong learning with A-GEM" (https://arxiv.org/abs/1812.00420): where
the gradient g and a reference gradient r on old data disagree (g·r < 0), g becomes g − (g·r / r·r) r.
Stable-Baselines3 hides its loss, so r is the gradient of a cloning loss (the divergence from what the policy said on
kept rows), not of the RL loss on old transitions; over the actor's parameters alone.
"""

from __future__ import annotations

import torch

from .behaviour import acting
from .cloning import Cloning


class AGem(Cloning):
    """size: observations kept of each task; batch: of them a reference gradient; weight: the share of the harmful part
    that is taken away (1: the paper's; 0: none)."""

    def __init__(self, size: int = 10_000, weight: float = 1.0, batch: int = 512, seed: int = 0):
        super().__init__(size, weight, batch, seed)

    def on_gradient(self, learner, net, params):
        ids = {id(p) for p in params}
        actor = [p for p in acting(learner).values() if id(p) in ids and p.grad is not None]
        if actor and len(self.memory):
            reference = torch.autograd.grad(self.loss(learner), actor, materialize_grads=True)
            for p, g in zip(actor, projected([p.grad for p in actor], reference, self.weight), strict=True):
                p.grad = g


def projected(gradient, reference, share: float = 1.0) -> list[torch.Tensor]:
    """A-GEM's projection over lists of tensors of equal shapes, taken as one long vector each."""
    dot = sum((g * r).sum() for g, r in zip(gradient, reference, strict=True))
    if dot >= 0:
        return list(gradient)
    harm = share * dot / sum((r * r).sum() for r in reference)
    return [g - harm * r for g, r in zip(gradient, reference, strict=True)]
