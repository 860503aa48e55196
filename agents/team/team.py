"""Several learners where one would be: each plays some of a task's agents, and all learn in the same steps."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from ...envs.core import World
from ...envs.registry import nearest
from ..acting import Act
from ..exploration import Span
from ..interface import Body
from ..learner import Learner
from ..state import State
from .league import _layer
from .seats import Table

Seats = tuple[int, ...]  # for each agent of a task, in order: which learner plays it


def by_agent(world: World) -> Seats:
    """A learner for every agent (independent learners: Tan 1993, "Multi-agent reinforcement learning")."""
    return tuple(range(len(world.agents)))


def by_group(world: World) -> Seats:
    """A learner for every group of agents; of a body's world, the groups that it had before."""
    body = _layer_or(world)
    named = {a: i for i, members in enumerate(body.groups.values()) for a in members}
    present = sorted({named[a] for a in world.agents})
    return tuple(present.index(named[a]) for a in world.agents)


class Team:
    """Learners that share an env, behind the methods of one Learner.

    born: seat -> its learner; all of one algorithm with one set of settings, methods of their own.
    seating: task -> Seats. Every task must give a learner the same share of the rows: SB3 keeps its number for life.
    every: rows of the whole team between two meetings, where there are any. On-policy, rollouts are finished first.
    """

    seats: Callable[[World], Seats] = staticmethod(by_agent)
    algorithms: tuple[str, ...] | None = None

    def __init__(self, born: Callable[[int], Learner], seating: Mapping[str, Seats], every: int = 0):
        if every < 0:
            raise ValueError(f"every must be a number of rows from 1, not {every}")
        self.seating, self.every = dict(seating), every
        self.count = _count(self.seating)
        self.learners = [born(i) for i in range(self.count)]
        self.task, self._target, self._asked, self._met = "", 0, 0, 0  # in rows; then in steps of the env

    @property
    def num_timesteps(self) -> int:
        """Rows stepped by all over their lives."""
        return sum(learner.num_timesteps for learner in self.learners)

    def start(
        self,
        task: str,
        env: VecEnv,
        resets: Mapping[str, bool] | None = None,
        steps: int = 0,
        explore: Mapping[str, Span] | None = None,
    ) -> None:
        """A stage begins; see Learner.start. env: its rows run agent by agent, as in Sb3View."""
        self._sit(task, env)
        self.gather()
        for learner, seat in zip(self.learners, self.table.seats, strict=True):
            learner.start(task, seat, resets, steps * seat.num_envs // env.num_envs, explore)
        self._asked = self._now()
        self._target = self._asked * env.num_envs

    def move(self, task: str, env: VecEnv) -> None:
        """The stage goes on in another world; see Learner.move."""
        self._sit(task, env)
        for learner, seat in zip(self.learners, self.table.seats, strict=True):
            learner.move(task, seat)
        self._asked = self._now()
        self._target = self._asked * env.num_envs

    def learn(self, steps: int) -> None:
        """Go on for steps rows of the whole team since the last call; may be called in pieces."""
        self._target += steps
        rows = self.table.env.num_envs
        goal, between = -(-self._target // rows), -(-self.every // rows)
        while self._asked < goal:
            until = min(goal, self._met + between) if between else goal
            self._together(max(until - self._asked, 1))
            if between and self._now() >= self._met + between:
                self.meet()
                self._met = self._now()

    def gather(self) -> None:
        """What learners have to do with each other before a stage, in their seats; as a rule nothing."""

    def meet(self) -> None:
        """What learners have to do with each other, every so many rows; here nothing."""

    def finish(self) -> None:
        """The stage ends."""
        for learner in self.learners:
            learner.finish()

    @contextlib.contextmanager
    def trial(self, task: str) -> Iterator[TeamAct]:
        """The policies as they are meant to act on task; see Learner.trial."""
        with contextlib.ExitStack() as stack:
            acts = [stack.enter_context(learner.trial(task)) for learner in self.learners]
            yield TeamAct(acts, self._seats(task))

    # saving

    def weights(self) -> dict[str, np.ndarray]:
        """ "<seat>/<name>" -> array: the policies' parameters."""
        return {f"{i}/{k}": v for i, learner in enumerate(self.learners) for k, v in learner.weights().items()}

    def memory_bytes(self) -> int:
        """Bytes of the past that the methods of all keep."""
        return sum(learner.memory_bytes() for learner in self.learners)

    def state(self) -> State:
        """Everything but the env."""
        state = State()
        for i, learner in enumerate(self.learners):
            state.put(str(i), learner.state())
        state.meta |= {"task": self.task, "target": self._target, "asked": self._asked, "met": self._met}
        return state

    def restore(self, state: State, env: VecEnv) -> None:
        """Go on from state() with env, which the caller has restored."""
        self._sit(state.meta["task"], env)
        for i, (learner, seat) in enumerate(zip(self.learners, self.table.seats, strict=True)):
            learner.restore(state.get(str(i)), seat)
        self._target, self._asked, self._met = (state.meta[k] for k in ("target", "asked", "met"))

    # inside

    def _together(self, steps: int) -> None:
        self._asked += steps
        pairs = zip(self.learners, self.table.seats, strict=True)
        self.table.play([functools.partial(learner.learn, steps * seat.num_envs) for learner, seat in pairs])

    def _now(self) -> int:
        """Steps of the env over the whole life."""
        return self.learners[0].num_timesteps // self.table.seats[0].num_envs

    def _sit(self, task: str, env: VecEnv) -> None:
        self.task, seats = task, self._seats(task)
        if env.num_envs % len(seats):
            raise ValueError(f"{task} has {len(seats)} agents: {env.num_envs} rows cannot be divided among them")
        of = np.repeat(seats, env.num_envs // len(seats))
        self.table = Table(env, [np.flatnonzero(of == i) for i in range(self.count)])

    def _seats(self, task: str) -> Seats:
        if task not in self.seating:
            raise nearest(task, self.seating, "seating for the task")
        return self.seating[task]


class TeamAct:
    """acts: of each learner; seats: whose they are. Rows run agent by agent; see Act."""

    def __init__(self, acts: Sequence[Act], seats: Seats):
        self._acts, self._seats = acts, seats
        self.remembers = any(a.remembers for a in acts)

    def __call__(
        self, obs: np.ndarray, masks: np.ndarray | None = None, starts: np.ndarray | None = None
    ) -> np.ndarray:
        """(n, …) deterministic actions for obs (n, width); n: agents times copies."""
        of = np.repeat(self._seats, len(obs) // len(self._seats))
        rows = [np.flatnonzero(of == i) for i in range(len(self._acts))]
        parts = [
            act(obs[r], *(None if a is None else a[r] for a in (masks, starts)))
            for act, r in zip(self._acts, rows, strict=True)
        ]
        found = np.empty((len(obs), *parts[0].shape[1:]), parts[0].dtype)
        for part, r in zip(parts, rows, strict=True):
            found[r] = part
        return found


def _layer_or(world: World) -> World:
    """The world that still has its groups: under the body where there is one."""
    body = _layer(world, Body) if hasattr(world, "world") else None
    return world if body is None else body.world


def _count(seating: Mapping[str, Seats]) -> int:
    """How many learners there are. Raises ValueError where tasks give them other shares of the rows."""
    shares = {t: [seats.count(i) / len(seats) for i in range(max(seats) + 1)] for t, seats in seating.items()}
    (first, shared), *others = shares.items()
    for task, share in others:
        if share != shared:
            told = f"{first} has {shared}, {task} has {share}"
            raise ValueError(f"each learner keeps its share of the rows for life; of the rows {told}")
    return len(shared)
