"""Push: slide the cube over the table onto a disc."""

import numpy as np

from ..rewards import approach, dist
from ..world import MujocoWorld
from . import skills
from .tabletop import Tabletop


class Push(Tabletop):
    goal = skills.push()
    flat = True

    def place_mark(self, ids, draw):
        self.mark[ids, :2] = draw.uniform([-0.18] * 2, [0.18] * 2)
        self.mark[ids, 2] = 0.001

    def reward(self):
        reach = approach(dist(self.grip, self.cube), furthest=0.5, margin=0.1)
        gap = dist(self.cube[:, :2], self.mark[:, :2])
        return {"arm": 0.25 * reach + 0.75 * approach(gap, furthest=0.5, margin=0.06)}

    def scripted(self):
        """Go behind the cube, as seen from the disc, and push through it."""
        gap = self.mark[:, :2] - self.cube[:, :2]
        far = np.maximum(dist(self.mark[:, :2], self.cube[:, :2]), 1e-6)[:, None]
        behind = self.cube[:, :2] - gap / far * 0.07
        ready = dist(self.grip[:, :2], behind) < 0.02
        low = self.grip[:, 2] < 0.06
        target = np.empty_like(self.cube)
        target[:, :2], target[:, 2] = behind, np.where(ready | low, 0.035, 0.12)
        raise NotImplementedError


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Push(**settings), num_envs, nthread)
