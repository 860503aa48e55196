"""LiftColour: raise the red cube or the blue one, as the sentence says."""

import numpy as np

from ..world import MujocoWorld
from . import skills
from .cubes import COLOURS, Cubes
from .holding import above, around, grasping


class LiftColour(Cubes):
    """Success: the right cube is raised by more than 10 cm, and the other one by no more than 5 cm."""

    skills = tuple(skills.handling(*COLOURS))
    goals = tuple(skills[-1].instructions())

    def reward(self):
        """0.15 for coming to the right cube, 0.15 for squeezing it, 0.7 for raising it by 15 cm so held."""
        return {"arm": self.aimed([self._paid(name) for name in COLOURS])}

    def _paid(self, name):
        reach, held = grasping(self.arm, self.thing(name) + np.array([0, 0, 0.01]))  # fingers stay off the table
        return 0.15 * reach + 0.15 * held + 0.7 * held * np.clip(self.raised(name) / 0.15, 0, 1)

    def scripted(self):
        return {"arm": self.aimed([self._raise(name) for name in COLOURS])}

    def _raise(self, name):
        """Over the cube, down, close, up."""
        near, shut = around(self.arm, self.thing(name), closed=0.016)
        target = above(self.arm, self.thing(name), self.clear)
        target[near & shut, 2] = 0.25
        return self.arm.go(target, np.where(near, 1.0, -1.0))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(LiftColour(**settings), num_envs, nthread)
