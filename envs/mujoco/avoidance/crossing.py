"""Crossing: four robots change places with the one opposite, and none may touch another."""

import numpy as np

from .. import scenes
from ..rewards import approach, dist, near
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
PAIR = np.array(
    [[np.flatnonzero((min(i, j) == FIRST) & (max(i, j) == SECOND))[0] for j in OTHERS[i]] for i in range(COUNT)]
)


class Crossing(Task):
    """Robots are discs that drive in x and y; positions are in the arena's frame, others in their fixed order."""

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
    goal = skills.cross()
    skills = (skills.cross, skills.keep_away)
    horizon = 80
    radius = 0.05  # of a robot, m
    close = 0.06  # a robot this near its goal has arrived, m
    spread = 15.0  # how far a start may be from its quarter's middle, degrees

    def scene(self):
        return scenes.arena(COLOURS)

    def bind(self, sims):
        self.place = sims.bind("qpos").reshape(-1, COUNT, 2)
        self.velocity = sims.bind("qvel").reshape(-1, COUNT, 2)
        self.mark = sims.bind("mocap_pos")
        self.before = self.place.copy()

    def reset(self, ids, draw):
        turn = draw.uniform(0, 2 * np.pi)[:, None] + np.arange(COUNT) * 2 * np.pi / COUNT
        angle = turn + np.radians(draw.uniform([-self.spread] * COUNT, [self.spread] * COUNT))
        out = draw.uniform([0.4] * COUNT, [0.5] * COUNT)
        start = np.stack([out * np.cos(angle), out * np.sin(angle)], axis=-1)
        self.place[ids] = self.before[ids] = start
        self.mark[ids, :, :2] = draw.uniform(np.full((COUNT, 2), -0.04), np.full((COUNT, 2), 0.04)) - start
        self.mark[ids, :, 2] = 0.001

    def before_step(self):
        self.before[:] = self.place

    def left(self):
        """(n, 4): how far each robot has to go, m."""
        return dist(self.place, self.mark[:, :, :2])

    def gaps(self):
        """(n, 6): the narrowest gap between the hulls of each pair during the step, had both driven straight; m."""
        start = self.before[:, FIRST] - self.before[:, SECOND]
        end = self.place[:, FIRST] - self.place[:, SECOND]
        way = end - start
        square = np.maximum(_dot(way, way), 1e-12)
        share = np.clip(-_dot(start, way) / square, 0, 1)[..., None]
        return dist(start + share * way, np.zeros(2)) - 2 * self.radius

    def observe(self):
        others = (self.place[:, OTHERS] - self.place[:, :, None]).reshape(-1, COUNT, 6)
        speeds = self.velocity[:, OTHERS].reshape(-1, COUNT, 6)
        ahead = self.mark[:, :, :2] - self.place
        parts = (self.place, self.velocity, ahead, others, speeds)
        return {agent: tuple(part[:, i] for part in parts) for i, agent in enumerate(self.agents)}

    def reward(self):
        gap = self.gaps()[:, PAIR].min(axis=2)
        paid = 0.8 * approach(self.left(), furthest=1.2, margin=0.15) + 0.2 * (
            1 - near(np.maximum(gap, 0), margin=0.15)
        )
        paid -= 5 * (gap < 0)
        return {agent: paid[:, i] for i, agent in enumerate(self.agents)}

    def failure(self):
        return (self.gaps() < 0).any(axis=1)

    def info(self):
        return {"collisions": (self.gaps() < 0).sum(axis=1)}

    def describe(self, env, agent):
        i = list(self.agents).index(agent)
        others = {n: dist(self.place[env, i], self.place[env, j]) for j, n in enumerate(self.agents) if j != i}
        nearest = min(others, key=lambda n: others[n])
        return (
            f"You are the {agent} robot, {100 * self.left()[env, i]:.0f} cm from your {agent} disc. "
            f"The nearest robot is the {nearest} one, {100 * (others[nearest] - 2 * self.radius):.0f} cm away."
        )

    def scripted(self):
        """A roundabout: everybody circles the middle anticlockwise and leaves when the goal is near ahead."""
        here, goal = (np.arctan2(p[..., 1], p[..., 0]) for p in (self.place, self.mark[:, :, :2]))
        ahead = (goal - here) % (2 * np.pi)
        angle = here + np.radians(40)
        circle = 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        leave = (ahead < np.radians(60)) | (ahead > np.radians(330))
        return self._drive(np.where(leave[..., None], self.mark[:, :, :2], circle))

    def straight(self):
        """agent -> (n, 2) actions of a policy that drives straight to its goal and looks at nobody."""
        return self._drive(self.mark[:, :, :2])

    def _drive(self, target):
        wish = 8 * (target - self.place)
        wish /= np.maximum(dist(wish, np.zeros(2)), 1)[..., None]
        return {agent: wish[:, i] for i, agent in enumerate(self.agents)}


def _dot(a, b):
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Crossing(**settings), num_envs, nthread)
