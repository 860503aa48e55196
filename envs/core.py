"""The one contract: many copies of one multi-agent world, stepped together."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from .streams import Streams

if TYPE_CHECKING:
    from .instructions import Instruction, Skill

Arrays = dict[str, np.ndarray]

PARTIAL_RESET = "partial_reset"  # reset(ids) leaves the other copies alone
PER_COPY_SEED = "per_copy_seed"  # each copy can be given a seed of its own
RESTORABLE = "restorable"  # state() and restore() carry everything
DETERMINISTIC = "deterministic"  # same seed and actions, same bytes
IN_PROCESS = frozenset({PARTIAL_RESET, PER_COPY_SEED, RESTORABLE, DETERMINISTIC})


class Step(NamedTuple):
    """What one step returned, before any reset; every leaf has num_envs rows.

    obs: agent -> (num_envs, ...), as in the agent's observation space.
    reward: agent -> (num_envs,) float64.
    terminated: agent -> (num_envs,) bool, whether the agent has ended.
    truncated: (num_envs,) bool, whether the copy was cut off (time limit, divergence).
    info: name -> (num_envs, ...); always "success", (num_envs,) bool.
    """

    obs: Arrays
    reward: Arrays
    terminated: Arrays
    truncated: np.ndarray
    info: Arrays

    @property
    def done(self) -> np.ndarray:
        """(num_envs,) bool: the copy is over, because all its agents are or because it was cut off."""
        return np.logical_and.reduce(list(self.terminated.values())) | self.truncated


class World(ABC):
    """num_envs copies of one task. It never resets itself: views decide when.

    Attributes:
        id: the registered name, set by the registry.
        num_envs: number of copies.
        agents: names of the agents, in a fixed order.
        groups: group -> its agents; agents of one group share spaces, and so may share a policy.
        observation_spaces, action_spaces: agent -> the space of one row.
        max_episode_steps: steps after which a copy is truncated; a world reads it at every step.
        capabilities: which of PARTIAL_RESET, PER_COPY_SEED, RESTORABLE, DETERMINISTIC hold.
        skills: what can be asked for in this world.
        goals: the instructions that an episode may be about, the standard one first; most worlds have one.
            Where there are several, the instruction alone need tell which: aim is no observation.
        streams: the copies' random streams.
    """

    id: str = ""
    num_envs: int
    agents: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    observation_spaces: Mapping[str, spaces.Space]
    action_spaces: Mapping[str, spaces.Space]
    max_episode_steps: int
    capabilities: frozenset[str] = IN_PROCESS
    skills: tuple[Skill, ...] = ()
    goals: tuple[Instruction, ...]
    render_fps: int = 30

    @abstractmethod
    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        """Start new episodes in copies `ids` (n,) int and touch no others.

        seeds: one each; None, for one or for all, goes on with the copy's own stream.
        Returns obs and info of all num_envs copies; the others observe what they observed before.
        """

    @abstractmethod
    def step(self, actions: Arrays) -> Step:
        """Advance every copy by actions: agent -> (num_envs, ...).

        An agent that ended sees zeros, earns nothing and is not obeyed from the step after on.
        Raises ValueError, naming agent and copy, for a non-finite or misshapen action.
        """

    @abstractmethod
    def state(self) -> Arrays:
        """Everything needed to go on bit for bit: name -> array (copies of the live ones)."""

    @abstractmethod
    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        """Go back to state(); return the observations and info there, as reset does."""

    @abstractmethod
    def render(self, env: int = 0) -> np.ndarray:
        """(H, W, 3) uint8 picture of copy env."""

    @abstractmethod
    def describe(self, env: int, agent: str) -> str:
        """What the agent perceives in copy env, in words."""

    def feasible(self, env: int, agent: str) -> list[Instruction]:
        """The instructions that make sense for the agent now; the goals alone unless a world says more."""
        return list(self.goals)

    def masks(self) -> Arrays | None:
        """What each agent may choose now: agent -> (num_envs, sum of choices) bool, True where it is allowed.

        A Discrete space has n choices, a MultiDiscrete one those of its parts side by side. At least one choice is
        allowed, also for an agent that ended. None: everything is always allowed.
        """
        return None

    def scripted(self) -> Arrays:
        """Actions of the policy that is known to solve the task: agent -> (num_envs, ...)."""
        raise NotImplementedError(f"{self.id or type(self).__name__} has no scripted policy")

    def close(self) -> None:
        """Release what the world holds; closing twice is allowed."""

    @property
    def goal(self) -> Instruction:
        """The standard goal."""
        return self.goals[0]

    @functools.cached_property
    def aim(self) -> np.ndarray:
        """(num_envs,) int64: which of the goals each copy's episode is about; written in place."""
        return np.zeros(self.num_envs, np.int64)

    def aim_of(self, env: int) -> Instruction:
        """What the episode of copy env is about."""
        return self.goals[int(self.aim[env])]

    @property
    def unwrapped(self) -> World:
        """The world under all wrappers."""
        return self


