"""Step a world and restart what ended, in the same step."""

import numpy as np

from ..core import Arrays, Step, World


def step(world: World, actions: Arrays) -> tuple[Step, Arrays, Arrays]:
    """The true step, then the observations and info to act on next."""
    result = world.step(actions)
    done = result.done
    if not done.any():
        return result, result.obs, result.info
    obs, fresh = world.reset(np.flatnonzero(done))
    return result, obs, merge(done, fresh, result.info)


def merge(done: np.ndarray, fresh: Arrays, info: Arrays) -> Arrays:
    """info with the rows of copies that are done taken from fresh; zeros where fresh lacks a name."""
    merged = {}
    for name, value in info.items():
        rows = done.reshape(-1, *[1] * (value.ndim - 1))
        merged[name] = np.where(rows, fresh.get(name, np.zeros_like(value)), value)
    return merged
