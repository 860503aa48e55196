"""Observations of every kind as flat rows: choices one-hot, pictures as numbers in [0, 1]."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from ..envs.core import World, Wrapper


def width(space: spaces.Space) -> int | None:
    """Entries of an observation's flat row; None for a kind that has none."""
    if isinstance(space, spaces.Box) and len(space.shape) in (1, 3):
        return int(np.prod(space.shape))
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.MultiDiscrete):
        return int(space.nvec.sum())
    return int(np.prod(space.shape)) if isinstance(space, spaces.MultiBinary) else None


def picture(space: spaces.Space) -> tuple[int, ...] | None:
    """(H, W, channels) of a picture, else None."""
    return space.shape if isinstance(space, spaces.Box) and len(space.shape) == 3 else None


def flat(world: World) -> World:
    """The world, its observations flat Boxes."""
    plain = all(isinstance(s, spaces.Box) and len(s.shape) == 1 for s in world.observation_spaces.values())
    return world if plain else Flat(world)


class Flat(Wrapper):
    """Every agent observes (width,) float32: a Box as it is, a picture over its bound, choices one-hot."""

    def __init__(self, world: World):
        super().__init__(world)
        self.observation_spaces = {a: self._space(s) for a, s in world.observation_spaces.items()}

    @staticmethod
    def _space(space: spaces.Space) -> spaces.Space:
        if isinstance(space, spaces.Box) and len(space.shape) == 1:
            return space
        return spaces.Box(0, 1, (width(space) or 0,), np.float32)

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        return self._rows(obs), info

    def step(self, actions):
        step = self.world.step(actions)
        return step._replace(obs=self._rows(step.obs))

    def restore(self, state):
        obs, info = self.world.restore(state)
        return self._rows(obs), info

    def _rows(self, obs):
        return {a: _row(self.world.observation_spaces[a], obs[a]) for a in self.agents}


def _row(space: spaces.Space, values: np.ndarray) -> np.ndarray:
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return values
    if isinstance(space, spaces.Box):
        return values.reshape(len(values), -1) / space.high.reshape(-1).astype(np.float32)
    if isinstance(space, spaces.MultiBinary):
        return values.reshape(len(values), -1).astype(np.float32)
    counts = np.ravel(space.n if isinstance(space, spaces.Discrete) else space.nvec)  # type: ignore[attr-defined]
    numbers = (values - space.start).reshape(len(values), -1)  # type: ignore[attr-defined]
    return np.concatenate([numbers[:, i, None] == np.arange(n) for i, n in enumerate(counts)], axis=1, dtype=np.float32)
