"""Swap: robots on a narrow ring change places, with whom the sentence says, and none may touch another."""

import numpy as np

from ..world import MujocoWorld
from . import skills
from .arena import Arena


class Swap(Arena):
    """Success: each robot is within 6 cm of where its partner began, and no two have touched in the episode.

    Robots start evenly around a ring, on discs of their colours. The robot opposite is half the ring away; neighbours
    are the first and the second robot, the third and the fourth, and so on.
    """

    goals = tuple(skills.swap(partner=partner) for partner in skills.PARTNERS)
    skills = (skills.swap, skills.keep_away)
    targets = ("disc of the robot opposite", "disc of the neighbour")
    horizon = 28
    furthest = 0.9
    ring = 0.3  # its radius, m
    loose = 0.05  # how far a start may be from the ring, m
    spread = 20.0  # and from the middle of its share of the ring, degrees; less where it is crowded
    _least = 4

    def __init__(self, **settings):
        super().__init__(**settings)
        if self.robots % 2:
            raise ValueError(f"Swap needs an even number of robots, not {self.robots}")
        robot = np.arange(self.robots)
        self.partners = np.stack([(robot + self.robots // 2) % self.robots, robot ^ 1])

    def reset(self, ids, draw):
        count, spread, loose = self.robots, min(self.spread, 80 / self.robots), self.loose
        turn = draw.uniform(0, 2 * np.pi)[:, None] + np.arange(count) * 2 * np.pi / count
        angle = turn + np.radians(draw.uniform([-spread] * count, [spread] * count))
        out = draw.uniform([self.ring - loose] * count, [self.ring + loose] * count)
        start = np.stack([out * np.cos(angle), out * np.sin(angle)], axis=-1)
        self.mark[ids, :, :2], self.mark[ids, :, 2] = start, 0.001
        self.put(ids, start, self.headings(start, draw))

    def places(self):
        return self.mark.T[:2][:, self.partners]

    def scripted(self):
        """Roundabouts: around the middle of the ring, or around the middle between two neighbours."""
        own = self.mark.T[:2]
        between = np.where(self.aim == 0, 0, (own + own[:, self.partners[1]]) / 2)
        wide = np.where(self.aim == 0, min(0.04 * self.robots, self.ring), 0.08)
        return self._drive(self.roundabout(between, wide))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Swap(**settings), num_envs, nthread)
