"""Somebody else's agent, one class with `act` and `learn`, where else a Learner would live."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv

from ..envs import registry
from . import saving
from .learner import _stage_seed
from .state import State

BUILT_IN = {"q-learning": "tabular:QLearning", "sarsa": "tabular:Sarsa"}  # agents of ours that live in the same way
GIVEN = ("observation_space", "action_space", "seed")  # what a class is made with, before settings of its own


class Experience(NamedTuple):
    """One step of n rows: agents of many copies of a task, side by side.

    obs (n, width) float32; action (n, …) as act gave it; reward (n,) float32; after (n, width) float32, the observation
    that the step led to, also where the episode ended there; terminated (n,) bool, nothing is earned after it;
    truncated (n,) bool, the episode was cut off; masks (n, choices) bool at obs, None where actions are continuous.
    """

    obs: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    after: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    masks: np.ndarray | None


class Agent(Protocol):
    """What an outside class must have; it is made as Class(observation_space, action_space, seed, **settings).

    It may also have start(task, steps) and finish(task), as a stage begins and ends; and state() -> name -> array with
    restore(arrays): all that it knows. Without these two a run that was stopped cannot go on, and no policy is kept.
    """

    def act(self, obs: np.ndarray, masks: np.ndarray | None, explore: bool) -> np.ndarray:
        """(n, …) actions for obs (n, width); explore: to learn from what comes of it, else as well as it can."""
        ...

    def learn(self, experience: Experience) -> None:
        """One step was made with the newest actions of act(explore=True)."""
        ...


def outside(name: str) -> bool:
    """Whether an algorithm of that name lives as an Agent: one of BUILT_IN, or somebody's own, 'module:Class'."""
    return name in BUILT_IN or foreign(name)


def foreign(name: str) -> bool:
    """Whether it is somebody's own, and so its code is run only where that is allowed."""
    return ":" in name


