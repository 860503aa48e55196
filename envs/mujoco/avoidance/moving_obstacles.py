"""MovingObstacles: a robot drives to the disc that the sentence names, among pillars that move to and fro."""

import numpy as np

from ..world import MujocoWorld
from . import foresight, skills
from .arena import COLOURS, Arena
from .skills import DISCS

SWING = 0.3  # how far a pillar goes to either side of its path's middle, m


class MovingObstacles(Arena):
    """Success: each robot is within 6 cm of its place at the disc asked for, and nothing has touched.

    Robots start on the left, the discs lie on the right, one above the other. A pillar moves along y as a pendulum
    does, at up to 0.3 m/s, on a path of its own. Two robots have each a place on the disc's rim.
    """

    goals = tuple(skills.go_to(colour=colour) for colour in DISCS)
    skills = (skills.go_to, skills.keep_away)
    colours = {name: COLOURS[name] for name in ("yellow", "green")}
    targets = tuple(f"{colour} disc" for colour in DISCS)
    robots = 1
    pillars = 3
    _most_pillars = 8
    horizon = 44
    _moving = True

    def discs(self):
        return {colour: COLOURS[colour] for colour in DISCS}

    def bind(self, sims):
        super().bind(sims)
        self.path = np.zeros((sims.nsim, 4, self.pillars))  # middle's x and y, m; phase, rad; speed, m/s
        self.time = sims.bind("time")
        angle = np.pi / 2 + np.arange(self.robots) * 2 * np.pi / self.robots
        self.rim = (self.robots > 1) * 0.09 * np.stack([np.cos(angle), np.sin(angle)])[:, None, :, None]

    def reset(self, ids, draw):
        """Robots in lanes on the left, pillars in columns of their own, the discs' order by chance."""
        share = 0.64 / max(self.pillars, 1)  # of the room between start and discs, which a column has for itself
        column, loose = -0.37 + share * (np.arange(self.pillars) + 0.5), max(share / 2 - self.thick, 0)
        each = np.ones(self.pillars)
        low = np.stack([column - loose, -0.2 * each, 0 * each, 0.15 * each])
        high = np.stack([column + loose, 0.2 * each, 2 * np.pi * each, 0.3 * each])
        self.path[ids] = draw.uniform(low, high)
        self.time[ids] = 0
        self._swing()
        lanes = np.linspace(-0.4, 0.4, 2 * self.robots + 1)[1::2]
        loose = 0.3 / self.robots
        start = draw.uniform(
            np.stack([np.full(self.robots, -0.58), lanes - loose], axis=-1),
            np.stack([np.full(self.robots, -0.5), lanes + loose], axis=-1),
        )
        upper = draw.random(1) < 0.5
        disc = draw.uniform([[0.48, -0.4], [0.48, 0.15]], [[0.52, -0.15], [0.52, 0.4]])
        self.mark[ids, :, :2], self.mark[ids, :, 2] = np.where(upper[..., None], disc, disc[:, ::-1]), 0.001
        self.put(ids, start, self.headings(start, draw))

    def measure(self):
        self._swing()
        super().measure()

    def _swing(self):
        """Pillars stand where their paths have brought them by now."""
        x, y, phase, speed = self.path.transpose(1, 2, 0)
        angle = phase + speed / SWING * self.time
        self.pace = np.stack([np.zeros_like(x), speed * np.cos(angle)])
        self.pillar.T[0], self.pillar.T[1] = x, y + SWING * np.sin(angle)

    def places(self):
        return self.mark.T[:2, :, None] + self.rim

    def state(self):
        return super().state() | {"path": self.path}

    def scripted(self):
        """Each robot takes the velocity, of a few, that leads nearest to its place and soon close to nobody."""
        wish = foresight.choose(self.here, self.speed, self.target, self._ahead(), self.radius, self.thick)
        return self._move(wish)

    def _ahead(self):
        """(2, times, pillars, n): where the pillars will be, m."""
        x, y, phase, speed = self.path.transpose(1, 2, 0)
        angle = phase + speed / SWING * (self.time + foresight.TIMES)
        return np.stack([x + 0 * angle, y + SWING * np.sin(angle)])


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(MovingObstacles(**settings), num_envs, nthread)
