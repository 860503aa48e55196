"""What a bundled game is: a batch of areas as arrays. As it stands it is a World; serve.py plays it on Unity's wire."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...core import Arrays, Step, World, check_actions
from ...instructions import parse
from ...registry import nearest
from ...streams import Draws, Streams
from ..spec import Behaviour, Sensor, join, observation_space

Acts = dict[str, tuple[np.ndarray, np.ndarray]]  # agent -> (n, continuous) float32, (n, branches) int32
Sensed = dict[str, Arrays]  # agent -> sensor name -> (n, *shape)


class Played(NamedTuple):
    """What a step of the game paid and ended, for every area; areas that are over are left out afterwards.

    reward: agent -> (n,); ended: agent -> (n,) bool, whether it left the game; shared: group -> (n,) group reward;
    cut: (n,) bool, whether the area's episode was interrupted.
    """

    reward: Arrays
    ended: Arrays
    shared: Mapping[str, np.ndarray] = {}
    cut: np.ndarray | bool = False


class Game(World):
    """num_envs areas. A game writes begin, play, sense, success and what a World needs for words and pictures.

    name: as Unity's documents call it.
    behaviours: group -> what its agents sense and do.
    saved: names of the arrays that are the game's state, each with one row per area.
    defaults: environment parameter -> its standard value; they are read when an episode begins.
    An area that is over rests until it is reset: zeros, and nothing more happens in it.
    A reward is rounded to float32, as on the wire, so that both paths pay the same.
    """

    name: str = ""
    behaviours: Mapping[str, Behaviour]
    saved: tuple[str, ...] = ()
    defaults: Mapping[str, float] = {}

    def __init__(self, num_envs: int, parameters: Mapping[str, float] | None = None, goal: str | None = None):
        self.num_envs = num_envs
        self.agents = tuple(a for members in self.groups.values() for a in members)
        self.behaviour_of = {a: self.behaviours[g] for g, members in self.groups.items() for a in members}
        self.watched = {a: tuple(s for s in b.sensors if not s.goal) for a, b in self.behaviour_of.items()}
        self.observation_spaces = {a: observation_space(s) for a, s in self.watched.items()}
        self.action_spaces = {a: b.action_space for a, b in self.behaviour_of.items()}
        self.parameters = dict(self.defaults)
        for key, value in (parameters or {}).items():
            self.set_parameter(key, value)
        self.fixed = None if goal is None else self._goal(goal)
        self.aim[:] = self.fixed or 0
        self.streams = Streams(num_envs)
        self.steps = np.zeros(num_envs, np.int64)
        self.cut = np.zeros(num_envs, bool)
        self.won = np.zeros(num_envs, bool)
        self.gone = np.zeros((num_envs, len(self.agents)), bool)  # left the game
        self.shown = np.ones((num_envs, len(self.agents)), bool)  # was still in it before the last step
        self.earned: Arrays = {}  # agent -> its own reward of the last step, float32; the wire sends both apart
        self.shared: Arrays = {}  # agent -> its group's
        self.sensed: Sensed = {}

    @property
    def cuts(self) -> dict[str, tuple[int, ...]]:
        """agent -> how many equal parts each entry of its hybrid Box is cut into, 0 where it is continuous."""
        hybrid = {a: b for a, b in self.behaviour_of.items() if b.continuous and b.branches}
        return {a: (0,) * b.continuous + tuple(b.branches) for a, b in hybrid.items()}

    def set_parameter(self, key: str, value: float) -> None:
        """Set an environment parameter for the episodes that begin from now on.

        Raises UnknownName, and ValueError for what is not finite, or a size that is not above 0.
        """
        if key not in self.defaults:
            raise nearest(key, dict(self.defaults), f"parameter of {self.name}")
        size = key.endswith("scale") or key == "mass"
        if not math.isfinite(value) or (size and value <= 0):
            raise ValueError(f"{self.name}: {key} must be a {'positive' if size else 'finite'} number, not {value}")
        self.parameters[key] = float(value)

    def _goal(self, text: str) -> int:
        asked = parse(text, self.skills)
        for i, goal in enumerate(self.goals):
            if (goal.skill, goal.arguments) == (asked.skill, asked.arguments):
                return i
        raise ValueError(f"{self.name}: {text!r} is no goal of it; goals: {', '.join(g.text for g in self.goals)}")

    # What a game writes

    @abstractmethod
    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        """Start an episode in areas ids; self.aim[ids] is drawn already."""

    @abstractmethod
    def play(self, acts: Acts) -> Played:
        """Go from this decision to the next in all areas."""

    @abstractmethod
    def sense(self) -> Sensed:
        """What every sensor of every agent shows now; changes nothing."""

    @abstractmethod
    def success(self) -> np.ndarray:
        """(num_envs,) bool: what each area's episode is about is achieved."""

    # What makes it a World

    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        ids = np.asarray(ids, np.int64)
        draw = self.streams.begin(ids, seeds)
        if len(self.goals) > 1 and self.fixed is None:
            self.aim[ids] = draw.integers(len(self.goals))
        self.steps[ids] = 0
        self.cut[ids] = self.gone[ids] = False
        self.shown[ids] = True
        self.begin(ids, draw)
        self.won[ids] = self.success()[ids]
        return self._observe(), self._info()

    @property
    def over(self) -> np.ndarray:
        """(num_envs,) bool: the area waits for a reset."""
        return self.cut | self.gone.all(axis=1)

    def step(self, actions: Arrays) -> Step:
        given = check_actions(self, actions)
        playing = ~self.over
        self.shown = ~self.gone & playing[:, None]
        rest = np.flatnonzero(~playing)
        resting = {name: getattr(self, name)[rest] for name in self.saved} if len(rest) else {}
        played = self.play({a: self.behaviour_of[a].split(given[a]) for a in self.agents})
        for name, rows in resting.items():
            getattr(self, name)[rest] = rows
        self.steps += playing
        for k, agent in enumerate(self.agents):
            self.gone[:, k] |= played.ended[agent] & playing
        late = played.cut | (self.steps >= self.max_episode_steps)
        self.cut |= playing & late & ~self.gone.all(axis=1)
        self.won = np.where(playing, self.success(), self.won)
        self._pay(played)
        terminated = {a: self.gone[:, k].copy() for k, a in enumerate(self.agents)}
        reward = {a: self.earned[a].astype(float) + self.shared[a] for a in self.agents}
        return Step(self._observe(), reward, terminated, self.cut.copy(), self._info())

    def _pay(self, played: Played) -> None:
        for group, members in self.groups.items():
            together = np.asarray(played.shared.get(group, 0.0), np.float32)
            for agent in members:
                there = self.shown[:, self.agents.index(agent)]
                self.earned[agent] = np.where(there, played.reward[agent], 0).astype(np.float32)
                self.shared[agent] = np.where(there, together, 0).astype(np.float32)

    def _observe(self) -> Arrays:
        self.sensed = {a: self._bounded(a, parts) for a, parts in self.sense().items()}
        obs = {a: join(self.watched[a], self.sensed[a]) for a in self.agents}
        for k, agent in enumerate(self.agents):
            obs[agent][~self.shown[:, k]] = 0
        return obs

    def _bounded(self, agent: str, parts: Arrays) -> Arrays:
        """Vectors as float32 inside their bounds, pictures as they are."""
        bounded = {}
        for sensor in self.behaviour_of[agent].sensors:
            part = parts[sensor.name]
            if not sensor.picture:
                limits = sensor.limits.reshape(sensor.shape)
                part = np.clip(part, -limits, limits, dtype=np.float32, casting="same_kind")
            bounded[sensor.name] = part
        return bounded

    def _info(self) -> Arrays:
        about = {"goal": self.aim.copy()} if len(self.goals) > 1 else {}
        return {"success": self.won.copy()} | about

    def _live(self) -> dict[str, np.ndarray]:
        own: dict[str, Any] = {name: getattr(self, name) for name in self.saved}
        base = {n: getattr(self, n) for n in ("steps", "cut", "won", "gone", "shown", "aim")}
        return own | base | {"streams": self.streams.table}

    def state(self) -> Arrays:
        return {name: array.copy() for name, array in self._live().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        for name, array in self._live().items():
            array[:] = state[name]
        return self._observe(), self._info()


def sensors(*parts: Sensor) -> tuple[Sensor, ...]:
    """In the order in which Unity sends them: by name."""
    return tuple(sorted(parts, key=lambda s: s.name))
