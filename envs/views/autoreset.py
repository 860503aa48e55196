"""Step a world and restart what ended, in the same step."""

import numpy as np

from ..core import Arrays, Step, World


def step(world: World, actions: Arrays) -> tuple[Step, Arrays, Arrays]:
    """The true step, then the observations and info to act on next."""
    result = world.step(actions)
    done = result.done
    if not done.any():
        return result, result.obs, result.info
    obs, info = world.reset(np.flatnonzero(done))
    return result, obs, info
