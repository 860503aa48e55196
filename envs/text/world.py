"""A world of words as arrays: one row a copy, a table of commands, masks; a world's file adds the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from .. import registry
from ..core import Arrays, Step, World, check_actions
from ..instructions import Instruction, Skill
from ..streams import Draws, Streams
from .lexicon import LANGUAGES, Lexicon
from .table import Slots, Table

REMEMBERED = 6  # commands of each agent that a picture shows
STEP_COST = 0.01
Rows = np.ndarray | slice  # which copies: their numbers, or ALL
ALL = slice(None)


class TextWorld(World):
    """What all text worlds share: commands by number, what agents say, episodes, pay, state.

    A world's class gives its verbs, and for each verb two methods:
        can_<verb>(k) -> (num_envs, *numbers of nouns) bool: which of its commands agent k may give now;
        do_<verb>(k, rows, *places): carries them out in copies rows (m,), by the places of the nouns, (m,) each.
    It makes its state with `row`, writes it in `begin`, shows it in `encode`, and says what it wants in
    `advance`, in [0, 1], whose 1 is success, and in `plan`.

    verbs: verb -> slot -> nouns. words: what may be said to those present (none: nobody says anything).
    language: "en" or "zh", of descriptions. goal: the text of one of the goals, for every episode; None: any.
    pay: what an episode's advance is worth, beside 1 for success; each step costs STEP_COST.
    Actions are Discrete numbers of the table; one that is not possible does nothing (see masks).
    """

    render_fps = 2
    max_episode_steps = 40
    fine = 1.0  # what it costs when nothing more can come of an episode

    def __init__(
        self,
        num_envs: int,
        agents: Sequence[str],
        lexicon: Lexicon,
        verbs: Mapping[str, Slots],
        words: Sequence[str],
        skills: Sequence[Skill],
        goals: Sequence[Instruction],
        goal: str | None = None,
        language: str = "en",
        pay: float = 0.5,
    ):
        if language not in LANGUAGES:
            raise registry.nearest(str(language), list(LANGUAGES), "language")
        self.num_envs, self.lexicon, self.language = num_envs, lexicon, language
        self.agents: tuple[str, ...] = tuple(agents)
        self.groups = {"agents": self.agents}
        self.words: tuple[str, ...] = tuple(words) if len(self.agents) > 1 else ()
        self.table = Table(lexicon, {**verbs, **({"say": {"word": self.words}} if self.words else {})})
        self.skills, self.goals, self.pay = tuple(skills), tuple(goals), pay
        self.fixed = self._fixed(goal)
        self.streams = Streams(num_envs)
        self.every = np.arange(num_envs)
        self._rows: dict[str, np.ndarray] = {}
        count = len(self.agents)
        self.steps = self.row("steps", (), np.int64)
        self.over = self.row("over", (count,), bool, True)  # the agent has ended
        self.blank = self.row("blank", (count,), bool)  # it had, before the last step: there is nothing more to see
        self.heard = self.row("heard", (count, count), np.int16, -1)  # listener, speaker: the last word heard
        self.log = self.row("log", (REMEMBERED, count), np.int16, -1)  # what was done, at step modulo REMEMBERED
        self.was = self.row("was", (), np.float64)  # advance at the last step
        self._rows["aim"] = self.aim
        self.make()
        self._masks: dict[int, np.ndarray] = {}
        self._last = {a: self._seen(k, ALL) for k, a in enumerate(self.agents)}
        width = next(iter(self._last.values())).shape[1]
        self.observation_spaces = {a: spaces.Box(0, 1, (width,), np.float32) for a in self.agents}
        self.action_spaces = {a: spaces.Discrete(len(self.table)) for a in self.agents}

    # What a world's file says

    def make(self) -> None:
        """Make the rows of state."""
        raise NotImplementedError

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        """Write the start of new episodes in copies ids; draw aims with drawn_aim."""
        raise NotImplementedError

    def notice(self, rows: Rows) -> None:
        """Bring up to date what the agents of copies rows know."""

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        """What agent k sees and knows in copies rows: parts (m, ...) in [0, 1]."""
        raise NotImplementedError

    def advance(self, rows: Rows) -> np.ndarray:
        """(m,) float in [0, 1]: how far the aim of copies rows is carried out; 1 where it is."""
        raise NotImplementedError

    def failed(self) -> np.ndarray:
        """(num_envs,) bool: nothing more can come of it."""
        return np.zeros(self.num_envs, bool)

    def earned(self, gain: np.ndarray, success: np.ndarray, failed: np.ndarray) -> Arrays:
        """agent -> (num_envs,) float64; all earn the same unless a world says otherwise."""
        common = self.pay * gain + success - self.fine * failed - STEP_COST
        return {a: common.copy() for a in self.agents}

    def plan(self) -> Arrays:
        """Commands that solve the episode: agent -> (num_envs,) int64."""
        raise NotImplementedError

    def scene(self, env: int, k: int) -> list[str]:
        """What agent k perceives and knows in copy env, as sentences."""
        raise NotImplementedError

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        """What a picture shows: titles, and lines beneath."""
        raise NotImplementedError

    def present(self) -> np.ndarray:
        """(num_envs, agents, agents) bool: who hears whom."""
        return np.ones((self.num_envs, len(self.agents), len(self.agents)), bool)

    def told(self, k: int) -> list[Instruction]:
        """The skills' instructions that the commands of agent k carry out, beside the goals."""
        return []

    # The contract

    def row(self, name: str, shape: tuple[int, ...], dtype: Any, fill: float = 0) -> np.ndarray:
        """A new array of state, (num_envs, *shape)."""
        self._rows[name] = np.full((self.num_envs, *shape), fill, dtype)
        return self._rows[name]

    def drawn_aim(self, draw: Draws) -> np.ndarray:
        """(n,) int64: which goal each new episode is about."""
        any_of_them = draw.integers(len(self.goals))
        return any_of_them if self.fixed is None else np.full_like(any_of_them, self.fixed)

    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        ids = np.asarray(ids, int)
        draw = self.streams.begin(ids, seeds)
        self.steps[ids], self.over[ids], self.blank[ids] = 0, False, False
        self.heard[ids], self.log[ids] = -1, -1
        self.begin(ids, draw)
        self._masks = {}
        self.notice(ids)
        self.was[ids] = self.advance(ids)
        obs = {}
        for k, agent in enumerate(self.agents):  # the others see what they saw
            obs[agent] = self._last[agent].copy()
            obs[agent][ids] = self._seen(k, ids)
        self._last = obs
        return dict(obs), self._info()

    def step(self, actions: Arrays) -> Step:
        actions = check_actions(self, actions)
        self.blank[:] = self.over
        slot = self.steps % REMEMBERED
        for k, agent in enumerate(self.agents):
            self.log[self.every, slot, k] = self._obey(k, actions[agent])
        self._masks = {}
        self.notice(ALL)
        self.steps += 1
        now, running = self.advance(ALL), ~self.blank.any(axis=1)
        success, failed = now >= 1, self.failed()
        pay = self.earned(now - self.was, success, failed & ~success)
        self.was[:] = now
        self.over |= ((success | failed) & running)[:, None]
        reward = {a: np.where(running, pay[a], 0.0) for a in self.agents}
        terminated = {a: self.over[:, k].copy() for k, a in enumerate(self.agents)}
        truncated = (self.steps >= self.max_episode_steps) & ~self.over.all(axis=1)
        return Step(self._observe(), reward, terminated, truncated, self._info())

    def _obey(self, k: int, numbers: np.ndarray) -> np.ndarray:
        """Carry out commands (num_envs,) of agent k; the numbers again, -1 where nothing was done.

        A do_… returns the rows in which what may be done came to nothing, if any.
        """
        possible = self.mask(k)[self.every, numbers] & ~self.over[:, k]
        verbs = np.where(possible, self.table.verb[numbers], 0)
        for v in np.flatnonzero(np.bincount(verbs, minlength=len(self.table.names))):
            if v == 0:  # waiting
                continue
            name = self.table.names[v]
            rows = np.flatnonzero(verbs == v)
            places = self.table.arguments[numbers[rows]].T[: len(self.table.shapes[name])]
            in_vain = getattr(self, f"do_{name}")(k, rows, *places)
            if in_vain is not None:
                possible[in_vain] = False
        if verbs.any():
            self._masks = {}
        return np.where(possible, numbers, -1)

    def mask(self, k: int) -> np.ndarray:
        """(num_envs, commands) bool: what agent k may do now; waiting always is allowed."""
        if k not in self._masks:
            blocks = [getattr(self, f"can_{v}")(k).reshape(self.num_envs, -1) for v in self.table.names[1:]]
            table = np.concatenate([np.ones((self.num_envs, 1), bool), *blocks], axis=1)
            table[:, 1:] &= ~self.over[:, k, None]
            table.flags.writeable = False
            self._masks[k] = table
        return self._masks[k]

    def masks(self) -> Arrays:
        return {a: self.mask(k) for k, a in enumerate(self.agents)}

    def can_say(self, k: int) -> np.ndarray:
        """Anything, where there is somebody else to hear it."""
        others = self.present()[:, k].sum(axis=1) > 1
        return np.repeat(others[:, None], len(self.words), axis=1)

    def do_say(self, k: int, rows: np.ndarray, words: np.ndarray) -> None:
        for j in range(len(self.agents)):
            if j != k:
                hears = self.present()[rows, j, k]
                self.heard[rows[hears], j, k] = words[hears]

    def _seen(self, k: int, rows: Rows) -> np.ndarray:
        heard = self.heard[rows, k]
        parts = self.encode(k, rows)
        if len(self.agents) > 1:
            parts += [one_hot(heard[:, j], len(self.words)) for j in range(len(self.agents)) if j != k and self.words]
            parts.append(np.broadcast_to(np.arange(len(self.agents)) == k, heard.shape))  # who one is
        return np.concatenate([p.reshape(len(heard), -1) for p in parts], axis=1, dtype=np.float32)

    def _observe(self) -> Arrays:
        obs = {}
        for k, agent in enumerate(self.agents):
            obs[agent] = self._seen(k, ALL)
            if self.blank[:, k].any():
                obs[agent][self.blank[:, k]] = 0
        self._last = obs
        return dict(obs)

    def _info(self) -> Arrays:
        about = {"goal": self.aim.copy()} if len(self.goals) > 1 else {}
        return {"success": self.was >= 1} | about | self.info()

    def info(self) -> Arrays:
        """More measures: name -> (num_envs,)."""
        return {}

    def state(self) -> Arrays:
        return {name: array.copy() for name, array in self._rows.items()} | {"streams": self.streams.table.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        for name, array in self._rows.items():
            array[:] = state[name]
        self.streams.table[:] = state["streams"]
        self._masks = {}
        return self._observe(), self._info()

    def scripted(self) -> Arrays:
        return self.plan()

    def describe(self, env: int, agent: str) -> str:
        k = self.agents.index(agent)
        heard = [(self.agents[j], int(w)) for j, w in enumerate(self.heard[env, k]) if w >= 0]
        said = [self.lexicon.say("heard_before", self.language, who=a, word=self.words[w]) for a, w in heard]
        return ("" if self.language == "zh" else " ").join([*self.scene(env, k), *said])

    def feasible(self, env: int, agent: str) -> list[Instruction]:
        return [*self.told(self.agents.index(agent)), *self.goals]

    def render(self, env: int = 0) -> np.ndarray:
        from .picture import draw

        return draw(self.aim_of(env).text, self.cards(env), self.talk(env))

    def talk(self, env: int) -> list[str]:
        """What was done last, oldest first, one sentence each."""
        slots = [s % REMEMBERED for s in range(max(0, int(self.steps[env]) - REMEMBERED), int(self.steps[env]))]
        did = [(a, int(self.log[env, s, k])) for s in slots for k, a in enumerate(self.agents)]
        return [f"{agent}: {self.table.sentence(number) if number >= 0 else '…'}" for agent, number in did]

    def _fixed(self, goal: str | None) -> int | None:
        texts = [g.text for g in self.goals]
        if goal is None:
            return None
        if goal not in texts:
            raise registry.nearest(str(goal), texts, "goal")
        return texts.index(goal)


def one_hot(index: np.ndarray, count: int) -> np.ndarray:
    """(..., count) bool, all False where the index is negative."""
    return index[..., None] == np.arange(count)
