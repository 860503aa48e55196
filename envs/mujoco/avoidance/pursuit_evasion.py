"""PursuitEvasion: pursuers hunt a faster robot through the arena, and lose if they run into each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..rewards import closer
from ..world import MujocoWorld
from . import hunt_skills as skills
from .arena import COLOURS, Arena
from .geometry import length

EVADER = "green"
HUNTERS = tuple(name for name in COLOURS if name != EVADER)
CAUGHT, BUMPED = 1, 2  # how a game is decided: a pursuer touched the evader, or another pursuer
EDGE = 0.65  # how far from the middle robots can drive, m
HEADINGS = np.arange(16) * 2 * np.pi / 16  # that the evader's script chooses from


class PursuitEvasion(Arena):
    """Success: a pursuer has touched the evader, and no two pursuers have touched before. It is the pursuers' success.

    `robots` counts all, the evader first; a full action of a pursuer is `quick` of the evader's 0.5 m/s. The game is
    decided by the first touch, after which nobody drives; without one the evader has won. info["won/pursuers"] and
    info["won/evader"] say how it would end at this step.
    """

    colours = {name: COLOURS[name] for name in (EVADER, *HUNTERS)}
    groups: Mapping[str, tuple[str, ...]] = {"pursuers": HUNTERS[:3], "evader": (EVADER,)}
    targets = ("evader",)
    goals = (skills.catch(),)
    skills = (skills.catch, skills.get_away)
    horizon = 100
    substeps = 8  # two that hunt each other gain by deciding often
    quick = 0.8  # how fast pursuers are, as a share of the evader's 0.5 m/s
    _least = 2

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self.groups = {"pursuers": tuple(self.agents)[1:], "evader": (EVADER,)}
        self._hunt = np.array([i for i, row in enumerate(self.rows) if row[0] == EVADER and row[1] in self.agents])
        count = self.robots - 1
        self._others = [[j for j in range(count) if j != i] for i in range(count)]
        self._bump = np.array([i for i, (a, b) in enumerate(self.rows) if a in HUNTERS and b in HUNTERS], int)

    def discs(self):
        return {}

    def places(self):
        """Where the evader is, for everybody."""
        return np.repeat(self.here[:, :1], self.robots, axis=1)[:, None]

    def reset(self, ids, draw):
        """The evader starts near the middle, the pursuers evenly around it, by the walls."""
        count = self.robots - 1
        turn = draw.uniform(0, 2 * np.pi)[:, None] + np.arange(count) * 2 * np.pi / count
        angle = turn + np.radians(draw.uniform([-20.0] * count, [20.0] * count))
        out = draw.uniform([0.5] * count, [0.6] * count)
        ring = np.stack([out * np.cos(angle), out * np.sin(angle)], axis=-1)
        start = np.concatenate([draw.uniform([[-0.1, -0.1]], [[0.1, 0.1]]), ring], axis=1)
        self.decided[ids] = 0
        self.put(ids, start, self.headings(start, draw))

    def act(self, actions):
        """Nobody is faster along a diagonal, pursuers are slower, and all stand still once the game is decided."""
        going = np.where(self.caught | self.bumped, 0.0, 1.0)[:, None]
        return super().act({name: going * self._paced(name, a) for name, a in actions.items()})

    def _paced(self, name, action):
        action = np.clip(action, -1, 1).astype(float)
        if self.turn is None:
            action = action / np.maximum(length(action.T), 1)[:, None]
        return action if name == EVADER else action * self.quick

    def bind(self, sims):
        super().bind(sims)
        self.decided = np.zeros(sims.nsim, np.int8)  # CAUGHT or BUMPED, by the first touch

    def state(self):
        return super().state() | {"decided": self.decided}

    def measure(self):
        """near (pursuers, n): the gap to the evader, m. caught, bumped (n,) bool: who touched whom first."""
        super().measure()
        self.near = self.gaps[self._hunt]
        touch = np.where(self.touched[self._hunt].any(axis=0), CAUGHT, 0)
        touch[self.touched[self._bump].any(axis=0)] = BUMPED
        open_ = self.decided == 0  # what comes after, robots that roll on into each other, decides nothing
        self.decided[open_] = touch[open_]
        self.caught, self.bumped = self.decided == CAUGHT, self.decided == BUMPED

    def reward(self):
        """A pursuer: 1 once the evader is caught, before that 0.2 for its own nearness and 0.2 for the nearest one's.

        Nothing once two pursuers have touched. The evader: 1 less the mean of what the pursuers earn.
        """
        close = closer(np.maximum(self.near, 0), 1.5)
        paid = np.where(self.caught, 1, 0.2 * close + 0.2 * close.max(axis=0)) * ~self.bumped
        total = sum(paid[1:], paid[0])
        return {EVADER: 1 - total / len(paid)} | dict(zip(self.groups["pursuers"], paid, strict=True))

    def failure(self):
        """Never: a game that is decided stands still until its time is up."""
        return None

    def info(self):
        won = self.success()
        return super().info() | {"won/pursuers": won.copy(), "won/evader": ~won}

    def describe(self, env, agent):
        if agent == EVADER:
            i = int(self.near[:, env].argmin())
            hunter, gap = self.groups["pursuers"][i], 100 * self.near[i, env]
            return f"You are the evader. The nearest pursuer is the {hunter} robot, {gap:.0f} cm away."
        i = self.groups["pursuers"].index(agent)
        return (
            f"You are the {agent} pursuer, {100 * self.near[i, env]:.0f} cm from the evader. {self.beside(env, agent)}"
        )

    def feasible(self, env, agent):
        return [skills.get_away() if agent == EVADER else skills.catch()]

    def scripted(self):
        """Pursuers close in from different sides; the evader heads for where it will have most room."""
        return self._play(self._surround())

    def straight(self):
        """The evader as scripted; pursuers that drive straight at it and look at nobody else."""
        return self._play(self.target)

    def _play(self, target):
        target = target.copy()
        target[:, 0] = self._flee()
        return self._drive(target)

    def _surround(self):
        """(2, robots, n): where the evader will be; pursuers but the nearest keep clear of each other on their way."""
        evader, hunters = self.here[:, :1], self.here[:, 1:]
        aside = np.zeros_like(hunters)
        for i, others in enumerate(self._others):
            away = hunters[:, i, None] - hunters[:, others]
            gap = length(away)
            aside[:, i] = (away / gap * np.maximum(0.4 / gap - 1, 0)).sum(axis=1)
        first = self.near.argmin(axis=0) == np.arange(len(self.near))[:, None]
        goal = evader + 0.25 * self.speed[:, :1] + 0.15 * np.where(first, 0, aside)
        return np.concatenate([evader, np.clip(goal, -EDGE, EDGE)], axis=1)

    def _flee(self):
        """(2, n): of points 25 cm away, the one that leaves the most room to where pursuers come to by then."""
        way = np.stack([np.cos(HEADINGS), np.sin(HEADINGS)])[:, :, None]
        spots = np.clip(self.here[:, :1] + 0.25 * way, -EDGE, EDGE)
        room = length(spots[:, None] - self.here[:, 1:, None]).min(axis=0)
        room = room - 0.15 * length(spots)
        best = room.argmax(axis=0)
        return np.take_along_axis(spots, best[None, None], axis=1)[:, 0]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(PursuitEvasion(**settings), num_envs, nthread)
