"""What methods that clone stored behaviour share: rows met, and what the policy said there, kept per task."""

from __future__ import annotations

import torch

from ..method import Memory, Method
from ..state import State
from .behaviour import Recent, acting, descend, remembered


class Cloning(Method):
    """size: observations kept of each task; weight: of the cloning loss; batch: observations rehearsed an update."""

    def __init__(self, size: int = 10_000, weight: float = 1.0, batch: int = 512, seed: int = 0):
        self.size, self.weight, self.batch = size, weight, batch
        self.memory = Memory(seed)
        self.recent = Recent(size)

    def on_rollout(self, learner):
        self.recent.add(learner)

    def on_task_end(self, learner, task):
        self.memory.tasks.append(remembered(learner, self.recent.draw(learner, self.size, self.memory.generator)))
        self.recent.rollouts.clear()

    def old(self, learner) -> dict[str, torch.Tensor]:
        """batch rows of the past with what was said there, evenly from the tasks."""
        return {k: v.to(learner.model.device) for k, v in self.memory.sample(self.batch).items()}

    def loss(self, learner) -> torch.Tensor:
        """The mean divergence of what is said today from what was said."""
        old = self.old(learner)
        return learner.distribution(old["obs"]).divergence(old).mean()

    def on_gradient(self, learner, net, params):
        ids = {id(p) for p in params}
        actor = [p for p in acting(learner).values() if id(p) in ids]
        if actor and len(self.memory):
            descend(self.weight * self.loss(learner), actor)

    def state(self):
        state = State()
        state.put("memory", self.memory.state())
        state.put("recent", self.recent.state())
        return state

    def restore(self, state):
        self.memory.restore(state.get("memory"))
        self.recent.restore(state.get("recent"))
