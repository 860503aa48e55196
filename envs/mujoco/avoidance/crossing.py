"""Crossing: robots change places with whoever is opposite, and none may touch another."""

import numpy as np

from ..world import MujocoWorld
from . import skills
from .arena import Arena


class Crossing(Arena):
    """Success: each robot is within 6 cm of its goal, and no two have touched in the episode.

    Robots start evenly around a ring and each drives to its other side; what discs see is in the arena's frame.
    """

    goals = (skills.cross(),)
    skills = (skills.cross, skills.keep_away)
    spread = 15.0  # how far a start may be from the middle of its share of the ring, degrees; less where it is crowded
    _least = 2

    def reset(self, ids, draw):
        count, spread = self.robots, min(self.spread, 60 / self.robots)
        turn = draw.uniform(0, 2 * np.pi)[:, None] + np.arange(count) * 2 * np.pi / count
        angle = turn + np.radians(draw.uniform([-spread] * count, [spread] * count))
        out = draw.uniform([0.4] * count, [0.5] * count)
        start = np.stack([out * np.cos(angle), out * np.sin(angle)], axis=-1)
        self.mark[ids, :, :2] = draw.uniform(np.full((count, 2), -0.04), np.full((count, 2), 0.04)) - start
        self.mark[ids, :, 2] = 0.001
        self.put(ids, start, self.headings(start, draw))

    def scripted(self):
        """A roundabout: everybody circles the middle anticlockwise and leaves when the goal is near ahead."""
        return self._drive(self.roundabout(np.zeros_like(self.here), 0.3))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Crossing(**settings), num_envs, nthread)
