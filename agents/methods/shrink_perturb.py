"""Shrink and perturb: at a new task every weight is made smaller, and mixed with a fresh one.

Ash and Adams 2020, "On warm-starting neural network training" (https://arxiv.org/abs/1910.08475): θ ←
shrink · θ + noise · ε. As in their experiments ε is a network born anew, so that each layer is perturbed in its own
scale. A remedy against lost plasticity and not against forgetting.
"""

import torch

from ..method import Method
from ..state import State
from .behaviour import load, reborn


class ShrinkPerturb(Method):
    """shrink: what is left of a weight (1 with noise 0: fine-tuning; 0 with noise 1: from scratch); noise: of a fresh
    one that is added. Actor and critic alike, targets too. seed: of the fresh weights."""

    def __init__(self, shrink: float = 0.8, noise: float = 0.1, seed: int = 0):
        self.shrink, self.noise, self.seed = shrink, noise, seed
        self.tasks = 0

    def on_task_start(self, learner, task):
        if self.tasks:
            params = dict(learner.model.policy.named_parameters())
            new = reborn(learner, self.seed, "shrink-perturb", self.tasks)
            weights = {k: p for k, p in params.items() if not k.endswith("log_std")}  # how much is explored is none
            with torch.no_grad():
                load(params, {k: self.shrink * p + self.noise * new[k] for k, p in weights.items()})
        self.tasks += 1

    def state(self):
        return State(meta={"tasks": self.tasks})

    def restore(self, state):
        self.tasks = state.meta["tasks"]
