"""One body for every task: observations and actions of fixed widths, and the instruction's vector."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ..envs import registry
from ..envs.core import World, Wrapper
from ..envs.instructions import Encode, HashedWords, Instruct, goal_only
from ..envs.views import partners as team
from ..envs.views.instructed import Instructed
from ..envs.views.sb3 import Sb3View

INPUTS = ("blind", "instructed", "task-id")


class WidthError(ValueError):
    """A task does not fit the widths of a curriculum."""


@dataclasses.dataclass(frozen=True)
class Interface:
    """How every task of a curriculum meets one policy.

    observation, action: widths that every task is padded to; words: width of the instruction's vector.
    scale: observations are divided by their bounds and multiplied by this: fixed, so that old tasks look as they did;
        wide enough that centimetres matter to a network (at 1 a lift took three times as many steps).
    input: "instructed" (the sentence's vector), "blind" (zeros), "task-id" (a one-hot task number, no sentence).
    tasks: the ids of the curriculum, in order: what a task number means.
    reward: weights of the instructed view (progress, success, failure); all zero leaves the task's own reward.
    """

    observation: int
    action: int
    words: int = 16
    input: str = "instructed"
    tasks: tuple[str, ...] = ()
    reward: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scale: float = 4.0

    def __post_init__(self):
        if self.input not in INPUTS:
            raise registry.nearest(self.input, list(INPUTS), "input")
        if self.input == "task-id" and len(self.tasks) > self.words:
            raise WidthError(f"{len(self.tasks)} tasks need words: {len(self.tasks)} or more for their numbers")

    def world(
        self,
        task: str,
        copies: int,
        encode: Encode | None = None,
        instruct: Instruct = goal_only,
        settings: Mapping[str, Any] | None = None,
        partners: Mapping[str, Any] | None = None,
    ) -> World:
        """copies of the task, instructed and in this body. Raises WidthError if the task does not fit.

        partners: group -> who plays it, so that the other groups are left to the policy.
        """
        world = team.make(task, copies, partners, **(settings or {}))
        instructed = Instructed(world, encode or HashedWords(self.words), instruct, **self.reward)
        return Body(instructed, self, self.tasks.index(task) if task in self.tasks else 0)

    def env(
        self,
        tasks: Sequence[str],
        rows: int,
        settings: Sequence[Mapping[str, Any]] = (),
        partners: Sequence[Mapping[str, Any]] = (),
        shares: Sequence[float] = (),
        **how: Any,
    ) -> Any:
        """The VecEnv that SB3 trains on (Sb3View or Mixed): rows agents of one task, or of several.

        shares: how the rows are divided among several tasks (none: evenly), as near as whole teams come to it.
        """
        settings, partners = settings or [{}] * len(tasks), partners or [{}] * len(tasks)
        teams = [_team(t, p, s) for t, p, s in zip(tasks, partners, settings, strict=True)]
        counts = divided(rows, teams, shares or [1.0] * len(tasks))
        if counts is None:
            named = ", ".join(f"{t} has {n} agents" for t, n in zip(tasks, teams, strict=True))
            raise WidthError(f"{named}: {rows} rows cannot be divided into whole teams; choose a multiple")
        each = zip(tasks, counts, teams, settings, partners, strict=True)
        views = [Sb3View(self.world(t, n // k, settings=s, partners=p, **how)) for t, n, k, s, p in each]
        return views[0] if len(views) == 1 else Mixed(views)


def _team(task: str, partners: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """How many agents a copy has for the policy."""
    probe = team.make(task, 1, partners, **settings)
    probe.close()
    return len(probe.agents)


def divided(rows: int, teams: Sequence[int], shares: Sequence[float]) -> list[int] | None:
    """rows given out to tasks, in whole teams and one at least, as near to shares as that allows; None: it does not."""
    counts = list(teams)
    wanted = [rows * s / sum(shares) for s in shares]
    while (left := rows - sum(counts)) > 0:
        fitting = [i for i, size in enumerate(teams) if size <= left]
        if not fitting:
            break
        neediest = max(fitting, key=lambda i: wanted[i] - counts[i])
        counts[neediest] += teams[neediest]
    return counts if sum(counts) == rows else None


def widths(world: World) -> tuple[int, int]:
    """(observation, action): the least widths that a task needs; groups that differ take a column each to be told."""
    spaces = world.observation_spaces, world.action_spaces
    observation, action = (max(s.shape[0] if s.shape else 1 for s in of.values()) for of in spaces)
    return observation + (len(world.groups) if len(world.groups) > 1 else 0), action


class Body(Wrapper):
    """An instructed world whose rows are [scaled observation, zeros, vector].

    All agents share the body, and so a policy. Where they are of several groups, the last columns before the vector
    are a one-hot of the group.
    """

    def __init__(self, world: Instructed, interface: Interface, number: int):
        super().__init__(world)
        self._interface, self._number = interface, number
        self._scale, self._kind = {}, {}
        groups, several = list(world.groups), len(world.groups) > 1
        self.groups = {"agents": world.agents}
        for agent in world.agents:
            space = world.world.observation_spaces[agent]
            if not isinstance(space, spaces.Box) or len(space.shape) != 1:
                raise WidthError(f"{world.id}: {agent} observes {space}; one policy for all needs a flat Box")
            _fits(world.id, "observations", space.shape[0] + several * len(groups), interface.observation)
            if several:
                number = next(i for i, g in enumerate(groups) if agent in world.groups[g])
                self._kind[agent] = interface.observation - len(groups) + number
            _fits(world.id, "actions", world.action_spaces[agent].shape[0], interface.action)  # type: ignore[index]
            high = np.where(np.isfinite(space.high), space.high, 1)
            self._scale[agent] = (interface.scale / np.maximum(high, 1e-6)).astype(np.float32)
        width = interface.observation + interface.words
        self.observation_spaces = {a: spaces.Box(-np.inf, np.inf, (width,), np.float32) for a in world.agents}
        self.action_spaces = {a: spaces.Box(-1, 1, (interface.action,), np.float32) for a in world.agents}

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        return self._dress(obs), info

    def step(self, actions):
        inner = self.world.action_spaces
        step = self.world.step({a: actions[a][:, : inner[a].shape[0]] for a in self.agents})  # type: ignore[index]
        return step._replace(obs=self._dress(step.obs))

    def restore(self, state):
        obs, info = self.world.restore(state)
        return self._dress(obs), info

    def _dress(self, obs):
        start = self._interface.observation
        dressed = {}
        for agent, scale in self._scale.items():
            row = np.zeros((len(obs[agent]), start + self._interface.words), np.float32)
            np.multiply(obs[agent][:, : len(scale)], scale, out=row[:, : len(scale)])
            if agent in self._kind:
                row[:, self._kind[agent]] = 1
            if self._interface.input == "instructed":
                row[:, start:] = obs[agent][:, len(scale) :]
            elif self._interface.input == "task-id":
                row[:, start + self._number] = 1
            dressed[agent] = row
        return dressed


def _fits(task: str, what: str, needed: int, width: int) -> None:
    if needed > width:
        raise WidthError(f"{task} has {needed} {what}; the curriculum's width is {width}: set it to {needed} or more")


class Mixed(VecEnv):
    """Several views as one: their rows in order, for learning all tasks at once."""

    def __init__(self, views: Sequence[Sb3View]):
        self.views = list(views)
        self._ends = np.cumsum([v.num_envs for v in views])
        self.render_mode = "rgb_array"
        super().__init__(int(self._ends[-1]), views[0].observation_space, views[0].action_space)

    def seed(self, seed=None):
        """Each view gets seeds of its own, a million apart."""
        for i, view in enumerate(self.views):
            view.seed(None if seed is None else seed + 1_000_000 * i)
        return [seed] * self.num_envs

    def reset(self):
        return np.concatenate([v.reset() for v in self.views])

    def step_async(self, actions):
        for view, part in zip(self.views, np.split(actions, self._ends[:-1]), strict=True):
            view.step_async(part)

    def step_wait(self):
        obs, reward, done, infos = zip(*(v.step_wait() for v in self.views), strict=True)
        return np.concatenate(obs), np.concatenate(reward), np.concatenate(done), [i for part in infos for i in part]

    def state(self) -> dict[str, np.ndarray]:
        return {f"{i}.{k}": a for i, v in enumerate(self.views) for k, a in v.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        for i, view in enumerate(self.views):
            prefix = f"{i}."
            view.restore({k[len(prefix) :]: a for k, a in state.items() if k.startswith(prefix)})

    def close(self):
        for view in self.views:
            view.close()

    def get_attr(self, attr_name, indices=None):
        values = [x for v in self.views for x in v.get_attr(attr_name)]
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name, value, indices=None):
        for view in self.views:
            view.set_attr(attr_name, value)

    def env_method(self, method_name, *args, indices=None, **kwargs):
        values = [x for v in self.views for x in v.env_method(method_name, *args, **kwargs)]
        return [values[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False for _ in self._get_indices(indices)]
