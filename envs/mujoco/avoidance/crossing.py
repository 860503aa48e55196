"""Crossing: robots change places with whoever is opposite, and none may touch another."""

import numpy as np

from ..rewards import approach
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

    def reward(self):
        """0.8 for coming to the own goal, 0.2 for room around the robot, -5 for those that touch."""
        room = self.room
        paid = 0.8 * approach(self.left, furthest=1.2, margin=0.15) + 0.2 * self.spaced(room) - 5 * (room < 0)
        return dict(zip(self.agents, paid, strict=True))

    def describe(self, env, agent):
        left = self.left[list(self.agents).index(agent), env]
        return f"You are the {agent} robot, {100 * left:.0f} cm from your {agent} disc. {self.beside(env, agent)}"

    def scripted(self):
        """A roundabout: everybody circles the middle anticlockwise and leaves when the goal is near ahead."""
        here, goal = (np.arctan2(p[1], p[0]) for p in (self.here, self.target))
        ahead = (goal - here) % (2 * np.pi)
        angle = here + np.radians(40)
        circle = 0.3 * np.stack([np.cos(angle), np.sin(angle)])
        leave = (ahead < np.radians(60)) | (ahead > np.radians(330))
        return self._drive(np.where(leave, self.target, circle))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Crossing(**settings), num_envs, nthread)
