"""A world whose agents are told what to do: the instruction's vector is part of what they observe."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from ..core import Arrays, Step, World, Wrapper
from ..instructions import Briefing, Encode, HashedWords, Instruct, Instruction, goal_only, parse, reads_scene
from ..streams import Streams

OUTCOMES = ("done", "failed", "timed out", "unfinished")  # of an instruction; kept by their place here
_DONE, _FAILED, _TIMED_OUT, _UNFINISHED = range(4)
_REMEMBERED = 4  # outcomes that a briefing tells of
_OWN = 0x9E3779B97F4A7C15  # tells a copy's seed for its words from its seed for all else
WORDINGS = ("one", "all")


class Instructed(Wrapper):
    """Every agent of every copy follows an instruction of its own, among the world's skills.

    encode: texts -> (len(texts), width) float32; the vector stands behind the agent's observation.
    instruct: (briefings, states) -> (sentences, states), asked for all who need one together: when an episode
        starts, and when the instruction was carried out, failed (the agent ended) or timed out.
        A sentence that no skill understands counts in `unparsed` and is replaced by the goal.
    progress, success, failure: what is added to the reward: the difference of progress times the first; the second
        when the instruction is first achieved; minus the third when it fails or times out. All zero: the bare reward.
    timeout: steps after which an instruction has timed out; None: never within an episode.
    delay: an instruction asked for at step t takes effect at step t + delay; an episode starts with the goal till then.
    wordings: "one": agents are told the sentence as it was said; "all": whenever an instruction takes effect, they are
        told it in any of its skill's wordings, never a held-out one, drawn from the copy's own generator.

    Attributes, (num_envs, agents) each: `asked`, `unparsed`: how often, over the copy's life.
    """

    def __init__(
        self,
        world: World,
        encode: Encode | None = None,
        instruct: Instruct = goal_only,
        progress: float = 0.0,
        success: float = 0.0,
        failure: float = 0.0,
        timeout: int | None = None,
        delay: int = 0,
        wordings: str = "one",
    ):
        super().__init__(world)
        if delay < 0 or (timeout is not None and timeout < 1):
            raise ValueError(f"delay must be 0 or more and timeout 1 or more, not {delay} and {timeout}")
        if wordings not in WORDINGS:
            raise ValueError(f"wordings are {' or '.join(map(repr, WORDINGS))}, not {wordings!r}")
        self._instruct, self._weights, self._delay = instruct, (progress, success, failure), delay
        self._streams = Streams(self.num_envs) if wordings == "all" else None
        self._timeout = timeout or 0  # an age is 1 or more: 0 never comes
        self._book = _PhraseBook(world, encode or HashedWords(16))
        self.observation_spaces = {a: _wider(s, self._book.width) for a, s in world.observation_spaces.items()}
        table = (self.num_envs, len(self.agents))
        self._current = np.zeros(table, int)  # places in the phrase book, which begins with the goals
        self._told_as = np.zeros(table, int)  # the same in the words that agents are told
        self._coming = np.zeros(table, int)  # what was asked for and has not taken effect
        self._wait = np.zeros(table, int)  # steps until it does; 0: nothing is coming
        self._age = np.zeros(table, int)
        self._met = np.zeros(table, bool)  # achieved since it was given
        self._rests = np.zeros(table, bool)  # given again after it was achieved: nothing new to ask for
        self._gone = np.ones(table, bool)  # the agent or its episode has ended
        self._blank = np.ones(table, bool)  # it had, before the last step: there is nothing more to see
        self._progress = np.zeros(table)
        self._history = np.full((*table, _REMEMBERED), -1)  # place * len(OUTCOMES) + outcome, the newest last
        self._own = np.zeros(table, int)  # outcomes of the episode that is on
        self._tried = np.zeros(table, int)  # outcomes of the copy's life
        self._episode = np.zeros(self.num_envs, int)  # episodes begun
        self._won = np.full(self.num_envs, -1)  # whether the last one succeeded; -1: it was cut off, or there is none
        self._grammar = functools.partial(parse, skills=world.skills)
        self.asked, self.unparsed = np.zeros(table, int), np.zeros(table, int)
        self._states: list[list[Any]] = [[None] * len(self.agents) for _ in range(self.num_envs)]

    def instruction(self, env: int, agent: str) -> str:
        """What the agent in copy env is told now."""
        return self._book.texts[self._told_as[env, self.agents.index(agent)]]

    def why(self, agent: str) -> str | None:
        """Why a single copy's agent was told what it was; None where the instructor keeps no `why`, agent -> a line."""
        return getattr(getattr(self._instruct, "__self__", self._instruct), "why", {}).get(agent)

    def vectors_of_aims(self) -> np.ndarray:
        """(num_envs, width) float32: the vectors of what the episodes are about, as sentences."""
        return self._book.vectors[self.aim]

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        starts = np.zeros(self._gone.shape, bool)
        starts[ids] = True
        if self._streams:  # not the world's draws: what is to be done would say how it is said
            self._streams.begin(ids, None if seeds is None else [None if s is None else int(s) ^ _OWN for s in seeds])
        self._won[ids] = np.where(self._gone[ids].all(axis=1), self._won[ids], -1)
        if seeds is not None:
            self._forget([i for i, seed in zip(ids, seeds, strict=True) if seed is not None])
        self._episode[ids] += 1
        self._gone[ids] = self._blank[ids] = False
        self._current[ids], self._wait[ids], self._own[ids] = self.aim[ids, None], 0, 0
        self._give(starts, self._current)
        self._ask(starts)
        return self._told(obs), info

    def _forget(self, ids: Sequence[int]) -> None:
        """What the instructor of these copies had seen and come to: who is given a seed begins a life with it.

        Else a policy tried twice on the same seeds would be told otherwise, by what came of the first trial.
        """
        self._history[ids], self._tried[ids], self._won[ids], self._episode[ids] = -1, 0, -1, 0
        for env in ids:
            self._states[env] = [None] * len(self.agents)

    def step(self, actions):
        result = self.world.step(actions)
        gone, over = self._gone, result.done[:, None]
        ended = np.stack([result.terminated[a] for a in self.agents], axis=1)
        obeyed = ~gone & ~result.info.get("diverged", np.zeros(self.num_envs, bool))[:, None]
        achieved = self._book.achieved(self._current) & obeyed
        new = achieved & ~self._met
        self._met |= achieved
        self._age += 1
        due = (self._age == self._timeout) & obeyed & ~over & ~ended
        failed, late = ended & obeyed & ~self._met, due & ~self._met
        reward = self._pay(result.reward, obeyed, new, failed | late)
        for where, outcome in (new, _DONE), (failed, _FAILED), (late, _TIMED_OUT):
            self._remember(where, outcome)
        self._remember(over & obeyed & ~self._met & ~failed, _UNFINISHED)
        self._won = np.where(result.done, result.info["success"], self._won)
        self._blank, self._gone = gone, gone | ended | over
        ask = (due | (achieved & ~self._rests)) & ~self._gone & (self._wait == 0)
        self._arrive()
        self._ask(ask)
        return Step(self._told(result.obs), reward, result.terminated, result.truncated, result.info)

    def _pay(self, reward: Arrays, obeyed: np.ndarray, new: np.ndarray, failed: np.ndarray) -> Arrays:
        progress, success, failure = self._weights
        if not any(self._weights):
            return reward
        extra = success * new - failure * failed
        if progress:
            now = self._book.progress(self._current)
            extra += progress * np.where(obeyed, now - self._progress, 0)
            self._progress = now
        return {a: reward[a] + extra[:, k] for k, a in enumerate(self.agents)}

    def _remember(self, where: np.ndarray, outcome: int) -> None:
        if where.any():
            last = self._current[where] * len(OUTCOMES) + outcome
            self._history[where] = np.column_stack([self._history[where][:, 1:], last])
            self._own += where
            self._tried += where

    def _arrive(self) -> None:
        """What was asked for `delay` steps ago takes effect."""
        arrives = (self._wait == 1) & ~self._gone
        self._wait -= self._wait > 0
        if arrives.any():
            self._give(arrives, self._coming)

    def _give(self, where: np.ndarray, places: np.ndarray) -> None:
        same = self._current == places
        self._current = np.where(where, places, self._current)
        self._age[where] = 0
        self._met[where] = self._book.achieved(self._current, where)[where]
        self._rests[where] = (same & self._met)[where]
        if self._weights[0]:
            self._progress[where] = self._book.progress(self._current, where)[where]
        self._word(where)

    def _word(self, where: np.ndarray) -> None:
        """Choose the words of the instructions that took effect."""
        if self._streams is None:
            self._told_as = self._current
        elif where.any():
            rows = np.flatnonzero(where.any(axis=1))
            drawn = np.zeros(where.shape)
            drawn[rows] = self._streams.draw(rows).random(where.shape[1])
            for place in np.unique(self._current[where]):
                among = self._book.worded(place)
                here = where & (self._current == place)
                self._told_as[here] = among[(drawn[here] * len(among)).astype(int)]

    def _ask(self, where: np.ndarray) -> None:
        """Ask the instructor for all (copy, agent) in where at once."""
        if not where.any():
            return
        spots = np.argwhere(where).tolist()
        briefings = [self._briefing(env, k) for env, k in spots]
        texts, states = self._instruct(briefings, [self._states[env][k] for env, k in spots])
        if len(texts) != len(spots) or len(states) != len(spots):
            raise ValueError(f"{self.id}: {len(spots)} instructions asked for, {len(texts)} came, {len(states)} states")
        for (env, k), text, state in zip(spots, texts, states, strict=True):
            place = self._book.find(text)
            self.unparsed[env, k] += place is None
            self._coming[env, k] = self.aim[env] if place is None else place
            self._states[env][k] = state
        self.asked += where
        if self._delay:
            self._wait[where] = self._delay
        else:
            self._give(where, self._coming)

    def _briefing(self, env: int, k: int) -> Briefing:
        goal, agent = self.aim_of(env).text, self.agents[k]
        if not reads_scene(self._instruct):
            return Briefing(goal, "", agent, self.agents, ())
        past = [divmod(int(h), len(OUTCOMES)) for h in self._history[env, k] if h >= 0]
        outcomes = tuple(f"{self._book.texts[place]}: {OUTCOMES[outcome]}" for place, outcome in past)
        feasible = tuple(i.text for i in self.world.feasible(env, agent))
        told = self.world.describe(env, agent)
        earlier = max(0, len(outcomes) - int(self._own[env, k]))
        won = None if self._won[env] < 0 else bool(self._won[env])
        life = {"task": self.id, "episode": int(self._episode[env]), "tried": int(self._tried[env, k]), "won": won}
        return Briefing(
            goal, told, agent, self.agents, feasible, outcomes, earlier=earlier, grammar=self._grammar, **life
        )

    def _told(self, obs: Arrays) -> Arrays:
        """obs with the vectors behind them."""
        vectors = np.take(self._book.vectors, self._told_as.T, axis=0)  # (agents, num_envs, width)
        if self._blank.any():
            vectors[self._blank.T] = 0
        return {a: np.concatenate([obs[a], vector], axis=1) for a, vector in zip(self.agents, vectors, strict=True)}

    def _arrays(self) -> Arrays:
        return {
            "current": self._current, "coming": self._coming, "wait": self._wait, "age": self._age,
            "met": self._met, "rests": self._rests, "gone": self._gone, "blank": self._blank,
            "progress": self._progress, "history": self._history, "own": self._own,
            "asked": self.asked, "unparsed": self.unparsed,
            "tried": self._tried, "episode": self._episode, "won": self._won,
        } | ({} if self._streams is None else {"told_as": self._told_as, "streams": self._streams.table})  # fmt: skip

    def state(self):
        notes = json.dumps({"texts": self._book.texts, "states": self._states}).encode()
        own = {f"instructed.{name}": array.copy() for name, array in self._arrays().items()}
        return self.world.state() | own | {"instructed.notes": np.frombuffer(notes, np.uint8).copy()}

    def restore(self, state):
        obs, info = self.world.restore(state)
        for name, array in self._arrays().items():
            array[:] = state.get(f"instructed.{name}", array)  # a state of before this was kept
        if self._streams is None:
            self._told_as = self._current
        notes = json.loads(state["instructed.notes"].tobytes())
        self._states = notes["states"]
        self._book.rewrite(notes["texts"])
        return self._told(obs), info


