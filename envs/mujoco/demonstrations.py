"""States of the script's own episodes, from which a task's episodes may begin.

Whoever starts half-way meets early what pays late (Peng et al. 2018, DeepMimic, section 6.2, "reference state
initialization"; Nair et al. 2018, "Overcoming exploration in reinforcement learning with demonstrations", section IV).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import Arrays
from ..streams import Draws

if TYPE_CHECKING:
    from .world import MujocoWorld

EPISODES = 256  # of the script
MOMENTS = 12  # of each that are kept
FIRST = 2**40  # seed of the first of them; the others follow


class Demonstrations:
    """Moments of those of the script's episodes that succeeded, evenly from start to success.

    moments: what the world's state() and the task's say there, name -> (moments, …); no random stream among them.
    """

    def __init__(self, world: MujocoWorld):
        """world: copies of the task, its own; it is stepped here."""
        world.reset(np.arange(world.num_envs), [FIRST + i for i in range(world.num_envs)])
        states, won = [], np.full(world.num_envs, -1)
        for step in range(world.max_episode_steps):
            states.append(self._seen(world))
            result = world.step(world.scripted())
            won = np.where((won < 0) & result.info["success"], step, won)
            won = np.where((won < 0) & result.done, -2, won)
        if not (won >= 0).any():
            name = type(world.task).__name__
            raise ValueError(f"{name} under these settings: its script never succeeds; leave demo_starts at 0")
        copies = np.repeat(np.flatnonzero(won >= 0), MOMENTS)
        part = np.tile(np.arange(MOMENTS) / MOMENTS, len(copies) // MOMENTS)
        at = list(zip((part * (won[copies] + 1)).astype(int), copies, strict=True))
        self.moments = {name: np.stack([states[step][name][copy] for step, copy in at]) for name in states[0]}

    def _seen(self, world: MujocoWorld) -> Arrays:
        return {k: v for k, v in world.state().items() if k in ("sims", "aim") or k.startswith("task.")}

    def put(self, world: MujocoWorld, ids: np.ndarray, draw: Draws) -> None:
        """Let a share of copies ids, demo_starts of the task, begin at such a moment; each draws twice."""
        chance, which = draw.random(2).T
        chosen = chance < world.task.demo_starts
        ids, moments = ids[chosen], (which[chosen] * len(self.moments["aim"])).astype(int)
        world.place(ids, {name: array[moments] for name, array in self.moments.items()})
