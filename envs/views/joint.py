"""All agents of a world as one: their observations side by side, one action for all, their mean reward."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from gymnasium import spaces

from ..core import Arrays, World


class Joint:
    """Translates between a world's agents and one agent in their place.

    observation_space, action_space: the agent's own where there is one agent; else Box spaces are
        concatenated in agent order (pictures of one size along their channels), and Discrete and MultiDiscrete
        ones make one MultiDiscrete.
    Raises ValueError for spaces that cannot be joined.
    """

    def __init__(self, world: World):
        self.world, self.agents = world, world.agents
        self.observation_space = _joined(world, [world.observation_spaces[a] for a in self.agents])
        self.action_space = _joined(world, [world.action_spaces[a] for a in self.agents])
        self._sentences = np.array([goal.text for goal in world.goals], object)
        ends = np.cumsum([_width(world.action_spaces[a]) for a in self.agents]).tolist()
        self._columns = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]

    def join(self, obs: Arrays) -> np.ndarray:
        """agent -> (n, …) as (n, sum of widths), pictures as (n, H, W, sum of channels)."""
        if len(self.agents) == 1:
            return obs[self.agents[0]]
        pictures = len(self.observation_space.shape or ()) == 3
        return np.concatenate([obs[a] if pictures else _flat(obs[a]) for a in self.agents], axis=-1)

    def row(self, action: Any) -> np.ndarray:
        """The action of a single copy as (1, …). Raises ValueError for a wrong shape."""
        whose = repr(self.agents[0]) if len(self.agents) == 1 else ", ".join(self.agents)
        return row(self.world, whose, self.action_space, action)

    def split(self, actions: Any) -> Arrays:
        """(n, …) joint actions as agent -> (n, …). Raises ValueError for a wrong shape."""
        if len(self.agents) == 1:
            return {self.agents[0]: actions}
        actions = np.asarray(actions)
        shape = (self.world.num_envs, self._columns[-1].stop)
        if actions.shape != shape:
            agents = ", ".join(self.agents)
            raise ValueError(f"{self.world.id}: joint actions of {agents} must have shape {shape}, not {actions.shape}")
        parts = {a: actions[:, columns] for a, columns in zip(self.agents, self._columns, strict=True)}
        return {a: p.reshape(len(p), *(self.world.action_spaces[a].shape or ())) for a, p in parts.items()}

    def reward(self, reward: Arrays) -> np.ndarray:
        """(n,) float64, the agents' mean."""
        return functools.reduce(np.add, [reward[a] for a in self.agents]) / len(self.agents)  # the order is fixed

    def masks(self) -> np.ndarray | None:
        """(n, sum of choices) bool, True where a choice is allowed now; None where everything always is."""
        masks = self.world.masks()
        return None if masks is None else np.concatenate([masks[a] for a in self.agents], axis=1)

    def info(self, info: Arrays, reward: Arrays | None = None, masks: np.ndarray | None = None) -> dict[str, Any]:
        """info with the names that others look for: is_success, action_mask, rewards (where agents are several).

        With them goes what the episode is about, "instruction": info's "goal", where there are several, as a sentence.
        masks: those of the moment that info tells of, if there are any.
        """
        named: dict[str, Any] = {"is_success" if k == "success" else k: v for k, v in info.items()}
        named["instruction"] = self._sentences[info.get("goal", np.zeros(self.world.num_envs, int))]
        if masks is not None:
            named["action_mask"] = masks
        if len(self.agents) > 1:
            named["rewards"] = reward or {a: np.zeros(self.world.num_envs) for a in self.agents}
        return named


def row(world: World, whose: str, space: spaces.Space, given: Any) -> np.ndarray:
    """An action of a single copy as (1, …). Raises ValueError, which speaks of that one copy, for a wrong shape."""
    try:
        action = np.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{world.id}: the action of {whose} must have shape {space.shape}: {error}") from error
    if space.shape is not None and action.shape != space.shape:  # a Text has none
        told = f"have shape {space.shape}, not" if space.shape else "be a single number, not an array of shape"
        raise ValueError(f"{world.id}: the action of {whose} must {told} {action.shape}")
    return action[None]


def everything(space: spaces.Space, n: int) -> np.ndarray:
    """(n, sum of choices) bool, all True: the mask of a world that has none. Raises ValueError for a Box."""
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        return np.ones((n, int(space.n if isinstance(space, spaces.Discrete) else space.nvec.sum())), bool)
    raise ValueError(f"no choices to mask in {space}")


def idle(space: spaces.Space, n: int) -> np.ndarray:
    """(n, …) actions that do as little as the space allows: nearest to zero, or the first choice."""
    if isinstance(space, spaces.Box):
        return np.broadcast_to(np.clip(np.zeros(space.shape, space.dtype), space.low, space.high), (n, *space.shape))
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        return np.broadcast_to(np.asarray(space.start), (n, *(space.shape or ())))
    if isinstance(space, spaces.Text):  # who says nothing waits
        return np.full(n, "", object)
    raise ValueError(f"no idle action in {space}")


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1)


def _width(space: spaces.Space) -> int:
    return int(np.prod(space.shape or (1,)))


def _joined(world: World, parts: list[spaces.Space]) -> spaces.Space:
    if len(parts) == 1:
        return parts[0]
    boxes = [p for p in parts if isinstance(p, spaces.Box)]
    choices = [p for p in parts if isinstance(p, (spaces.Discrete, spaces.MultiDiscrete))]
    if len(boxes) == len(parts):
        keep = len(boxes[0].shape) == 3 and len({p.shape[:2] for p in boxes}) == 1  # pictures of one size
        sides = [[p.low for p in boxes], [p.high for p in boxes]]
        low, high = (np.concatenate([a if keep else a.ravel() for a in side], axis=-1) for side in sides)
        return spaces.Box(low, high, dtype=np.result_type(*[p.dtype for p in boxes]).type)
    if len(choices) == len(parts):
        counts = [np.ravel(p.n if isinstance(p, spaces.Discrete) else p.nvec) for p in choices]
        return spaces.MultiDiscrete(np.concatenate(counts), start=np.concatenate([np.ravel(p.start) for p in choices]))
    raise ValueError(f"{world.id}: spaces of different kinds have no joint view: {parts}")
