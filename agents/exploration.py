"""How much a learner explores: the weight of entropy, the share of random actions, noise; over a stage, as it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

Span = Sequence[float]  # two: at a stage's first step, and at its last


class Exploration:
    """What a stage asks for, on one SB3 algorithm; what it does not ask for is as the algorithm's settings have it.

    entropy: the weight of entropy in the loss. Where SAC tunes that itself, the stage begins at its first value.
    epsilon: DQN's share of random actions. noise: standard deviation of an off-policy algorithm's action noise.
    An algorithm takes what it has a use for.
    """

    def __init__(self, model: Any, env: VecEnv, done: Callable[[], float]):
        """done: the share of the stage that is behind."""
        self._model, self._env, self._done = model, env, done
        self._own = {"entropy": _weight(model), "noise": getattr(model, "action_noise", None)}
        self._spans: dict[str, tuple[float, float]] = {}

    def begin(self, spans: Mapping[str, Span], fresh: bool = True) -> None:
        """A stage begins; fresh: not one that goes on."""
        self._spans = {k: (float(a), float(b)) for k, (a, b) in spans.items()}
        if fresh and "entropy" in self._spans and _tuned(self._model):
            self._model.log_ent_coef.data.fill_(math.log(max(self._spans["entropy"][0], 1e-8)))
        if hasattr(self._model, "action_noise") and isinstance(self._env.action_space, spaces.Box):
            self._model.action_noise = StageNoise(self) if "noise" in self._spans else self._own["noise"]
        self.set()

    def set(self) -> None:
        """Before a rollout: what holds now, and is logged."""
        weight = self.now("entropy") if "entropy" in self._spans else self._own["entropy"]
        if weight is not None:
            _weigh(self._model, weight)

    def now(self, name: str) -> float:
        """The value of what the stage asks for at this step."""
        first, last = self._spans[name]
        return first + (last - first) * self._done()

    def asks(self, name: str) -> bool:
        return name in self._spans

    def told(self) -> dict[str, float]:
        """What holds now, by name, as far as the algorithm has it."""
        model, found = self._model, {}
        if _tuned(model):
            found["entropy"] = float(model.log_ent_coef.detach().exp())
        elif (weight := _weight(model)) is not None:
            found["entropy"] = weight
        if hasattr(model, "exploration_schedule"):
            found["epsilon"] = float(model.exploration_schedule(0))
        noise = getattr(model, "action_noise", None)
        noise = getattr(noise, "base_noise", noise)  # SB3 wraps it where there are several rows
        if isinstance(noise, NormalActionNoise):
            found["noise"] = float(np.mean(noise._sigma))
        return found

    @property
    def width(self) -> tuple[int, ...]:
        return self._env.action_space.shape or (1,)


class StageNoise(NormalActionNoise):
    """Normal noise as wide as the stage says at this step, drawn from NumPy's global generator as SB3 does."""

    def __init__(self, exploration: Exploration):
        self._exploration = exploration
        super().__init__(np.zeros(exploration.width, np.float32), np.zeros(exploration.width, np.float32))

    @property
    def _sigma(self) -> np.ndarray:
        return np.full(self._exploration.width, self._exploration.now("noise"), np.float32)

    @_sigma.setter
    def _sigma(self, value: np.ndarray) -> None: ...

    def __deepcopy__(self, memo: dict) -> StageNoise:
        """SB3 keeps a copy for every row: they are all this one."""
        return self


def _tuned(model: Any) -> bool:
    """Whether SAC finds the weight of entropy itself."""
    return getattr(model, "ent_coef_optimizer", None) is not None


def _weight(model: Any) -> float | None:
    """The weight of entropy where it is given; None where it is tuned, or there is none."""
    if _tuned(model) or not hasattr(model, "ent_coef"):
        return None
    return float(model.ent_coef)


def _weigh(model: Any, weight: float) -> None:
    model.ent_coef = weight
    if hasattr(model, "ent_coef_tensor"):
        model.ent_coef_tensor.fill_(weight)
