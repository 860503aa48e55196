"""A text world in words: agents read what they perceive and answer with sentences."""

from __future__ import annotations

import string
from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from ..core import Arrays, Step, Wrapper
from .grammar import LONGEST, Grammar, language, plain
from .world import TextWorld

PAGE = 4000  # characters that an observation may have
SAID = 80  # characters of free speech that are heard
_MARKS = "，。：；！？、“”（）…《》’‘"


class Spoken(Wrapper):
    """Observations and actions are sentences, spaces.Text; the world beneath is the same.

    Actions: agent -> (num_envs,) of str, cut to LONGEST characters. What is not understood, or cannot be done now,
    passes the time, and the observation begins with why. An observation tells the goal, what came of the last
    command, what was heard and what is there; "" for an agent that has ended.
    Where words may be said, `say` takes any others too: those present read them as they were said.
    """

    def __init__(self, world: TextWorld):
        super().__init__(world)
        self.text_world, self.grammar = world, Grammar(world.table)
        known = {c for noun in world.lexicon.words for name in world.lexicon.names(noun) for c in name}
        phrases = str(world.lexicon.verbs) + str(world.lexicon.phrases) + _MARKS
        self.charset = frozenset(known | set(phrases) | set(string.printable) - set("\r\x0b\x0c"))
        self.observation_spaces = {a: spaces.Text(PAGE, min_length=0, charset=self.charset) for a in world.agents}
        self.action_spaces = {a: spaces.Text(LONGEST, min_length=0, charset=self.charset) for a in world.agents}
        count = len(world.agents)
        nouns = list(world.lexicon.words)
        self._nouns, self._places = nouns, {noun: i for i, noun in enumerate(nouns)}
        self.referent = np.full((world.num_envs, count), -1, np.int16)  # what "it" stands for
        self.spoken = np.zeros((world.num_envs, count, SAID), np.uint32)  # what was said freely, as code points
        self.present = np.zeros((world.num_envs, count, count), bool)  # [reader, speaker]: there when it was said
        self.answer = np.zeros((world.num_envs, count, PAGE // 8), np.uint32)  # what came of the last command

    def reset(self, ids, seeds=None):
        _, info = self.world.reset(ids, seeds)
        for array, start in ((self.referent, -1), (self.spoken, 0), (self.answer, 0), (self.present, False)):
            array[ids] = start
        return self._pages(), info

    def step(self, actions):
        """Raises ValueError, naming agent and copy, for what is no sentence."""
        numbers = self._numbers(actions)
        blank = self.text_world.over.copy()
        result = self.world.step(numbers)
        self._answer_all(numbers)
        pages = self._pages()
        for k, agent in enumerate(self.agents):
            pages[agent][blank[:, k]] = ""
        return Step(pages, result.reward, result.terminated, result.truncated, result.info)

    def scripted(self):
        """The plan as sentences, (num_envs,) of str."""
        plan = self.world.scripted()
        tongue = self.text_world.language
        return {a: _texts(self.text_world.table.sentence(int(n), tongue) for n in plan[a]) for a in self.agents}

    def masks(self):
        """None: any sentence may be said."""
        return None

    def state(self):
        own = {"referent": self.referent, "spoken": self.spoken, "present": self.present, "answer": self.answer}
        return self.world.state() | {f"spoken.{name}": array.copy() for name, array in own.items()}

    def restore(self, state):
        _, info = self.world.restore(state)
        for name in ("referent", "spoken", "present", "answer"):
            getattr(self, name)[:] = state[f"spoken.{name}"]
        pages = self._pages()
        for k, agent in enumerate(self.agents):
            pages[agent][self.text_world.blank[:, k]] = ""
        return pages, info

    def _numbers(self, actions: Mapping[str, np.ndarray]) -> Arrays:
        """The commands that the sentences mean; what is not understood waits, and its answer is kept."""
        if not isinstance(actions, Mapping) or any(a not in actions for a in self.agents):
            raise ValueError(f"{self.id}: a sentence is wanted for each of {', '.join(self.agents)}")
        given = {a: _sentences(self.id, a, actions[a], self.num_envs) for a in self.agents}
        self.spoken[:], self.answer[:], self.present[:] = 0, 0, self.text_world.present()
        numbers = {a: np.zeros(self.num_envs, np.int64) for a in self.agents}
        for k, agent in enumerate(self.agents):
            for env in np.flatnonzero(~self.text_world.over[:, k]):
                numbers[agent][env] = self._number(int(env), k, given[agent][env])
        return numbers

    def _number(self, env: int, k: int, sentence: str) -> int:
        sentence = "".join(c if c in self.charset else "?" for c in sentence)  # it may be read again, in that space
        last = int(self.referent[env, k])
        meant = self.grammar.parse(sentence, self._nouns[last] if last >= 0 else None)
        if meant.referent is not None:
            self.referent[env, k] = self._places[meant.referent]
        if meant.command is not None:
            return meant.command
        free = _speech(sentence) if self.text_world.words else ""
        if free and self.text_world.mask(k)[env, self.text_world.table.starts["say"]]:
            tongue = language(sentence)
            _write(self.spoken[env, k], free)
            said = self.grammar.lexicon.verbs["say"]["done" if tongue == "en" else "done_zh"]
            _write(self.answer[env, k], said.format(word=free))
        else:
            _write(self.answer[env, k], meant.answer)
        return 0

    def _answer_all(self, numbers: Arrays) -> None:
        world = self.text_world
        slot = (world.steps - 1) % world.log.shape[1]
        for k, agent in enumerate(self.agents):
            for env in np.flatnonzero((self.answer[:, k, 0] == 0) & ~world.blank[:, k]):
                number = int(numbers[agent][env])
                done = world.log[env, slot[env], k] >= 0
                said = world.table.sentence(number, world.language)
                failed = world.lexicon.say("not_now", world.language, said=said)
                _write(self.answer[env, k], world.table.outcome(number, world.language) if done else failed)

    def _pages(self) -> Arrays:
        return {a: _texts(self.page(i, a) for i in range(self.num_envs)) for a in self.agents}

    def page(self, env: int, agent: str) -> str:
        """What the agent in copy env reads."""
        world, k = self.text_world, self.agents.index(agent)
        tongue, goal = world.language, self.aim_of(env)
        wording = goal.skill.chinese[0] if tongue == "zh" else goal.text
        lines = [world.lexicon.say("task", tongue, goal=goal.phrase(wording) if tongue == "zh" else wording)]
        lines += [_read(self.answer[env, k])] if self.answer[env, k, 0] else []
        for j, other in enumerate(self.agents):
            if j != k and self.present[env, k, j] and self.spoken[env, j, 0]:
                lines.append(world.lexicon.say("heard", tongue, who=other, word=_read(self.spoken[env, j])))
        return "\n".join([*lines, world.describe(env, agent)])[:PAGE]


def _speech(sentence: str) -> str:
    """What a sentence says freely: the words behind "say" or 说, printable and cut; "" where it says nothing."""
    said = plain(sentence)
    for start in ("say ", "说"):
        if said.startswith(start):
            return said.removeprefix(start)[:SAID].strip()
    return ""


def _sentences(id: str, agent: str, given, n: int) -> list[str]:
    rows = (
        list(given) if isinstance(given, (list, tuple)) or (isinstance(given, np.ndarray) and given.ndim == 1) else []
    )
    if len(rows) != n:
        raise ValueError(f"{id}: actions of {agent!r} must be {n} sentences, one a copy, not {type(given).__name__}")
    for copy, row in enumerate(rows):
        if not isinstance(row, str):
            raise ValueError(f"{id}: action of {agent!r} in copy {copy} is no sentence but {type(row).__name__}")
    return rows


def _texts(sentences) -> np.ndarray:
    """(n,) object array of str."""
    every = list(sentences)
    array = np.empty(len(every), object)
    array[:] = every
    return array


def _write(points: np.ndarray, text: str) -> None:
    codes = np.array([ord(c) for c in text[: len(points)]], np.uint32)
    points[:] = 0
    points[: len(codes)] = codes


def _read(points: np.ndarray) -> str:
    return "".join(chr(c) for c in points[points > 0])
