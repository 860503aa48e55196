"""What methods with two columns share: one that learns the task at hand, and one that remembers all tasks.

Both have the actor's shape. The network of the algorithm is the learning one; the other is a set of weights that takes
its place while the policy is tried on a task (the task at hand is tried with the learning one).
"""

from __future__ import annotations

import torch

from ..method import Method, wind
from ..state import State
from .behaviour import Recent, Weights, acting, copied, load, study


class Columns(Method):
    """steps, rate, batch: the remembering column is taught that often, with that learning rate and so many rows;
    size: rows kept of what the task at hand shows; seed: of the draws."""

    def __init__(self, size: int, steps: int, rate: float, batch: int, seed: int):
        self.size, self.steps, self.rate, self.batch, self.seed = size, steps, rate, batch, seed
        self.generator = torch.Generator().manual_seed(seed)
        self.recent = Recent(size)
        self.kept: Weights = {}
        self.tasks, self.learning = 0, False
        self._learner_column: Weights = {}

    def on_task_start(self, learner, task):
        self.learning = True

    def on_rollout(self, learner):
        self.recent.add(learner)

    def teach(self, learner, loss) -> None:
        """Move the remembering column down loss(); the learning one is as it was."""
        params = acting(learner)
        learnt = copied(params)
        load(params, self.kept or learnt)
        study(list(params.values()), loss, self.steps, self.rate)
        self.kept = copied(params)
        load(params, learnt)
        self.tasks, self.learning = self.tasks + 1, False
        self.recent.rollouts.clear()

    def on_test_start(self, learner, task):
        self._learner_column = copied(acting(learner))
        if self.kept and not (self.learning and task == learner.task):
            load(acting(learner), self.kept)

    def on_test_end(self, learner, task):
        load(acting(learner), self._learner_column)

    def state(self):
        state = State({"generator": self.generator.get_state().numpy()})
        state.meta |= {"tasks": self.tasks, "learning": self.learning}
        state.put("recent", self.recent.state())
        state.put("kept", State.of(self.kept))
        return state

    def restore(self, state):
        wind(self.generator, state.arrays["generator"])
        self.tasks, self.learning = state.meta["tasks"], state.meta["learning"]
        self.recent.restore(state.get("recent"))
        self.kept = state.get("kept").tensors()