_DESCRIBED = (
    "id", "num_envs", "agents", "groups", "observation_spaces", "action_spaces",
    "capabilities", "skills", "goals", "aim", "render_fps",
)  # fmt: skip


class Wrapper(World):
    """A world around a world: everything not overridden is the inner one's."""

    def __init__(self, world: World):
        self.world = world
        for name in _DESCRIBED:  # World's own defaults would hide them from __getattr__
            if hasattr(world, name):
                setattr(self, name, getattr(world, name))

    @property
    def max_episode_steps(self) -> int:
        """The inner world's, which is the one that counts."""
        return self.world.max_episode_steps

    @max_episode_steps.setter
    def max_episode_steps(self, steps: int) -> None:
        self.world.max_episode_steps = steps

    def __getattr__(self, name: str) -> Any:
        if name == "world":  # not set yet: copying and unpickling look here first
            raise AttributeError(name)
        return getattr(self.world, name)

    def reset(self, ids, seeds=None):
        return self.world.reset(ids, seeds)

    def step(self, actions):
        return self.world.step(actions)

    def state(self):
        return self.world.state()

    def restore(self, state):
        return self.world.restore(state)

    def render(self, env=0):
        return self.world.render(env)

    def describe(self, env, agent):
        return self.world.describe(env, agent)

    def feasible(self, env, agent):
        return self.world.feasible(env, agent)

    def masks(self):
        return self.world.masks()

    def scripted(self):
        return self.world.scripted()

    def close(self):
        self.world.close()

    @property
    def unwrapped(self):
        return self.world.unwrapped


def check_actions(world: World, actions: Mapping[str, np.ndarray]) -> Arrays:
    """actions as arrays, each (num_envs, *shape), of finite numbers, of integers that the space has, or of sentences.

    Raises ValueError that names the agent, and the copy where one copy is at fault.
    """
    if not isinstance(actions, Mapping):
        raise ValueError(f"{world.id}: actions must be a mapping from agent to array, not {type(actions).__name__}")
    missing = [a for a in world.agents if a not in actions]
    if missing:
        raise ValueError(f"{world.id}: no action for agent {missing[0]!r}; agents: {', '.join(world.agents)}")
    return {agent: _checked(world, agent, actions[agent]) for agent in world.agents}


def _checked(world: World, agent: str, given: Any) -> np.ndarray:
    space = world.action_spaces[agent]
    shape = (world.num_envs, *(space.shape or ()))
    try:
        action = np.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{world.id}: actions of {agent!r} must have shape {shape}: {error}") from error
    if isinstance(space, spaces.Text):
        if action.shape != shape[:1] or not all(isinstance(said, str) for said in action.tolist()):
            raise ValueError(f"{world.id}: actions of {agent!r} must be {world.num_envs} sentences, not {given!r}")
        return action.astype(object)
    if action.dtype.kind not in "fiub":
        raise ValueError(f"{world.id}: actions of {agent!r} must be numbers of shape {shape}, not {action.dtype}")
    if action.shape != shape:
        raise ValueError(f"{world.id}: actions of {agent!r} must have shape {shape}, not {action.shape}")
    if action.dtype.kind == "f" and not np.isfinite(action).all():
        copy = _first(~np.isfinite(action))
        raise ValueError(f"{world.id}: action of {agent!r} in copy {copy} is not finite: {action[copy]}")
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        count = space.n if isinstance(space, spaces.Discrete) else space.nvec
        wrong = (action < space.start) | (action >= space.start + count) | (action != np.floor(action))
        if wrong.any():
            copy = _first(wrong)
            raise ValueError(f"{world.id}: action of {agent!r} in copy {copy} is not in {space}: {action[copy]}")
        return action.astype(np.int64)
    return action


def unbegun(world: World) -> ResetNeeded:
    """The error for a step where no episode is on, as before the first reset: a view keeps count, a world need not."""
    return ResetNeeded(f"{world.id}: no episode is on that could be stepped: call reset() first")


def _first(wrong: np.ndarray) -> int:
    """The first row in which something is wrong."""
    return int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[0])


__all__ = [
    "DETERMINISTIC", "IN_PROCESS", "PARTIAL_RESET", "PER_COPY_SEED", "RESTORABLE",
    "Arrays", "Step", "Streams", "World", "Wrapper", "check_actions", "unbegun",
]  # fmt: skip
