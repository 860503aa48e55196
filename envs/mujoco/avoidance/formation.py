"""Formation: robots stand in a line or in a ring around a mark, as the sentence says, and none may touch another."""

import numpy as np

from ..task import Entry
from ..world import MujocoWorld
from . import foresight
from .arena import COLOURS, Arena
from .skills import keep_away
from .team_skills import FORMATIONS, stand_in


class Formation(Arena):
    """Success: each robot is within 6 cm of its place in the formation, and no two have touched in the episode.

    Line and ring have the same mark in their middle. Who has which place in them is drawn for every episode; a robot
    sees everybody's places, and the floor shows them as discs of their colours.
    """

    goals = tuple(stand_in(formation=formation) for formation in FORMATIONS)
    skills = (stand_in, keep_away)
    targets = tuple(f"place in the {formation}" for formation in FORMATIONS)
    horizon = 100
    spacing = 0.2  # from one place in the line to the next, m; less where there are many robots
    ring = 0.22  # radius of the ring, m
    _least = 3

    def discs(self):
        own = {f"{name} in the {f}": self.colours[name] for f in FORMATIONS for name in self.agents}
        return own | {"middle": COLOURS["black"]}

    def reset(self, ids, draw):
        """The mark lies near the middle, line and ring are turned by chance, and robots start further out."""
        count = self.robots
        middle = draw.uniform([[-0.08, -0.08]], [[0.08, 0.08]])
        turns = draw.uniform([0.0] * 3, [2 * np.pi] * 3)[:, None]
        even = np.arange(count) * 2 * np.pi / count
        along = (np.arange(count) - (count - 1) / 2) * min(self.spacing, 1 / (count - 1))
        line = _at(turns[..., 0], along)
        ring = _at(turns[..., 1] + even, self.ring)
        mine = [np.take_along_axis(places, draw.permutation(count)[..., None], axis=1) for places in (line, ring)]
        self.mark[ids, :, :2] = np.concatenate([*(middle + places for places in mine), middle], axis=1)
        self.mark[ids, :, 2] = 0.001
        aside = np.radians(draw.uniform([-60.0 / count] * count, [60.0 / count] * count))
        start = _at(turns[..., 2] + even + aside, draw.uniform([0.45] * count, [0.6] * count))
        self.put(ids, start, self.headings(start, draw))

    def _around(self):
        """Who makes way must know where the others are bound for."""
        others = 2 * len(FORMATIONS) * (self.robots - 1)
        there = Entry("places of the others in line and in ring, seen from the robot", others, "m", 0.75)
        return [*super()._around(), there]

    def see(self):
        """The places in the line of the others, from the next one on, then those in the ring."""
        spots = self.spots[:, :, self.others] - self.here[:, None, :, None]  # x or y, formation, robot, other, copy
        return (spots.transpose(0, 2, 1, 3, 4).reshape(2, self.robots, -1, spots.shape[-1]),)

    def places(self):
        """Each robot's place in the line and its place in the ring."""
        return self.mark.T[:2, :-1].reshape(2, len(self.targets), self.robots, -1)

    def reward(self):
        """As in every arena 3 times the nearness to the own place that was gained in this step, and 0.1 of the nearness
        at every step, a fifth of that only where there is room; -1 for those that touch; and 0.1 a step more for all
        once all stand, so that who has come still makes way."""
        met = 0.1 * self.success()
        return {agent: paid + met for agent, paid in super().reward().items()}

    def scripted(self):
        return self._move(
            foresight.choose(self.here, self.speed, self.target, self.pillar.T[:2], self.radius, self.thick)
        )


def _at(angle, far):
    """(n, robots, 2): x and y, m, of angles in rad and distances from the middle, m."""
    return np.stack([far * np.cos(angle), far * np.sin(angle)], axis=-1)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Formation(**settings), num_envs, nthread)
