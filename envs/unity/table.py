"""Who is who on the wire: which agent of which copy an agent id stands for, and what it last reported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .launch import PlayerError
from .spec import Behaviour, Sensor, join

# isort: split
from mlagents_envs.base_env import ActionTuple, ObservationType

Place = tuple[int, str]  # (copy, agent)
Lines = dict[str, tuple[np.ndarray, np.ndarray]]  # agent -> (lines of a batch, copies)


class Table:
    """num_envs copies of equal shares of the agents; arrays have a row per copy.

    places: id -> (copy, agent) where the player tells; else agents are dealt out in the order of group and id.
    Raises PlayerError where the agents of a behaviour cannot be dealt out equally.
    """

    def __init__(self, specs, env, num_envs: int, places: Mapping[int, Place] | None):
        self.num_envs = num_envs
        self.brains = tuple(specs)
        self._behaviours = {brain: _behaviour(brain, specs[brain]) for brain in self.brains}
        first = {brain: env.get_steps(brain)[0] for brain in self.brains}
        self.members = {b: _members(self.label(b), len(steps), num_envs) for b, steps in first.items()}
        self.brain_of = {agent: brain for brain, agents in self.members.items() for agent in agents}
        if places:  # the player's own names
            named = {b: tuple(dict.fromkeys(places[int(i)][1] for i in steps.agent_id)) for b, steps in first.items()}
            self.members, self.brain_of = named, {a: b for b, agents in named.items() for a in agents}
        self.places = dict(places or _deal(first, self.members, num_envs))
        self.agents = tuple(self.brain_of)
        self._dealt: dict[tuple[str, bool], tuple[list[int], Lines]] = {}  # ids as they came last, and where they stand
        self._allocate()
        self.read(env, fresh=np.arange(num_envs))

    def _allocate(self) -> None:
        n = self.num_envs
        self.sensed: dict[str, dict[str, np.ndarray]] = {}
        self.final: dict[str, dict[str, np.ndarray]] = {}
        for agent, brain in self.brain_of.items():
            empty = {s.name: _empty(s, n) for s in self._behaviours[brain].sensors}
            self.sensed[agent], self.final[agent] = empty, {k: v.copy() for k, v in empty.items()}
        self.forbidden = {a: np.zeros((n, sum(self._behaviours[b].branches)), bool) for a, b in self.brain_of.items()}
        self.reward = {a: np.zeros(n) for a in self.agents}
        self.gone = {a: np.zeros(n, bool) for a in self.agents}  # left the game in this episode
        self.before = {a: np.zeros(n, bool) for a in self.agents}  # had left before the last step
        self.ending = {a: np.zeros(n, bool) for a in self.agents}  # reported its end in the last step
        self.ready = {a: np.zeros(n, bool) for a in self.agents}  # waits for an action
        self.vacant = {a: np.zeros(n, bool) for a in self.agents}  # ended, and not yet seen again
        self.cut, self.was_over, self.waiting = (np.zeros(n, bool) for _ in range(3))

    def groups(self, behavior: str | None) -> dict[str, tuple[str, ...]]:
        """Behaviour (with its team where there are several) -> agents. Raises ValueError for an unknown behaviour."""
        chosen = [b for b in self.brains if behavior in (None, b, b.split("?")[0], self.label(b))]
        if not chosen:
            raise ValueError(f"the player has no behaviour {behavior!r}; there is: {', '.join(self.brains)}")
        return {self.label(b): self.members[b] for b in chosen}

    def label(self, brain: str) -> str:
        """The behaviour's name, with its team where there are several."""
        name, _, team = brain.partition("?team=")
        return name if [b.partition("?")[0] for b in self.brains].count(name) == 1 else f"{name}_{team}"

    def behaviour(self, agent: str) -> Behaviour:
        return self._behaviours[self.brain_of[agent]]

    def like(self, other: Table) -> bool:
        """Whether a new player shows the same agents, sensing and doing the same."""
        return self.members == other.members and self._behaviours == other._behaviours

    # To the player

    def act(self, env, acts: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Set the actions of those who wait for one; agents that nobody plays stay idle."""
        for brain, orders in self._orders.items():
            behaviour, count = self._behaviours[brain], sum(len(lines) for lines, _ in orders.values())
            if not count:
                continue
            continuous = np.zeros((count, behaviour.continuous), np.float32)
            discrete = np.zeros((count, len(behaviour.branches)), np.int32)
            for agent, (lines, copies) in orders.items():
                if agent in acts:
                    continuous[lines], discrete[lines] = acts[agent][0][copies], acts[agent][1][copies]
            env.set_actions(brain, ActionTuple(continuous, discrete))

    # From the player

    def listen(self, env) -> None:
        """Who waits for an action, where the player has said it anew and nothing else has changed."""
        for brain in self.brains:
            self._orders[brain] = self._settle(brain, env.get_steps(brain)[0].agent_id.tolist(), done=False)

    def read(self, env, fresh: Sequence[int] | np.ndarray = (), more: bool = False) -> None:
        """Take in a batch. fresh: copies that began anew; more: it belongs to the step before."""
        if tuple(env.behavior_specs) != self.brains:
            new = sorted(set(env.behavior_specs) - set(self.brains))
            raise PlayerError(f"the player changed its behaviours: {', '.join(new)} came later")
        if not more:
            self.was_over = self.over
            for agent in self.agents:
                self.before[agent] = self.gone[agent].copy()
                self.reward[agent][:] = 0
                self.ending[agent][:] = self.ready[agent][:] = False
        if len(fresh) == self.num_envs:
            for flags in self.vacant.values():
                flags[:] = True
        self._orders = {}
        for brain in self.brains:
            decisions, terminals = env.get_steps(brain)
            self._end(brain, terminals)
            self._orders[brain] = self._settle(brain, decisions.agent_id.tolist(), done=False)
            self._decide(brain, self._orders[brain], decisions)
        ready = np.logical_or.reduce(list(self.ready.values()))
        self.waiting = ~ready & ~self.over
        if len(fresh):
            self.begin(np.asarray(fresh))

    def _decide(self, brain: str, orders: Lines, steps) -> None:
        behaviour = self._behaviours[brain]
        masks = None if steps.action_mask is None else np.concatenate(steps.action_mask, axis=1)
        for agent, (lines, copies) in orders.items():
            for sensor, seen in zip(behaviour.sensors, steps.obs, strict=True):
                self.sensed[agent][sensor.name][copies] = _pixels(seen[lines]) if sensor.picture else seen[lines]
            lively = ~self.ending[agent][copies] & ~self.before[agent][copies]
            pay = steps.reward[lines].astype(float) + steps.group_reward[lines]
            self.reward[agent][copies] += np.where(lively, pay, 0)
            self.ready[agent][copies] = True
            if masks is not None:
                self.forbidden[agent][copies] = masks[lines]

    def _end(self, brain: str, steps) -> None:
        behaviour = self._behaviours[brain]
        for agent, (lines, copies) in self._settle(brain, steps.agent_id.tolist(), done=True).items():
            self.vacant[agent][copies] = True
            still = ~self.gone[agent][copies] & ~self.was_over[copies]
            lines, copies = lines[still], copies[still]
            for sensor, seen in zip(behaviour.sensors, steps.obs, strict=True):
                self.final[agent][sensor.name][copies] = _pixels(seen[lines]) if sensor.picture else seen[lines]
            self.reward[agent][copies] += steps.reward[lines].astype(float) + steps.group_reward[lines]
            self.ending[agent][copies] = True
            cut = steps.interrupted[lines]
            self.cut[copies[cut]] = True
            self.gone[agent][copies[~cut]] = True

    def _settle(self, brain: str, ids: list[int], done: bool) -> Lines:
        """Where agents stand; who is new takes the place of one that left. PlayerError for one too many."""
        before, lines = self._dealt.get((brain, done), (None, {}))
        if ids != before:  # as a rule the same agents report in the same order
            self._seat(brain, ids)
            lines = _split([self.places[i] for i in ids])
            self._dealt[brain, done] = ids, lines
        for agent, (_, copies) in lines.items():
            self.vacant[agent][copies] = False
        return lines

    def _seat(self, brain: str, ids: list[int]) -> None:
        for copy, agent in (self.places[i] for i in ids if i in self.places):
            self.vacant[agent][copy] = False
        for new in (i for i in ids if i not in self.places):
            free = [(int(c), a) for a in self.members[brain] for c in np.flatnonzero(self.vacant[a])]
            if not free:
                places = len(self.members[brain]) * self.num_envs
                raise PlayerError(f"an agent too many of {self.label(brain)}: {places} places, and nobody left")
            copy, agent = free[0]
            old = next(i for i, place in self.places.items() if place == free[0])
            self.places[new] = self.places.pop(old)
            self.vacant[agent][copy] = False
            self._dealt.clear()

    def begin(self, ids: np.ndarray) -> None:
        """Copies ids start anew from what they were last seen to sense."""
        self.cut[ids] = False
        self.was_over[ids] = False
        for agent in self.agents:
            for flags in (self.gone, self.before, self.ending):
                flags[agent][ids] = False

    def resume(self, env, game: Mapping[str, np.ndarray]) -> None:
        """Take up the state of a bundled game."""
        self.begin(np.arange(self.num_envs))
        self.read(env)
        self.cut = game["cut"].astype(bool)
        for k, agent in enumerate(self.agents):
            self.gone[agent] = game["gone"][:, k].astype(bool)
            self.before[agent] = ~game["shown"][:, k].astype(bool)
        self.was_over = self.over

    # What the world shows

    @property
    def all_gone(self) -> np.ndarray:
        return np.logical_and.reduce(list(self.gone.values()))

    @property
    def over(self) -> np.ndarray:
        """(num_envs,) bool."""
        return self.all_gone | self.cut

    @property
    def asking(self) -> bool:
        return any(flags.any() for flags in self.ready.values())

    def shown(self, agent: str, sensors: Sequence[Sensor]) -> np.ndarray:
        """(num_envs, …) what the agent observes: its end, if it has just ended; zeros, if it had before."""
        seen = {}
        for sensor in sensors:
            now, end = self.sensed[agent][sensor.name], self.final[agent][sensor.name]
            ending = self.ending[agent].reshape(-1, *[1] * (now.ndim - 1))
            seen[sensor.name] = np.where(ending, end, now)
        rows = join(sensors, seen)
        rows[self.before[agent] | self.was_over] = 0
        return rows

    def allowed(self, agent: str) -> np.ndarray:
        """(num_envs, sum of branches) bool; everything, to who has ended."""
        return ~self.forbidden[agent] | (self.gone[agent] | self.cut)[:, None]


def _behaviour(brain: str, spec) -> Behaviour:
    name, _, team = brain.partition("?team=")
    seen = tuple(
        Sensor(s.name, tuple(s.shape), goal=s.observation_type == ObservationType.GOAL_SIGNAL)
        for s in spec.observation_specs
    )
    actions = spec.action_spec
    return Behaviour(name, seen, actions.continuous_size, tuple(actions.discrete_branches), int(team or 0))


def _members(name: str, count: int, num_envs: int) -> tuple[str, ...]:
    each, rest = divmod(count, num_envs)
    if rest or not each:
        fitting = ", ".join(str(n) for n in range(1, count + 1) if count % n == 0)
        raise PlayerError(f"the player has {count} agents of {name}: num_envs must be one of {fitting}, not {num_envs}")
    return tuple(f"{name}_{k}" for k in range(each)) if each > 1 else (name,)


def _deal(first: Mapping[str, Any], members: Mapping[str, tuple[str, ...]], num_envs: int) -> dict[int, Place]:
    """Agents in the order of group and id, cut into num_envs equal hands."""
    places = {}
    for brain, steps in first.items():
        order = np.lexsort((steps.agent_id, steps.group_id))
        each = len(members[brain])
        for at, i in enumerate(steps.agent_id[order].tolist()):
            places[i] = at // each, members[brain][at % each]
    return places


def _split(rows: Iterable[Place]) -> Lines:
    found: dict[str, tuple[list[int], list[int]]] = {}
    for line, (copy, agent) in enumerate(rows):
        lines, copies = found.setdefault(agent, ([], []))
        lines.append(line)
        copies.append(copy)
    return {a: (np.array(lines, int), np.array(copies, int)) for a, (lines, copies) in found.items()}


def _empty(sensor: Sensor, n: int) -> np.ndarray:
    return np.zeros((n, *sensor.shape), np.uint8 if sensor.picture else np.float32)


def _pixels(picture: np.ndarray) -> np.ndarray:
    """[0, 1] floats as the uint8 that they came from."""
    return np.rint(picture * 255).clip(0, 255).astype(np.uint8)
