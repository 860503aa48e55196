"""What an agent of a Unity behaviour senses and does, and the spaces that this makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces


@dataclasses.dataclass(frozen=True)
class Sensor:
    """One observation of an agent.

    shape: rank 1 a vector, rank 2 a buffer (most rows, row width) padded with zeros, rank 3 a picture (H, W, C).
    bound: vector entries lie in [-bound, bound]; one number or one each. Pictures are uint8.
    goal: a goal signal: Unity's networks treat it apart, and here an instruction can say it instead.
    """

    name: str
    shape: tuple[int, ...]
    bound: float | tuple[float, ...] = np.inf
    goal: bool = False

    @property
    def picture(self) -> bool:
        return len(self.shape) == 3

    @property
    def limits(self) -> np.ndarray:
        """(width,) float32: the bound of each entry, flattened."""
        return np.broadcast_to(np.asarray(self.bound, np.float32), self.shape).ravel()


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """Agents that one policy can play.

    sensors: in the order of their names, as Unity sends them.
    continuous, branches: how many continuous actions, and how many choices each discrete branch has.
    grouped: whether Unity tells the agents of an area that they are one group, with a reward of its own.
    """

    name: str
    sensors: tuple[Sensor, ...]
    continuous: int = 0
    branches: tuple[int, ...] = ()
    team: int = 0
    grouped: bool = False

    @property
    def brain(self) -> str:
        """The behaviour's name on the wire."""
        return f"{self.name}?team={self.team}"

    @property
    def action_space(self) -> spaces.Space:
        """Box(-1, 1) of the continuous actions, Discrete of a single branch, or MultiDiscrete of several.

        Continuous actions and branches together make one Box: behind the continuous actions stands an entry for each
        branch, whose range is cut into as many equal parts as the branch has choices.
        """
        if not self.continuous:
            one = len(self.branches) == 1  # what learns one choice, as DQN does, takes nothing else
            return spaces.Discrete(self.branches[0]) if one else spaces.MultiDiscrete(list(self.branches))
        return spaces.Box(-1, 1, (self.continuous + len(self.branches),), np.float32)

    def split(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, …) actions of the space as (n, continuous) float32 in [-1, 1] and (n, branches) int32."""
        if not self.continuous:
            return np.zeros((len(actions), 0), np.float32), actions.astype(np.int32).reshape(len(actions), -1)
        actions = np.clip(actions, -1, 1).astype(np.float32)
        sizes = np.asarray(self.branches, np.float32)
        choices = np.minimum((actions[:, self.continuous :] + 1) / 2 * sizes, sizes - 1)
        return actions[:, : self.continuous], choices.astype(np.int32)


def select(sensors: Sequence[Sensor], which: str | Sequence[str] | None, goal_signal: bool) -> tuple[Sensor, ...]:
    """The sensors that an agent observes: "vector", "camera", or names; None is "vector" where there is one.

    Raises ValueError where nothing is left, or where vectors and pictures would have to be mixed.
    """
    offered = [s for s in sensors if goal_signal or not s.goal]
    vectors = [s for s in offered if not s.picture]
    if which is None:
        which = "vector" if any(not s.goal for s in vectors) else "camera"
    if which == "vector":
        chosen = vectors
    elif which == "camera":
        chosen = [s for s in offered if s.picture]
    else:
        chosen = [s for s in offered if s.name in which]
    if not chosen or len({s.picture for s in chosen}) > 1:
        raise ValueError(
            f"sensors {which!r} must name vectors or pictures; there is: "
            f"{', '.join(f'{s.name} {s.shape}' for s in sensors)}"
        )
    return tuple(chosen)


def observation_space(sensors: Sequence[Sensor]) -> spaces.Box:
    """Vectors end to end as float32, pictures of one size along their channels as uint8."""
    if sensors[0].picture:
        height, width = sensors[0].shape[:2]
        return spaces.Box(0, 255, (height, width, sum(s.shape[2] for s in sensors)), np.uint8)
    bound = np.concatenate([s.limits for s in sensors])
    return spaces.Box(-bound, bound, dtype=np.float32)


def join(sensors: Sequence[Sensor], sensed: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n, …) rows of observation_space(sensors), a new array, from sensor name -> (n, *shape)."""
    if sensors[0].picture:
        return np.concatenate([sensed[s.name] for s in sensors], axis=-1)
    return np.concatenate([sensed[s.name].reshape(len(sensed[s.name]), -1) for s in sensors], axis=1)
