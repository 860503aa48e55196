"""Convoy: a leader that alone knows the way drives past pillars, and each robot follows the one ahead of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..rewards import approach, closer
from ..task import Entry
from ..world import MujocoWorld
from . import trail
from .arena import COLOURS, Arena
from .geometry import length, passing
from .skills import keep_away
from .team_skills import follow, lead, wait_for

NEAREST, FURTHEST = 0.13, 0.27  # how far a follower may be from the robot ahead, middle to middle, m


class Convoy(Arena):
    """Success: all way points are passed, every follower is 13 to 27 cm from the robot ahead, and nothing has touched.

    The first robot leads; a way point is passed when it is within 8 cm and every follower keeps its distance, so that
    it must wait for whoever lags. It alone sees where the next way point is; the others see the robot ahead instead.
    Everybody starts too far from the robot ahead, and on each straight way from point to point stands a pillar. `stay`
    is 0.02. All decide ten times a second.
    """

    goals = (lead(),)
    skills = (lead, follow, wait_for, keep_away)
    colours = {name: COLOURS[name] for name in ("red", "green", "blue", "yellow")}
    targets = ("next way point (for the leader) or robot ahead (for the others)",)
    robots = 3
    pillars = 3
    _most_pillars = 9
    stops = 3  # way points
    horizon = 75
    stay = 0.02  # an episode is long, and waiting for good must not pay
    reach = 0.08  # a leader this near a way point has come there, m
    _least = 2

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        if not 1 <= self.stops <= 3:
            raise ValueError(f"Convoy has 1 to 3 stops, not {self.stops}")
        if self.pillars > self.stops:
            raise ValueError(f"Convoy has a pillar before each stop, at most {self.stops}, not {self.pillars}")

    def _own(self):
        lag = Entry("how much too near or far the follower that is worst off is", 1, "m", 1.0)
        return [*super()._own(), Entry("leader (1) or follower (0)", 1, "1", 1.0), lag]

    def _around(self):
        if self.sensing == "lidar":
            return super()._around()
        around = [
            Entry("velocity of the robot ahead, 0 for the leader", 2, "m/s", 1.0),
            Entry("robot behind, seen from the robot, 0 for the last", 2, "m", 0.75),
            Entry("its velocity", 2, "m/s", 1.0),
        ]
        if not self.pillars:
            return around
        gap = "narrowest gap there will be to each pillar in the next 2 s, if the robot goes on"
        return [
            *around,
            Entry("pillars, seen from the robot", 2 * self.pillars, "m", 0.75),
            Entry(gap, self.pillars, "m", 0.5),
            Entry("when that will be", self.pillars, "s", 2.0),
        ]

    def discs(self):
        return {f"stop{k}": COLOURS["purple"] for k in range(self.stops)}

    def bind(self, sims):
        super().bind(sims)
        self.passed = np.zeros(sims.nsim, np.int64)
        self.trail = np.zeros((sims.nsim, self.robots + 2 * self.stops, 2))  # the script's, past the pillars, m
        self._pillars = np.array([i for i, row in enumerate(self.rows) if row[1].startswith("pillar")], int)

    def reset(self, ids, draw):
        """The way winds around the arena, to the left or to the right; the convoy stands behind its start."""
        count = self.robots
        turn, side = draw.uniform(0, 2 * np.pi)[:, None], np.where(draw.random(1) < 0.5, -1, 1)
        ahead = 80 * np.arange(1, self.stops + 1) + draw.uniform([-10.0] * self.stops, [10.0] * self.stops)
        stops = _at(turn + side * np.radians(ahead), draw.uniform([0.32] * self.stops, [0.5] * self.stops))
        behind = -42 * np.arange(count) + draw.uniform([-2.0] * count, [2.0] * count)
        start = _at(turn + side * np.radians(behind), draw.uniform([0.43] * count, [0.47] * count))
        way = np.concatenate([start[:, :1], stops], axis=1)
        loose = draw.uniform(np.full((self.stops, 2), -0.03), np.full((self.stops, 2), 0.03))
        between = (way[:, 1:] + way[:, :-1]) / 2 + loose
        self.pillar[ids, :, :2] = between[:, : self.pillars]
        self.mark[ids, :, :2] = stops
        around = between * (1 + 0.17 / np.hypot(between[..., :1], between[..., 1:]))
        way = np.stack([around, stops], axis=2).reshape(len(ids), -1, 2)
        self.trail[ids] = np.concatenate([start[:, ::-1], way], axis=1)
        self.passed[ids] = 0
        self.put(ids, start, self.headings(start, draw))

    def measure(self):
        """off (robots - 1, n): how much too near or too far each follower is, m. passed (n,): way points.

        done (n,): how far the way is gone, in [0, 1].
        """
        here = self.place.T
        gap = length(here[:, 1:] - here[:, :-1])
        self.off = np.maximum(np.maximum(NEAREST - gap, gap - FURTHEST), 0)
        come = length(self._stop() - here[:, 0]) < self.reach
        self.passed += come & (self.off == 0).all(axis=0) & (self.passed < self.stops)
        self.mark[:, :, 2] = np.where(np.arange(self.stops) < self.passed[:, None], -0.02, 0.001)  # those passed sink
        super().measure()
        part = np.where(self.passed < self.stops, closer(self.far[0, 0], 1.0), 0)
        self.done = (self.passed + part) / self.stops

    def _stop(self):
        """(2, n): the next way point, m; the last one once all are passed."""
        k = np.minimum(self.passed, self.stops - 1)
        return np.take_along_axis(self.mark.T[:2], k[None, None], axis=1)[:, 0]

    def places(self):
        return np.concatenate([self._stop()[:, None], self.here[:, :-1]], axis=1)[:, None]

    def _felt(self):
        leads = np.zeros((self.robots, 1, len(self.place)))
        leads[0] = 1
        lag = np.repeat(self.off.max(axis=0)[None, None], self.robots, axis=0)
        return [*super()._felt(), leads, lag]

    def _sensed(self):
        if self.sensing == "lidar":
            return super()._sensed()
        none = np.zeros((2, 1, len(self.place)))
        ahead = np.concatenate([none, self.speed[:, :-1]], axis=1)
        behind = np.concatenate([self.here[:, 1:] - self.here[:, :-1], none], axis=1)
        pace = np.concatenate([self.speed[:, 1:], none], axis=1)
        parts = [part[:, :, None] for part in (ahead, behind, pace)]
        if not self.pillars:
            return [self.own(part) for part in parts]
        off = self.pillar.T[:2, None] - self.here[:, :, None]
        near, when = passing(off, -self.speed[:, :, None])
        gap = np.minimum(near - self.radius - self.thick, 0.5)
        return [*(self.own(part) for part in (*parts, off)), gap, when]

    def come(self):
        """(robots, n): the share of the way that is gone, 0.4 of it only as the distance to the robot ahead is kept.

        The leader: as all keep theirs.
        """
        keep = approach(self.off, 0.6, margin=0.08)
        mean = sum(keep[1:], keep[0]) / len(keep)
        return (0.1 + 0.9 * self.done) * (0.6 + 0.4 * np.vstack([mean, keep]))

    def reward(self):
        """As in every arena, and 0.1 a step more for all once all has succeeded."""
        met = 0.1 * self.success()
        return {agent: paid + met for agent, paid in super().reward().items()}

    def state(self):
        return super().state() | {"passed": self.passed, "trail": self.trail}

    def info(self):
        return super().info() | {"passed": self.passed.copy()}

    def describe(self, env, agent):
        i, beside = list(self.agents).index(agent), self.beside(env, agent)
        way = 100 * self.far[0, i, env]
        if i == 0:
            lag, passed = 100 * self.off[:, env].max(), f"{self.passed[env]} of {self.stops} way points are passed"
            return (
                f"You lead the convoy; {passed}. It is {way:.0f} cm to the next one. "
                f"Who is worst off is {lag:.0f} cm too near or too far. {beside}"
            )
        ahead = list(self.agents)[i - 1]
        return f"You follow the {ahead} robot, {way:.0f} cm ahead; it should be 13 to 27 cm. {beside}"

    def scripted(self):
        """All drive along one trail, outside the pillars; the leader waits while anybody lags by more than 5 cm."""
        way = self.trail.T
        far = trail.along(way, self.here)
        stop = trail.along(way, self.target[:, :1])[0]
        go = np.where(self.off.max(axis=0) > 0.05, 0, 10 * (stop - far[0]))
        keep = 12 * (far[:-1] - far[1:] - 0.21) + length(self.speed[:, :-1]) / 0.5
        share = np.concatenate([np.minimum(go, 0.9)[None], keep])
        return self._drive(trail.point(way, far + 0.125), np.clip(share, 0, 1))

    def straight(self):
        """agent -> (n, 2) actions of a leader that drives straight on and followers that keep their distance."""
        return self._drive(self._behind())

    def _behind(self):
        """(2, robots, n): the next way point, and for followers 19 cm behind where the robot ahead will be, m."""
        target = self.target.copy()
        way = self.way[:, 1:]
        target[:, 1:] += 0.45 * self.speed[:, :-1] - 0.19 * way / np.maximum(length(way), 1e-6)
        return target


def _at(angle, far):
    """(n, points, 2): x and y, m, of angles in rad and distances from the middle, m."""
    return np.stack([far * np.cos(angle), far * np.sin(angle)], axis=-1)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Convoy(**settings), num_envs, nthread)