class _PhraseBook:
    """The sentences met so far, each parsed and encoded once; the goals come first."""

    def __init__(self, world: World, encode: Encode):
        self._world, self._encode = world, encode
        self.rewrite([goal.text for goal in world.goals])
        self.width = self.vectors.shape[1]

    def rewrite(self, texts: Sequence[str]) -> None:
        goals = self._world.goals
        for goal, text in itertools.zip_longest(goals, texts[: len(goals)]):
            if goal.text != text:
                raise ValueError(f"{self._world.id}: this state is of the goal {text!r}, not {goal.text!r}")
        self.texts = list(texts)
        self._means = [*goals, *(parse(t, self._world.skills) for t in texts[len(goals) :])]
        self.vectors = np.concatenate([np.asarray(self._encode([t]), np.float32) for t in texts])
        self._places = {text: place for place, text in enumerate(texts)}
        self._worded: dict[int, np.ndarray] = {}

    def worded(self, place: int) -> np.ndarray:
        """The places of all its skill's wordings to learn with."""
        if place not in self._worded:
            meant = self._means[place]
            self._worded[place] = np.array([self.find(meant.phrase(w)) for w in meant.skill.taught])
        return self._worded[place]

    def find(self, text: str) -> int | None:
        """The place of a sentence, entered when it is new; None when no skill understands it."""
        if text not in self._places:
            try:
                meant = parse(text, self._world.skills)
            except ValueError:
                return None
            self._places[text] = len(self.texts)
            self.texts.append(text)
            self._means.append(meant)
            self.vectors = np.concatenate([self.vectors, np.asarray(self._encode([text]), np.float32)])
        return self._places[text]

    def achieved(self, places: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """(num_envs, agents) bool, each by its own instruction; where: the only ones that are asked for."""
        return self._each(places, lambda meant: meant.achieved(self._world), where)

    def progress(self, places: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """(num_envs, agents) float in [0, 1], each by its own instruction; where: the only ones that are asked for."""
        return self._each(places, lambda meant: meant.progress(self._world), where)

    def _each(
        self, places: np.ndarray, measure: Callable[[Instruction], np.ndarray], where: np.ndarray | None
    ) -> np.ndarray:
        asked = np.unique(places if where is None else places[where]) if where is None or where.any() else places[0, :1]
        table = np.repeat(measure(self._means[asked[0]])[:, None], places.shape[1], axis=1)
        for place in asked[1:]:
            table = np.where(places == place, measure(self._means[place])[:, None], table)
        return table


def _wider(space: spaces.Space, width: int) -> spaces.Box:
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ValueError(f"an instruction's vector goes behind a Box of one dimension, not {space}")
    edge = np.full(width, np.inf, np.float32)
    return spaces.Box(np.concatenate([space.low, -edge]), np.concatenate([space.high, edge]), dtype=np.float32)
