"""ClonEx: clone old behaviour, and explore a new task with the old policy that earns most there.

Wolczyk et al. 2022, "Disentangling transfer in continual reinforcement learning" (https://arxiv.org/abs/2209.13900):
behavioural cloning of the actor alone, and best-return exploration. The paper tries its
old heads; one policy has no heads, so the actor as it was at the end of each task is kept and tried. In the first half
of an off-policy algorithm's random warm-up the rows are dealt out to the old actors (with fewer rows than actors, to
the oldest); the one that earned most a step acts in the second half.
"""

from __future__ import annotations

import numpy as np

from ..state import State
from .behaviour import Weights, acting, copied, load
from .cloning import Cloning


class ClonEx(Cloning):
    """size, weight, batch: as in replay; explore: whether old actors take the warm-up's steps, which a stage has where
    the buffer starts afresh and `learning_starts` is not 0."""

    algorithms = ("sac", "td3")

    def __init__(self, size: int = 10_000, weight: float = 1.0, batch: int = 512, explore: bool = True, seed: int = 0):
        super().__init__(size, weight, batch, seed)
        self.explore = explore
        self.actors: list[Weights] = []
        self.begun = self.trials = 0  # where the stage begins in the buffer, and for how many steps all are tried

    def on_task_start(self, learner, task):
        model = learner.model
        self.begun = model.replay_buffer.pos
        self.trials = -(-(model.learning_starts - model.num_timesteps) // (2 * model.n_envs))

    def on_task_end(self, learner, task):
        super().on_task_end(learner, task)
        if self.explore:
            self.actors.append(copied(acting(learner)))

    def on_explore(self, learner, actions):
        """The warm-up's actions (rows, …) by old actors instead of chance."""
        model = learner.model
        if not self.actors or model.num_timesteps >= model.learning_starts:
            return actions
        turns, chosen, params = self._turns(model), np.array(actions), acting(learner)
        today = copied(params)
        for i in np.unique(turns):
            load(params, self.actors[i])
            chosen[turns == i] = model.predict(model._last_obs[turns == i], deterministic=False)[0]
        load(params, today)
        return chosen

    def _turns(self, model) -> np.ndarray:
        """(rows,) which old actor acts in each row: one for all once they have been tried."""
        dealt = np.arange(model.n_envs) % len(self.actors)
        rewards = model.replay_buffer.rewards[self.begun : self.begun + self.trials]
        if model.replay_buffer.pos < self.begun + self.trials:
            return dealt
        return np.full_like(dealt, best(rewards, dealt))

    def state(self):
        state = super().state()
        state.meta |= {"begun": self.begun, "trials": self.trials, "actors": len(self.actors)}
        for i, actor in enumerate(self.actors):
            state.put(f"actor.{i}", State.of(actor))
        return state

    def restore(self, state):
        super().restore(state)
        self.begun, self.trials = state.meta["begun"], state.meta["trials"]
        self.actors = [state.get(f"actor.{i}").tensors() for i in range(state.meta["actors"])]


def best(rewards: np.ndarray, dealt: np.ndarray) -> int:
    """Whose mean of rewards (steps, rows) is highest; dealt: (rows,) who acted in each row."""
    return int(max(np.unique(dealt), key=lambda i: rewards[:, dealt == i].mean()))
