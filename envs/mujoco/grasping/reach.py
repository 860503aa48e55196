"""Reach: bring the fingertips to a mark in the air."""

from ..rewards import approach, dist
from ..world import MujocoWorld
from . import skills
from .tabletop import Tabletop


class Reach(Tabletop):
    """Success: the fingertips are within 3 cm of the mark."""

    goals = (skills.reach(),)

    def place_mark(self, ids, draw):
        self.mark[ids] = draw.uniform([-0.2, -0.2, 0.06], [0.2, 0.2, 0.28])

    def reward(self):
        """Half a slope towards the mark over 50 cm, half a peak at it."""
        return {"arm": approach(dist(self.grip, self.mark), furthest=0.5, margin=0.06)}

    def scripted(self):
        return self.go(self.mark, closed=-1)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Reach(**settings), num_envs, nthread)
