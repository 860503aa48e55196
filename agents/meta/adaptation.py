"""A few steps of learning on a task from a given start, by a Stable-Baselines3 algorithm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from ..learner import Learner
from ..method import Method
from .rules import Adapted, Weights


class Grasp(Method):
    """Keeps the gradients of one rollout, averaged over the updates made of it, while nothing moves."""

    def __init__(self):
        self._sum: dict[str, np.ndarray] = {}
        self._count: dict[str, int] = {}

    def on_gradient(self, learner, net, params):
        names = {id(p): n for n, p in learner.model.policy.named_parameters()}
        for p in params:
            if p.grad is not None and id(p) in names:
                name = names[id(p)]
                self._sum[name] = self._sum.get(name, 0) + p.grad.detach().cpu().numpy()
                self._count[name] = self._count.get(name, 0) + 1

    def gradient(self, like: Weights) -> dict[str, np.ndarray]:
        """name -> mean gradient; zeros for what had none."""
        return {k: self._sum[k] / self._count[k] if k in self._sum else np.zeros_like(w) for k, w in like.items()}


class Adaptation:
    """Called as rules.Adapt: a learner is born at the start, learns the task for so many rows, and is looked at.

    env: task -> the VecEnv to learn it in. algorithm, settings: as of a Learner; on-policy, since a buffer would have
    to be filled anew each time. gradients: whether they are asked for (Reptile with task=0 does without them, and so
    without their rollouts).
    """

    def __init__(
        self,
        env: Callable[[Any], VecEnv],
        steps: int,
        algorithm: str = "ppo",
        settings: Mapping[str, Any] | None = None,
        gradients: bool = True,
    ):
        self._env, self._steps, self._algorithm, self._settings = env, steps, algorithm, dict(settings or {})
        self._gradients = gradients
        if Learner(algorithm).off_policy:
            raise ValueError(f"{algorithm} learns from a buffer; meta-learning takes on-policy algorithms")

    def start(self, task: Any, seed: int) -> dict[str, np.ndarray]:
        """The weights that a learner is born with."""
        env = self._env(task)
        weights = self.born(env, None, seed).weights()
        env.close()
        return weights

    def born(self, env: VecEnv, start: Weights | None, seed: int, *methods: Method, **settings: Any) -> Learner:
        """A learner whose stage in env has begun, with these weights (None: its own)."""
        learner = Learner(self._algorithm, methods, seed, "cpu", self._settings | settings)
        learner.start("", env)
        if start is not None:
            learner.model.policy.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in start.items()})
        return learner

    def __call__(self, start: Weights, task: Any, seed: int) -> Adapted:
        env = self._env(task)
        before = self._gradient(env, start, seed)
        learner = self.born(env, start, seed)
        learner.learn(self._steps)
        found = learner.weights()
        after = self._gradient(env, found, seed + 1)  # on rollouts of its own: what was learnt from would flatter it
        env.close()
        return Adapted(found, after, before)

    def _gradient(self, env: VecEnv, weights: Weights, seed: int) -> dict[str, np.ndarray]:
        if not self._gradients:
            return {k: np.zeros_like(w) for k, w in weights.items()}
        grasp = Grasp()
        self.born(env, weights, seed, grasp, learning_rate=0.0).learn(1)
        return grasp.gradient(weights)
