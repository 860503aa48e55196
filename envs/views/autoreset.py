"""Step a world and restart what ended, in the same step."""

import numpy as np

from ..core import Arrays, Step, World


def step(world: World, actions: Arrays) -> tuple[Step, Arrays, Arrays]:
    """The true step, then the observations and info to act on next."""
    result = world.step(actions)
    return result, *restart(world, result)


def restart(world: World, result: Step) -> tuple[Arrays, Arrays]:
    """Begin anew what result ended; the observations and info to act on next."""
    done = result.done
    if not done.any():
        return result.obs, result.info
    obs, fresh = world.reset(np.flatnonzero(done))
    return obs, merge(done, fresh, result.info)


def merge(anew: np.ndarray, fresh: Arrays, old: Arrays) -> Arrays:
    """The rows of fresh for copies that began anew, of old for the others; zeros where fresh lacks a name."""
    return {name: select(anew, fresh.get(name, np.zeros_like(value)), value) for name, value in old.items()}


def select(rows: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """one in the rows (n,) bool, other elsewhere."""
    return np.where(rows.reshape(-1, *[1] * (other.ndim - 1)), one, other)
