"""Two tasks in NumPy whose answers conflict, learnt by real SB3 algorithms in a second: methods are tried on them.

A row sees a place x in [-1, 1]^2 and a one-hot of the task; the right action is 0.3 x - 0.6 in the task "left" and
0.3 x + 0.6 in "right" (discrete: whether that is positive, of the first coordinate). An episode is one step.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ludus.agents.learner import Learner

TASKS = ("left", "right")
ROWS = 32
SAID = 0.3  # how loudly the task is told: softly, so that it is easier to change what tasks share
PLACES = np.random.default_rng(99).uniform(-1, 1, (400, 2)).astype(np.float32)
POLICY = {"net_arch": [32], "activation_fn": torch.nn.Tanh}
SETTINGS = {
    "ppo": dict(n_steps=8, batch_size=128, n_epochs=5, learning_rate=1e-2, gamma=0.0,
                policy_kwargs=POLICY | {"log_std_init": -0.7}),
    "a2c": dict(n_steps=4, learning_rate=5e-3, gamma=0.0, policy_kwargs=POLICY | {"log_std_init": -0.7}),
    "sac": dict(learning_starts=64, batch_size=128, buffer_size=3000, learning_rate=5e-3, gamma=0.0, ent_coef=0.02,
                gradient_steps=2, policy_kwargs=POLICY),
    "td3": dict(learning_starts=64, batch_size=128, buffer_size=3000, learning_rate=5e-3, gamma=0.0, action_noise=0.1,
                policy_kwargs=POLICY),
    "dqn": dict(learning_starts=64, batch_size=128, buffer_size=3000, learning_rate=5e-3, gamma=0.0, train_freq=1,
                policy_kwargs=POLICY),
}  # fmt: skip
STEPS = {"ppo": 4096, "sac": 6400}


class Bandit(VecEnv):
    """ROWS copies of one task."""

    def __init__(self, task: str, discrete: bool = False):
        self.task, self.discrete = TASKS.index(task), discrete
        self.render_mode, self.seeded, self.rng = None, None, np.random.default_rng(0)
        action = spaces.Discrete(2) if discrete else spaces.Box(-1, 1, (2,), np.float32)
        super().__init__(ROWS, spaces.Box(-1, 1, (4,), np.float32), action)

    def seed(self, seed=None):
        self.seeded = seed
        return [seed] * ROWS

    def reset(self):
        if self.seeded is not None:  # a seed counts from the next start on, as with the views
            self.rng, self.seeded = np.random.default_rng(self.seeded), None
        return self.draw()

    def draw(self):
        self.place = self.rng.uniform(-1, 1, (ROWS, 2)).astype(np.float32)
        return told(self.place, self.task)

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        right = answer(self.place, self.task)
        missed = self.actions != (right[:, 0] > 0) if self.discrete else ((self.actions - right) ** 2).sum(axis=1)
        before = told(self.place, self.task)
        infos = [{"terminal_observation": row, "TimeLimit.truncated": False} for row in before]
        return self.draw(), -missed.astype(np.float32), np.ones(ROWS, bool), infos

    def state(self):
        return {"place": self.place.copy(), "rng": self.rng.bit_generator.state}

    def restore(self, state):
        self.place, self.rng.bit_generator.state = state["place"].copy(), state["rng"]

    def close(self): ...
    def get_attr(self, attr_name, indices=None): return [getattr(self, attr_name, None)] * ROWS  # fmt: skip

    def set_attr(self, attr_name, value, indices=None): ...
    def env_method(self, method_name, *args, indices=None, **kwargs): return [None] * ROWS  # fmt: skip

    def env_is_wrapped(self, wrapper_class, indices=None): return [False] * ROWS  # fmt: skip


def answer(place: np.ndarray, task: int) -> np.ndarray:
    return 0.3 * place + 1.2 * (task - 0.5)


def told(place: np.ndarray, task: int) -> np.ndarray:
    return np.concatenate([place, SAID * np.eye(2, dtype=np.float32)[np.full(len(place), task)]], axis=1)


def born(algorithm: str, *methods, seed: int = 0, **settings) -> Learner:
    return Learner(algorithm, methods, seed=seed, device="cpu", settings=copy.deepcopy(SETTINGS[algorithm]) | settings)


def learn(learner: Learner, *tasks: str, steps: int = 0) -> Learner:
    """Live through tasks, in the order given."""
    for task in tasks:
        learner.start(task, Bandit(task, discrete=learner.algorithm == "dqn"))
        learner.learn(steps or STEPS[learner.algorithm])
        learner.finish()
    return learner


def score(learner: Learner, task: str) -> float:
    """Share of places where the deterministic action is within 0.3 of the right one, as the policy is tried."""
    number = TASKS.index(task)
    with learner.trial(task) as act:
        actions = act(told(PLACES, number))
    return float((np.linalg.norm(actions - answer(PLACES, number), axis=1) < 0.3).mean())