def load(name: str) -> type[Agent]:
    """The class of that name. 'module:Class' is of what is installed or of the folder one stands in; its code is run.

    Raises ValueError, one line, for what cannot be loaded or is no Agent.
    """
    if name in BUILT_IN:
        return registry.load(f"{__package__}.{BUILT_IN[name]}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # behind all else: a file there hides no module
    try:
        kind = registry.load(name)
    except registry.UnknownName:
        raise
    except Exception as error:
        raise ValueError(f"cannot load {name!r}: {type(error).__name__}: {error}") from error
    if missing := [m for m in ("act", "learn") if not callable(getattr(kind, m, None))]:
        raise ValueError(f"{name!r} is no agent: it has no {' and no '.join(missing)}")
    if tuple(inspect.signature(kind).parameters)[:3] != GIVEN:
        raise ValueError(f"{name!r} must be made as {name.partition(':')[2]}({', '.join(GIVEN)}, …)")
    return kind


def defaults(kind: type) -> dict[str, Any]:
    """The settings of a class and what they are unless one says otherwise; None where they must be said."""
    own = list(inspect.signature(kind).parameters.values())[len(GIVEN) :]
    return {p.name: None if p.default is p.empty else p.default for p in own}


class Outsider:
    """Lives through tasks as a Learner does, with somebody else's agent inside.

    name: 'module:Class'; settings: of its class, and the runner's own ("rows", "decay", "resets", "source"), which are
    not passed on. The loop is ours, so steps are counted as everybody's are.
    """

    def __init__(self, name: str, seed: int = 0, settings: Mapping[str, Any] | None = None):
        self.name, self.seed, self._kind = name, seed, load(name)
        self._settings = {k: v for k, v in (settings or {}).items() if k in defaults(self._kind)}
        self._agent: Any = None
        self.task, self.num_timesteps, self._stages, self._target = "", 0, 0, 0
        self._obs: np.ndarray | None = None

    def start(self, task: str, env: VecEnv, resets: Any = None, steps: int = 0, explore: Any = None) -> None:
        """A stage begins; resets and explore are for the suite's own learners."""
        if self._agent is None:
            self._create(env)
        env.seed(_stage_seed(self.seed, self._stages))
        self.task, self._env, self._obs = task, env, None
        self._stages += 1
        self._target = self.num_timesteps
        self._tell("start", task, steps)

    def move(self, task: str, env: VecEnv) -> None:
        """The stage goes on in another world, and the agent is not told."""
        env.seed(_stage_seed(self.seed, self._stages))
        self._env, self._obs = env, None
        self._stages += 1
        self._target = self.num_timesteps

    def learn(self, steps: int) -> None:
        """Go on for steps rows in all since the last call; the excess of whole steps of the env is remembered."""
        self._target += steps
        if self._obs is None:
            self._obs = np.asarray(self._env.reset())
        while self.num_timesteps < self._target:
            experience, self._obs = self._step(self._obs)
            self._agent.learn(experience)
            self.num_timesteps += self._env.num_envs

    def finish(self) -> None:
        """The stage ends."""
        self._tell("finish", self.task)

    @contextlib.contextmanager
    def trial(self, task: str) -> Iterator[Callable[..., np.ndarray]]:
        """The agent at its best: (obs (n, width), masks) -> actions; what it draws there changes nothing."""
        drawn = saving.random_state(self._draws)
        try:
            yield lambda obs, masks=None: self._within(self._act(obs, masks, explore=False))
        finally:
            saving.restore_random(self._draws, drawn)

    # saving

    def weights(self) -> dict[str, np.ndarray]:
        """name -> array: what the agent says it knows; nothing where it has no state()."""
        return {k: np.array(v) for k, v in self._agent.state().items()} if hasattr(self._agent, "state") else {}

    def memory_bytes(self) -> int:
        """Bytes of all that it says it knows: what is weights and what is past, it alone could tell."""
        return sum(a.nbytes for a in self.weights().values())

    def state(self) -> State:
        """Everything but the env."""
        state = State()
        state.put("agent", State(self.weights(), {"kept": hasattr(self._agent, "state")}))
        state.put("random", saving.random_state(self._draws))
        if self._obs is not None:
            state.arrays["last_obs"] = self._obs.copy()
        state.meta |= {"task": self.task, "stages": self._stages, "at": self.num_timesteps, "target": self._target}
        return state

    def restore(self, state: State, env: VecEnv) -> None:
        """Go on from state() with env, which the caller has restored. Raises ValueError for an agent that cannot."""
        inner = state.get("agent")
        if not inner.meta["kept"] or not hasattr(self._kind, "restore"):
            raise ValueError(f"{self.name} has no state() and restore(): its run cannot go on; choose another --out")
        if self._agent is None:
            self._create(env)
        self._agent.restore(inner.arrays)  # type: ignore[union-attr]
        self.task, self._stages, self.num_timesteps, self._target = (
            state.meta[k] for k in ("task", "stages", "at", "target")
        )
        self._env, self._obs = env, state.arrays.get("last_obs")
        if self._obs is None:
            env.seed(_stage_seed(self.seed, self._stages - 1))
        saving.restore_random(self._draws, state.get("random"))

    # inside

    def _create(self, env: VecEnv) -> None:
        self._spaces = copy.deepcopy((env.observation_space, env.action_space))
        self._draws = SimpleNamespace(action_space=self._spaces[1])  # as saving looks for it
        self._spaces[1].seed(self.seed)
        set_random_seed(self.seed)  # of Python, NumPy and torch, as Stable-Baselines3 does
        self._agent = self._kind(*self._spaces, self.seed, **self._settings)  # type: ignore[call-arg]

    def _step(self, obs: np.ndarray) -> tuple[Experience, np.ndarray]:
        """What came of one step from obs, and the observations to go on from."""
        masks = None
        if not isinstance(self._spaces[1], spaces.Box):
            masks = np.stack(self._env.env_method("action_masks"))
        action = self._act(obs, masks, explore=True)
        then, reward, done, infos = self._env.step(self._within(action))
        after, truncated = np.array(then), np.zeros(len(done), bool)
        for i in np.flatnonzero(done):
            after[i], truncated[i] = infos[i]["terminal_observation"], infos[i]["TimeLimit.truncated"]
        return Experience(obs, action, reward, after, done & ~truncated, truncated, masks), np.asarray(then)

    def _act(self, obs: np.ndarray, masks: np.ndarray | None, explore: bool) -> np.ndarray:
        """The agent's actions. Raises ValueError for what no env can take."""
        actions, space = np.asarray(self._agent.act(obs, masks, explore)), self._spaces[1]
        wanted = (len(obs), *space.shape)  # type: ignore[misc]
        if actions.shape != wanted:
            raise ValueError(f"{self.name}.act gave actions of shape {actions.shape}, not {wanted}")
        if isinstance(space, spaces.Box):
            if not np.isfinite(actions).all():
                raise ValueError(f"{self.name}.act gave actions that are not finite")
            return actions
        ends = space.n if isinstance(space, spaces.Discrete) else space.nvec  # type: ignore[union-attr]
        if not np.issubdtype(actions.dtype, np.integer) or ((actions < 0) | (actions >= ends)).any():
            raise ValueError(f"{self.name}.act gave choices that are not in {space}")
        return actions

    def _within(self, actions: np.ndarray) -> np.ndarray:
        space = self._spaces[1]
        return np.clip(actions, space.low, space.high).astype(np.float32) if isinstance(space, spaces.Box) else actions

    def _tell(self, moment: str, *what: Any) -> None:
        if hasattr(self._agent, moment):
            getattr(self._agent, moment)(*what)
