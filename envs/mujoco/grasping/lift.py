"""Lift: close the fingers on the cube and raise it."""

import numpy as np

from ..rewards import dist
from ..world import MujocoWorld
from . import skills
from .tabletop import Tabletop


class Lift(Tabletop):
    """Success: the cube is raised by more than 10 cm."""

    goals = (skills.lift(),)
    marked = False

    def reward(self):
        """0.15 for coming to the cube, 0.15 for squeezing it, 0.7 for raising it by 15 cm so held."""
        reach, held = self.grasping()
        raised = np.clip((self.cube[:, 2] - self.edge / 2) / 0.15, 0, 1)
        return {"arm": 0.15 * reach + 0.15 * held + 0.7 * held * raised}

    def scripted(self):
        over = dist(self.grip[:, :2], self.cube[:, :2]) < 0.01
        around = over & (dist(self.grip, self.cube) < 0.02)
        closed = around & (self.fingers.min(axis=1) > self.arm.opening - self.edge / 2 - 0.005)
        target = self.cube.copy()
        target[~over, 2] = np.maximum(self.grip[~over, 2], 0.09)
        target[closed, 2] = 0.25
        return self.go(target, np.where(around, 1.0, -1.0))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Lift(**settings), num_envs, nthread)
