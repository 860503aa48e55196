"""Formation: robots stand in a line or in a ring around a mark, as the sentence says, and none may touch another."""

import numpy as np

from ..task import Entry
from ..world import MujocoWorld
from . import foresight
from .arena import COLOURS, Arena
from .geometry import passing
from .skills import keep_away
from .team_skills import FORMATIONS, stand_in


class Formation(Arena):
    """Success: each robot is within 6 cm of its place in the formation, and no two have touched in the episode.

    Line and ring have the same mark in their middle. Who has which place in them is drawn for every episode; a robot
    sees everybody's places, and the floor shows them as discs of their colours. All decide ten times a second: at 25
    times a second making way for three others was not learnt, for a decision then moves a robot by less than 2 cm.
    """

    goals = tuple(stand_in(formation=formation) for formation in FORMATIONS)
    skills = (stand_in, keep_away)
    targets = tuple(f"place in the {formation}" for formation in FORMATIONS)
    nearest_first = True
    horizon = 40
    stay = 0.05
    close_by = 0.06  # a gap narrower than this costs, m
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
        """Who makes way must know where the others are bound for, and sees sooner what is ahead if told of it."""
        others = self.robots - 1
        gap = "narrowest gap there will be to each of the others in the next 2 s, if both go on"
        soon = [Entry(gap, others, "m", 0.5), Entry("when that will be", others, "s", 2.0)]
        spots = 2 * len(FORMATIONS) * others
        there = Entry("places of the others in line and in ring, seen from the robot", spots, "m", 0.75)
        return [*super()._around(), *(soon if self.sensing == "state" else []), there]

    def _sensed(self):
        if self.sensing == "lidar":
            return super()._sensed()
        off, drift = (of[:, self.others] - of[:, :, None] for of in (self.here, self.speed))
        near, when = passing(off, drift)
        return [*super()._sensed(), self.ranked(np.minimum(near - 2 * self.radius, 0.5)), self.ranked(when)]

    def see(self):
        """The places in the line of the others, the nearest robot's first, then those in the ring."""
        spots = self.ranked(self.spots[:, :, self.others]) - self.here[:, None, :, None]  # x or y, formation, robot, …
        return (spots.transpose(0, 2, 1, 3, 4).reshape(2, self.robots, -1, spots.shape[-1]),)

    def places(self):
        """Each robot's place in the line and its place in the ring."""
        return self.mark.T[:2, :-1].reshape(2, len(self.targets), self.robots, -1)

    def reward(self):
        """As in every arena, 3 times the nearness to the own place that was gained in this step, 0.05 of the nearness
        at every step, and -1 for those that touch; for them 4 less, or hurrying pays more than letting others pass,
        and up to 0.5 less for those with a gap of under 6 cm beside them; and 0.1 a step more for all once all stand,
        so that who has come still makes way.
        """
        met, room = 0.1 * self.success(), self.room
        cost = 0.5 * np.clip(1 - room / self.close_by, 0, 1) + 4.0 * (room < 0)
        return {agent: paid + met - c for (agent, paid), c in zip(super().reward().items(), cost, strict=True)}

    def scripted(self):
        return self._move(
            foresight.choose(self.here, self.speed, self.target, self.pillar.T[:2], self.radius, self.thick)
        )


def _at(angle, far):
    """(n, robots, 2): x and y, m, of angles in rad and distances from the middle, m."""
    return np.stack([far * np.cos(angle), far * np.sin(angle)], axis=-1)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Formation(**settings), num_envs, nthread)
