"""Stack: put the red cube on the other, or the blue one, as the sentence says."""

import numpy as np

from ..rewards import approach, dist
from ..world import MujocoWorld
from . import skills
from .cubes import COLOURS, EDGE, Cubes
from .holding import above, around, grasping, loose

OTHER = dict(zip(COLOURS, reversed(COLOURS), strict=True))


class Stack(Cubes):
    """Success: the right cube stands still on the other one, and the fingers have let go of it."""

    goals = tuple(skills.stack.instructions())
    skills = (*skills.handling(*COLOURS), skills.stack)
    horizon = 80

    def _top(self, lower):
        """(n, 3) where the middle of a cube is that stands on this one."""
        return self.thing(lower) + np.array([0, 0, EDGE])

    def off(self, upper):
        """(n,) how far the upper cube is from its place on the lower one, m."""
        return dist(self.thing(upper), self._top(OTHER[upper]))

    def on(self, upper):
        """(n,) bool: the upper cube is on the lower one, held or not, and that one on the table."""
        lower = OTHER[upper]
        x, y, z = np.abs(self.thing(upper) - self._top(lower)).T
        return (x < EDGE / 2) & (y < EDGE / 2) & (z < 0.006) & (np.abs(self.raised(lower)) < 0.006)

    def stacked(self, upper):
        """(n,) bool: the upper cube stands still on the lower one, let go."""
        return self.on(upper) & self.free(upper)

    def reward(self):
        """0.1 for coming to the upper cube, 0.15 for squeezing it, 0.1 for raising it by its height, 0.15 for bringing
        it over the other, 0.1 for setting it down; instead of all that 0.6 on the other, 0.15 more as the fingers let
        go, and 1 once it stands there still and free."""
        return {"arm": self.aimed([self._paid(name) for name in COLOURS])}

    def _paid(self, upper):
        reach, held = grasping(self.arm, self.thing(upper) + np.array([0, 0, 0.01]))  # fingers stay off the table
        aside = dist(self.thing(upper)[:, :2], self.thing(OTHER[upper])[:, :2])
        up = np.clip(self.raised(upper) / EDGE, 0, 1)
        way = 0.1 + 0.15 * approach(aside, 0.4, 0.06) + 0.1 * approach(self.off(upper), 0.4, 0.04)
        done = 0.6 + 0.15 * loose(self.arm) + 0.25 * self.free(upper)
        return np.where(self.on(upper), done, 0.1 * reach + held * (0.15 + up * way))

    def scripted(self):
        return {"arm": self.aimed([self._build(name) for name in COLOURS])}

    def _build(self, upper):
        """Over the upper cube, down, close; up, over the lower one, down, open, and away."""
        cube, top = self.thing(upper), self._top(OTHER[upper])
        near, shut = around(self.arm, cube, closed=0.016)
        target = above(self.arm, cube, self.clear)
        aside = dist(cube[:, :2], top[:, :2])
        high = (self.raised(upper) > 1.5 * EDGE) | (aside < 0.03)
        across = np.where(high[:, None], top, cube) + self.arm.grip - cube
        across[:, 2] = (self.arm.grip + top - cube)[:, 2] + np.where(aside < 0.006, 0, 0.05)
        target[near & shut] = across[near & shut]
        there = self.on(upper)
        target[there] = self.arm.grip[there] + np.array([0, 0, 0.05])
        return self.arm.go(target, np.where(near & ~there, 1.0, -1.0), gain=20)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Stack(**settings), num_envs, nthread)
