"""Corridor: two robots change rooms through a corridor in which they cannot pass, so that one must wait."""

import numpy as np

from ..rewards import approach
from ..task import Entry
from ..world import MujocoWorld
from . import skills
from .arena import COLOURS, Arena
from .geometry import length as distance
from .geometry import sweep

LONGEST = 0.54  # of the corridor: beyond it stands who starts nearest, m
AHEAD = np.array([1.0, -1.0])[:, None]  # red drives along x, blue against it


class Corridor(Arena):
    """Success: each robot is within 6 cm of its disc in the other room, and the two have not touched.

    The walls hold; along them robots may scrape, for 0.001 a step. `stay` is 0.02. far is the way through the corridor
    in length, whose middle is the arena's. Each sees and drives from its own side, its room behind it and the other's
    ahead, so that what one learns serves the other.
    """

    things = (Entry("the other's disc, seen from the robot", 2, "m", 0.75),)
    goals = (skills.pass_through(),)
    skills = (skills.pass_through, skills.give_way, skills.keep_away)
    colours = {name: COLOURS[name] for name in ("red", "blue")}
    robots = 2
    facing = (1, -1)
    horizon = 56
    furthest = 1.6
    stay = 0.02  # an episode is long, and waiting for good must not pay
    scrape = 0.001
    length = 0.2  # of the corridor, m
    gap = 0.18  # its width, m; a robot is 10 cm wide
    _least = 2

    def __init__(self, **settings):
        if not 2 * Arena.radius < settings.get("gap", self.gap) < 4 * Arena.radius:
            raise ValueError(
                f"gap of Corridor must let one robot through, not two: 0.1 to 0.2 m, not {settings['gap']}"
            )
        if not 0 < settings.get("length", self.length) <= LONGEST:
            raise ValueError(
                f"length of Corridor must leave the rooms' robots outside: up to {LONGEST} m, not {settings['length']}"
            )
        self.walls = ((settings.get("length", self.length) / 2, (0.72 - settings.get("gap", self.gap) / 2) / 2),) * 2
        super().__init__(**settings)

    def reset(self, ids, draw):
        """In each room one half is where a robot starts and the other where a disc lies; one robot starts nearer."""
        half = self.gap / 2 + self.walls[0][1]
        self.wall[ids] = [[0, half, 0], [0, -half, 0]]
        side = np.where(draw.random(2) < 0.5, -1, 1)
        start = draw.uniform([[-0.4, 0.12], [-0.58, 0.25]], [[-0.32, 0.25], [-0.48, 0.45]])
        start = np.where(draw.random()[:, None, None] < 0.5, start, start[:, ::-1])
        goal = draw.uniform([[0.4, 0.2]] * 2, [[0.55, 0.45]] * 2)
        start[..., 0] *= AHEAD[:, 0]
        goal[..., 0] *= AHEAD[:, 0]
        start[..., 1] *= side
        goal[..., 1] *= -side[:, ::-1]
        self.mark[ids, :, :2], self.mark[ids, :, 2] = goal, 0.001
        self.put(ids, start, self.headings(start, draw))

    def measure(self):
        super().measure()
        self.ahead = AHEAD * self.here[0]  # from the middle of the corridor, m
        mouth = AHEAD * self.length / 2 * np.array([1.0, 0.0])[:, None, None]
        beyond = distance(self.target - mouth)
        within = distance(self.here - mouth) + beyond
        before = distance(self.here + mouth) + self.length + beyond
        self.beside_way = sweep(-mouth - self.here, self.target[:, ::-1] - self.here)  # from the other's, m
        straight = distance(self.way)
        way = np.where(self.ahead < -self.length / 2, before, np.where(self.ahead < self.length / 2, within, straight))
        self.far = way[None]

    def see(self):
        """Who waits must know where the other is bound for."""
        return ((self.target[:, ::-1] - self.here)[:, :, None],)

    def inside(self):
        """(robots, n): how far each has still to go until it is out of the corridor, its hull too, m; at least 0."""
        return np.maximum(self.length / 2 + self.radius - self.ahead, 0)

    def come(self):
        """(robots, n): 0.2 for coming to the own disc, 0.8 for the two on their mean: who makes way gains by it.

        Until the other is out, whoever is behind it is paid for keeping 20 cm from its way instead: from the corridor's
        mouth to the other's disc.
        """
        come = approach(self.left, self.furthest, margin=0.1)
        waits = (self.ahead < self.ahead[::-1]) & (self.ahead[::-1] < self.length / 2 + 0.12)
        come = np.where(waits, np.minimum(come, 0.2) * np.minimum(self.beside_way / 0.2, 1), come)
        return 0.2 * come + 0.4 * (come[0] + come[1])

    def scripted(self):
        """Who is further goes first; the other comes near, beside the way, and waits until the corridor is free."""
        first = np.stack([self.ahead[0] >= self.ahead[1], self.ahead[0] < self.ahead[1]])
        free = first | (self.ahead > self.length / 2 + 0.12)[::-1]
        aside = np.stack([-AHEAD * (self.length / 2 + 0.16) * np.ones_like(free), 0.2 * np.sign(self.here[1])])
        return self._drive(np.where(free, self._through(), aside))

    def straight(self):
        """agent -> (n, 2) actions of a policy that drives through the corridor to its disc and looks at nobody."""
        return self._drive(self._through())

    def _through(self):
        """(2, robots, n): the next point on the way, m: before the corridor, behind it, the disc."""
        mouth = self.length / 2 + 0.1
        outside = (self.ahead < 0.02 - mouth) & (np.abs(self.here[1]) > 0.015)
        across = np.where(outside, -mouth, mouth) * AHEAD
        way = np.stack([across, np.zeros_like(across)])
        return np.where(self.ahead > mouth - 0.03, self.target, way)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Corridor(**settings), num_envs, nthread)
