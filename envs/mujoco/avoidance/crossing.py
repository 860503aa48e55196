"""Crossing: four robots change places with the one opposite, and none may touch another."""

import numpy as np

from .. import scenes
from ..rewards import approach, near
from ..task import Entry, Task
from ..world import MujocoWorld
from . import skills

COLOURS = {
    "red": (0.84, 0.24, 0.20, 1),
    "green": (0.20, 0.62, 0.34, 1),
    "blue": (0.20, 0.42, 0.78, 1),
    "yellow": (0.93, 0.72, 0.18, 1),
}
COUNT = len(COLOURS)
FIRST, SECOND = np.triu_indices(COUNT, 1)  # every pair once
OTHERS = np.array([[(i + k) % COUNT for k in range(1, COUNT)] for i in range(COUNT)])  # anticlockwise at the start
PAIRS = np.array([[k for k in range(len(FIRST)) if i in (FIRST[k], SECOND[k])] for i in range(COUNT)])  # with robot i


class Crossing(Task):
    """Success: each robot is within 6 cm of its goal, and no two have touched in the episode.

    Robots are discs of radius 5 cm that drive in x and y; what they see is in the arena's frame.
    """

    agents = {name: f"{name}/" for name in COLOURS}
    entries = {
        "agents": (
            Entry("place in the arena", 2, "m", 1.0),
            Entry("velocity", 2, "m/s", 1.0),
            Entry("goal, seen from the robot", 2, "m", 1.5),
            Entry("the next three robots anticlockwise at the start, seen from the robot", 6, "m", 1.5),
            Entry("their velocities", 6, "m/s", 1.0),
        )
    }
    actions = {"agents": (Entry("velocity along x and y, as a share of 0.5 m/s", 2, "1", 1.0),)}
    goals = (skills.cross(),)
    skills = (skills.cross, skills.keep_away)
    horizon = 80
    substeps = 8
    radius = 0.05  # of a robot, m
    close = 0.06  # a robot this near its goal has arrived, m
    spread = 15.0  # how far a start may be from its quarter's middle, degrees

    def scene(self):
        return scenes.arena(COLOURS)

    def bind(self, sims):
        self.place = sims.bind("qpos").reshape(-1, COUNT, 2)
        self.velocity = sims.bind("qvel").reshape(-1, COUNT, 2)
        self.mark = sims.bind("mocap_pos")
        self.before = np.zeros((2, len(FIRST), sims.nsim))

    def reset(self, ids, draw):
        turn = draw.uniform(0, 2 * np.pi)[:, None] + np.arange(COUNT) * 2 * np.pi / COUNT
        angle = turn + np.radians(draw.uniform([-self.spread] * COUNT, [self.spread] * COUNT))
        out = draw.uniform([0.4] * COUNT, [0.5] * COUNT)
        start = np.stack([out * np.cos(angle), out * np.sin(angle)], axis=-1)
        self.place[ids] = start
        self.before[..., ids] = (start[:, FIRST] - start[:, SECOND]).transpose(2, 1, 0)
        self.mark[ids, :, :2] = draw.uniform(np.full((COUNT, 2), -0.04), np.full((COUNT, 2), 0.04)) - start
        self.mark[ids, :, 2] = 0.001

    def before_step(self):
        self.before = self.apart

    def measure(self):
        """x and y first, the copies last: NumPy goes fastest along what is long.

        here, target, way (2, 4, n): the robots' places and goals, and the way to go, m; left (4, n): its length.
        apart (2, 6, n): from one robot of a pair to the other, m.
        gaps (6, n): the narrowest gap between two hulls during the step, had both driven straight, m.
        """
        self.here, self.target = self.place.T.copy(), self.mark[:, :, :2].T.copy()
        self.way = self.target - self.here
        self.left = _length(self.way)
        self.apart = self.here[:, FIRST] - self.here[:, SECOND]
        move = self.apart - self.before
        share = -_dot(self.before, move) / np.maximum(_dot(move, move), 1e-12)
        self.gaps = _length(self.before + np.clip(share, 0, 1) * move) - 2 * self.radius

    def observe(self):
        speed = self.velocity.T.copy()
        seen = np.empty((COUNT, 18, len(self.place)), np.float32)
        seen[:, 0:2], seen[:, 2:4], seen[:, 4:6] = (a.swapaxes(0, 1) for a in (self.here, speed, self.way))
        others = self.here[:, OTHERS] - self.here[:, :, None]
        seen[:, 6:12:2], seen[:, 7:12:2] = others
        seen[:, 12::2], seen[:, 13::2] = speed[:, OTHERS]
        return {agent: (seen[i].T,) for i, agent in enumerate(self.agents)}

    def reward(self):
        """0.8 for coming to the own goal, 0.2 for room around the robot, -5 for those that touch."""
        room = self.gaps[PAIRS].min(axis=1)
        alone = 1 - near(np.maximum(room, 0), margin=0.15)
        paid = 0.8 * approach(self.left, furthest=1.2, margin=0.15) + 0.2 * alone - 5 * (room < 0)
        return dict(zip(self.agents, paid, strict=True))

    def failure(self):
        """Two robots have touched: `info["collisions"]` counts the pairs."""
        return (self.gaps < 0).any(axis=0)

    def info(self):
        return {"collisions": (self.gaps < 0).sum(axis=0)}

    def describe(self, env, agent):
        i = list(self.agents).index(agent)
        room = {other: self.gaps[k, env] for other, k in zip(self._others(i), PAIRS[i], strict=True)}
        nearest = min(room, key=room.__getitem__)
        return (
            f"You are the {agent} robot, {100 * self.left[i, env]:.0f} cm from your {agent} disc. "
            f"The nearest robot is the {nearest} one, {100 * room[nearest]:.0f} cm away."
        )

    def _others(self, i):
        return [agent for j, agent in enumerate(self.agents) if j != i]

    def scripted(self):
        """A roundabout: everybody circles the middle anticlockwise and leaves when the goal is near ahead."""
        here, goal = (np.arctan2(p[1], p[0]) for p in (self.here, self.target))
        ahead = (goal - here) % (2 * np.pi)
        angle = here + np.radians(40)
        circle = 0.3 * np.stack([np.cos(angle), np.sin(angle)])
        leave = (ahead < np.radians(60)) | (ahead > np.radians(330))
        return self._drive(np.where(leave, self.target, circle))

    def straight(self):
        """agent -> (n, 2) actions of a policy that drives straight to its goal and looks at nobody."""
        return self._drive(self.target)

    def _drive(self, target):
        wish = 8 * (target - self.here)
        wish /= np.maximum(_length(wish), 1)
        return {agent: wish[:, i].T for i, agent in enumerate(self.agents)}


def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1]


def _length(a):
    return np.sqrt(_dot(a, a))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Crossing(**settings), num_envs, nthread)
