"""One body for every task: observations and actions of fixed widths, and the instruction's vector."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ..envs import registry
from ..envs.core import World, Wrapper
from ..envs.instructions import Encode, Instruct, goal_only
from ..envs.views import partners as team
from ..envs.views.instructed import Instructed
from ..envs.views.sb3 import Sb3View
from . import actions, observations
from .algorithms import BRANCHES, CONTINUOUS, DISCRETE
from .encoders import ENCODERS

INPUTS = ("blind", "instructed", "task-id", "goal-id")
LARGEST = 1e6  # of a bound that says how large an entry becomes; beyond it stands for "no bound"


class WidthError(ValueError):
    """A task does not fit the widths of a curriculum."""


@dataclasses.dataclass(frozen=True)
class Interface:
    """How every task of a curriculum meets one policy.

    observation, action: widths that every task is padded to; words: width of the instruction's vector.
    encoder: one of encoders.ENCODERS: what makes a vector of a sentence.
    words_scale: the vector, or the one-hot in its place, is multiplied by this. Where one state is met with several
        instructions, 4 was learnt in two thirds to three quarters of the steps of 1 (docs/curricula.md).
    scale: observations are divided by their bounds and multiplied by this: fixed, so that old tasks look as they did;
        wide enough that centimetres matter to a network (at 1 a lift took three times as many steps).
    input: "instructed" (the sentence's vector), "blind" (zeros), "task-id" (a one-hot task number, no sentence),
        "goal-id" (a one-hot number of the goal among its task's, no sentence: what words could say at best).
    tasks: the ids of the curriculum, in order: what a task number means.
    reward: weights of the instructed view (progress, success, failure); all zero leaves the task's own reward.
    actions: one of actions.KINDS: "continuous" (a Box of action entries), "discrete" (one choice of action values),
        "branches" (action choices). bins: values that a continuous entry has among branches; sizes: of each branch.
    picture: (H, W, channels) where the tasks show pictures: observations are their pixels then, row by row.
    """

    observation: int
    action: int
    words: int = 16
    input: str = "instructed"
    tasks: tuple[str, ...] = ()
    reward: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scale: float = 4.0
    actions: str = CONTINUOUS
    bins: int = 7
    sizes: tuple[int, ...] = ()
    picture: tuple[int, ...] | None = None
    encoder: str = "words"
    words_scale: float = 1.0

    def __post_init__(self):
        if self.encoder not in ENCODERS:
            raise registry.nearest(self.encoder, list(ENCODERS), "encoder")
        if self.actions not in actions.KINDS:
            raise registry.nearest(self.actions, list(actions.KINDS), "kind of actions")
        if self.actions == BRANCHES and len(self.sizes) != self.action:
            raise WidthError(f"{self.action} branches need as many sizes, not {len(self.sizes)}")
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
        timeout: int | None = None,
        wordings: str = "one",
    ) -> World:
        """copies of the task, instructed and in this body. Raises WidthError if the task does not fit.

        partners: group -> who plays it, so that the other groups are left to the policy.
        timeout: steps after which an instruction has timed out, and wordings: as of Instructed.
        """
        world = team.make(task, copies, partners, **(settings or {}))
        encode = encode or ENCODERS[self.encoder](self.words)
        instructed = Instructed(self._flat(world), encode, instruct, **self.reward, timeout=timeout, wordings=wordings)
        return Body(instructed, self, self.tasks.index(task) if task in self.tasks else 0)

    def _flat(self, world: World) -> World:
        for agent, space in world.observation_spaces.items():
            if observations.width(space) is None:
                raise WidthError(f"{world.id}: {agent} observes {space}; one policy for all needs numbers or a picture")
            if (shown := observations.picture(space)) != self.picture:
                raise WidthError(
                    f"{world.id}: {agent} sees {_sight(shown)}; the other tasks show {_sight(self.picture)}"
                )
        return observations.flat(world)

    def _acts(self, world: World, agent: str) -> Any:
        """How the body's actions become the agent's."""
        space: Any = world.action_spaces[agent]
        cuts = _cuts(world, agent)
        if actions.chosen(self.actions, [space], world.id) == CONTINUOUS:
            _fits(world.id, "actions", space.shape[0], self.action)
            return actions.Direct(space)
        needs = actions.width(space, self.actions, self.bins, cuts)
        _fits(world.id, "choices" if self.actions == DISCRETE else "branches", needs, self.action)
        if self.actions == DISCRETE:
            return actions.Choice(space, self.action)
        for own, size in zip(actions.branches(space, self.bins, cuts), self.sizes, strict=False):
            _fits(world.id, "values in a branch", own, size)
        return actions.Branches(space, self.sizes, self.bins, cuts)

    def action_space(self) -> spaces.Space:
        """What the policy chooses from."""
        if self.actions == CONTINUOUS:
            return spaces.Box(-1, 1, (self.action,), np.float32)
        return spaces.Discrete(self.action) if self.actions == DISCRETE else spaces.MultiDiscrete(list(self.sizes))

    def env(
        self,
        tasks: Sequence[str],
        rows: int,
        settings: Sequence[Mapping[str, Any]] = (),
        partners: Sequence[Mapping[str, Any]] = (),
        shares: Sequence[float] = (),
        timeouts: Sequence[int | None] = (),
        **how: Any,
    ) -> Any:
        """The VecEnv that SB3 trains on (Sb3View or Mixed): rows agents of one task, or of several.

        shares: how the rows are divided among several tasks (none: evenly), as near as whole teams come to it.
        """
        settings, partners = settings or [{}] * len(tasks), partners or [{}] * len(tasks)
        timeouts = timeouts or [None] * len(tasks)
        teams = [_team(t, p, s) for t, p, s in zip(tasks, partners, settings, strict=True)]
        counts = divided(rows, teams, shares or [1.0] * len(tasks))
        if counts is None:
            named = ", ".join(f"{t} has {n} agents" for t, n in zip(tasks, teams, strict=True))
            raise WidthError(f"{named}: {rows} rows cannot be divided into whole teams; choose a multiple")
        each = zip(tasks, counts, teams, settings, partners, timeouts, strict=True)
        views = [Sb3View(self.world(t, n // k, settings=s, partners=p, timeout=w, **how)) for t, n, k, s, p, w in each]
        return views[0] if len(views) == 1 else Mixed(views)


def _team(task: str, partners: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """How many agents a copy has for the policy."""
    return len(outline(task, settings, partners).agents)


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


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a body needs that fits some tasks: the fields of Interface of these names."""

    observation: int
    action: int
    actions: str
    sizes: tuple[int, ...] = ()
    picture: tuple[int, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Outline:
    """What a body must know of a world, and what is left of one that is closed: a curriculum may have a hundred."""

    id: str
    agents: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    observation_spaces: Mapping[str, spaces.Space]
    action_spaces: Mapping[str, spaces.Space]
    cuts: Mapping[str, Any]


def outline(task: str, settings: Mapping[str, Any], partners: Mapping[str, Any] | None = None) -> Outline:
    """Make one copy of a task, see what it is like and close it. Raises what making it raises."""
    world = team.make(task, 1, partners, **settings)
    world.close()
    both = world.observation_spaces, world.action_spaces
    return Outline(world.id, world.agents, world.groups, *both, getattr(world, "cuts", {}))


def shape(worlds: Sequence[World | Outline], asked: str = actions.AUTO, bins: int = 7) -> Shape:
    """The least body that fits all these tasks. asked: a kind of actions, or "auto": what the tasks have.

    Raises ValueError (WidthError) for what no one body can do.
    """
    acts = [(w, a, w.action_spaces[a]) for w in worlds for a in w.agents]
    kind = actions.chosen(asked, [space for _, _, space in acts], ", ".join(w.id for w in worlds))
    sizes: tuple[int, ...] = ()
    if kind == BRANCHES:
        each = [actions.branches(space, bins, _cuts(w, a)) for w, a, space in acts]
        sizes = tuple(max(values) for values in itertools.zip_longest(*each, fillvalue=1))
    needs = [widths(w, kind, bins) for w in worlds]
    shown = {observations.picture(s) for w in worlds for s in w.observation_spaces.values()}
    if len(shown) > 1:
        seen = ", ".join(sorted(_sight(s) for s in shown))
        raise WidthError(
            f"{', '.join(w.id for w in worlds)}: one policy cannot see {seen}; choose tasks that show alike"
        )
    return Shape(max(o for o, _ in needs), max(a for _, a in needs), kind, sizes, shown.pop())


def widths(world: World | Outline, kind: str = actions.AUTO, bins: int = 7) -> tuple[int, int]:
    """(observation, action): the least widths that a task needs; groups that differ take a column each to be told."""
    kind = actions.chosen(kind, list(world.action_spaces.values()), world.id)
    action = max(actions.width(s, kind, bins, _cuts(world, a)) for a, s in world.action_spaces.items())
    observation = max(observations.width(s) or 1 for s in world.observation_spaces.values())
    return observation + (len(world.groups) if len(world.groups) > 1 else 0), action


def _cuts(world: World | Outline, agent: str) -> Sequence[int] | None:
    """A hybrid Box's declared thresholds: how many equal parts the world cuts each entry's range into; 0: none."""
    return getattr(world, "cuts", {}).get(agent)


def _sight(picture: tuple[int, ...] | None) -> str:
    return "a picture of " + " by ".join(map(str, picture)) if picture else "no picture"


def _extent(space: spaces.Box) -> np.ndarray:
    """How large each entry becomes, as its bounds say: the upper one, or the lower one's size where that is no number
    to divide by; 1 where neither is."""
    sizes = (np.where(np.isfinite(bound), bound, 1.0) for bound in (space.high, -space.low))
    high, low = (np.where((size > 0) & (size <= LARGEST), size, 0.0) for size in sizes)
    return np.where(high > 0, high, np.where(low > 0, low, 1.0))


class Body(Wrapper):
    """An instructed world whose rows are [scaled observation, zeros, vector].

    All agents share the body, and so a policy. Where they are of several groups, the last columns before the vector
    are a one-hot of the group.

    Attributes: picture, as of the interface; starts (num_envs,) bool: whether an episode has just begun.
    """

    def __init__(self, world: Instructed, interface: Interface, number: int):
        super().__init__(world)
        self._interface, self._number = interface, number
        self._scale, self._kind, self._acts = {}, {}, {}
        self.picture, self.starts = interface.picture, np.ones(world.num_envs, bool)
        if interface.input == "goal-id":
            _fits(world.id, "goals to number in words", len(world.goals), interface.words)
        groups, several = list(world.groups), len(world.groups) > 1
        self.groups = {"agents": world.agents}
        for agent in world.agents:
            space: Any = world.world.observation_spaces[agent]
            _fits(world.id, "observations", space.shape[0] + several * len(groups), interface.observation)
            if several:
                number = next(i for i, g in enumerate(groups) if agent in world.groups[g])
                self._kind[agent] = interface.observation - len(groups) + number
            self._acts[agent] = interface._acts(world.world, agent)
            scale = 1.0 if interface.picture else interface.scale
            self._scale[agent] = (scale / _extent(space)).astype(np.float32)
        width = interface.observation + interface.words
        self.observation_spaces = {a: spaces.Box(-np.inf, np.inf, (width,), np.float32) for a in world.agents}
        self.action_spaces = {a: interface.action_space() for a in world.agents}

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        self.starts[ids] = True
        return self._dress(obs), info

    def step(self, actions):
        step = self.world.step({a: self._acts[a].translate(actions[a]) for a in self.agents})
        self.starts[:] = False
        return step._replace(obs=self._dress(step.obs))

    def masks(self):
        """agent -> (num_envs, choices) bool in the body's choices; None where its actions are continuous."""
        if self._interface.actions == CONTINUOUS:
            return None
        inner = self.world.masks() or {}
        return {a: self._acts[a].mask(inner.get(a), self.num_envs) for a in self.agents}

    def restore(self, state):
        obs, info = self.world.restore(state)
        return self._dress(obs), info

    def lend(self, obs: np.ndarray, act: Callable[..., np.ndarray], *mask: np.ndarray | None) -> np.ndarray:
        """What act, a policy of this body, does for an agent outside that observes obs (n, …) as its own agents do.

        That agent is told what the episode is about. mask: what it may choose, (n, its choices) bool or None for
        everything, where act asks for that, too.
        """
        agent = self.agents[0]
        flat = obs.reshape(len(obs), -1)
        if flat.shape[1] != len(self._scale[agent]):
            raise WidthError(
                f"{self.id}: {agent} observes {len(self._scale[agent])} numbers, the other {flat.shape[1]}"
            )
        aims = self.world.vectors_of_aims()  # type: ignore[attr-defined]
        told = np.concatenate([flat, aims], axis=1)
        allowed = (self._acts[agent].mask(given, len(obs)) for given in mask)
        return self._acts[agent].translate(act(self._row(agent, told), *allowed))

    def _dress(self, obs):
        return {agent: self._row(agent, obs[agent]) for agent in self._scale}

    def _row(self, agent: str, told: np.ndarray) -> np.ndarray:
        """(n, width) the body's row of an agent, from its observation with the instruction's vector behind it."""
        start, scale = self._interface.observation, self._scale[agent]
        row = np.zeros((len(told), start + self._interface.words), np.float32)
        np.multiply(told[:, : len(scale)], scale, out=row[:, : len(scale)])
        if agent in self._kind:
            row[:, self._kind[agent]] = 1
        loud = self._interface.words_scale
        if self._interface.input == "instructed":
            np.multiply(told[:, len(scale) :], loud, out=row[:, start:])
        elif self._interface.input == "task-id":
            row[:, start + self._number] = loud
        elif self._interface.input == "goal-id":
            row[np.arange(len(row)), start + self.aim] = loud
        return row


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
