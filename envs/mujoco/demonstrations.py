"""States of the script's own episodes, from which a task's episodes may begin: the end first, then ever earlier.

Whoever begins near the end meets early what pays late. Each copy has a rung on the way from the script's start to its
success; a success from there takes it a rung back towards the start, a failure a rung on, or less, so that it is about
where half succeed, or less: demo_rate (Salimans and Chen 2018, "Learning Montezuma's Revenge from a single
demonstration", there a fifth; Resnick et al. 2018, "Backplay"; many demonstrations: Nair et al. 2018, section IV).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import Arrays
from ..streams import Draws

if TYPE_CHECKING:
    from .world import MujocoWorld

EPISODES = 256  # of the script
MOMENTS = 128  # of each that are kept, evenly from its start to its success
RUNGS = 16  # of these, ever closer: by even ones, the last may be too far from the end to find it
FIRST = 2**40  # seed of the first of them; the others follow


def at(rung: np.ndarray) -> np.ndarray:
    """The moments of rungs, which may lie between two: 0 is the start, the last one is just before the success."""
    return (MOMENTS * (1 - (1 - rung / RUNGS) ** 2)).astype(int)


class Demonstrations:
    """Moments of those of the script's episodes that succeeded.

    moments: what the world's state() and the task's say there, name -> (episodes, MOMENTS, …); no random stream among
        them.
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
        copies = np.flatnonzero(won >= 0)[:, None]
        steps = (np.arange(MOMENTS) * (won[copies] + 1) // MOMENTS).astype(int)
        self.moments = {name: np.stack([s[name] for s in states])[steps, copies] for name in states[0]}

    def _seen(self, world: MujocoWorld) -> Arrays:
        return {k: v for k, v in world.state().items() if k in ("sims", "aim") or k.startswith("task.")}

    def put(self, world: MujocoWorld, ids: np.ndarray, draw: Draws) -> None:
        """Let a share of copies ids, demo_starts of the task, begin on an episode's way; each draws four times.

        One half of them at its rung, which is tried by it; one half at any: what lies between is to be learnt, too.
        """
        chance, which, half, where = draw.random(4).T
        chosen = chance < world.task.demo_starts
        ids, which, climbs = ids[chosen], (which[chosen] * len(self.moments["aim"])).astype(int), half[chosen] < 0.5
        moment = np.where(climbs, at(world.rung[ids]), (where[chosen] * MOMENTS).astype(int))
        world.place(ids, {name: array[which, moment] for name, array in self.moments.items()})
        world.climbs[ids] = climbs
