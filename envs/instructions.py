"""Skills and instructions: a sentence and the check that it was carried out, as one object."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .core import World

Check = Callable[["World", Mapping[str, str]], np.ndarray]
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclasses.dataclass(frozen=True, eq=False)
class Skill:
    """Something that can be asked for: how it is said, and how far it is.

    name: a verb.
    wordings: sentences with {argument} slots; the first is the standard one.
    held_out: wordings kept from training, to test understanding.
    chinese: the same in Chinese.
    arguments: slot -> the words that fit it.
    in_chinese: word -> how the Chinese wordings say it, where that differs.
    achieved: (world, arguments) -> (num_envs,) bool, whether it is carried out now.
    progress: (world, arguments) -> (num_envs,) float in [0, 1].
    """

    name: str
    wordings: tuple[str, ...]
    achieved: Check
    progress: Check
    held_out: tuple[str, ...] = ()
    chinese: tuple[str, ...] = ()
    arguments: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    in_chinese: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __call__(self, **arguments: str) -> Instruction:
        """The instruction to do this with these arguments; ValueError for a wrong one."""
        if arguments.keys() != self.arguments.keys():
            raise ValueError(f"skill {self.name!r} takes {sorted(self.arguments)}, not {sorted(arguments)}")
        for slot, word in arguments.items():
            if word not in self.arguments[slot]:
                near = difflib.get_close_matches(word, self.arguments[slot], 1, 0)
                raise ValueError(f"skill {self.name!r}: no {slot} {word!r}; did you mean {near[0]!r}?")
        return Instruction(self, tuple(sorted(arguments.items())))

    @property
    def taught(self) -> tuple[str, ...]:
        """The wordings to learn with, English and Chinese: of three or more Chinese ones all but two are held out."""
        return (*self.wordings, *(self.chinese[:2] if len(self.chinese) > 2 else self.chinese))

    def instructions(self) -> Iterable[Instruction]:
        """Every instruction this skill can make."""
        for words in itertools.product(*self.arguments.values()):
            yield self(**dict(zip(self.arguments, words, strict=True)))


@dataclasses.dataclass(frozen=True)
class Instruction:
    """A skill with its arguments; `said` overrides the standard wording."""

    skill: Skill
    arguments: tuple[tuple[str, str], ...] = ()
    said: str | None = None

    @functools.cached_property
    def text(self) -> str:
        return self.said or self.phrase(self.skill.wordings[0])

    def phrase(self, wording: str) -> str:
        """The instruction in these words, which may be others than its skill has."""
        known = self.skill.in_chinese if _CHINESE.search(wording) else {}
        return wording.format(**{slot: known.get(word, word) for slot, word in self.arguments})

    def achieved(self, world: World) -> np.ndarray:
        """(num_envs,) bool: carried out now."""
        return self.skill.achieved(world, dict(self.arguments))

    def progress(self, world: World) -> np.ndarray:
        """(num_envs,) float in [0, 1]: how far it is carried out."""
        return self.skill.progress(world, dict(self.arguments))

    def __str__(self) -> str:
        return self.text


def parse(text: str, skills: Sequence[Skill]) -> Instruction:
    """The instruction that text says in one of the skills' wordings.

    Raises ValueError with the nearest sentence when it says none.
    """
    if not isinstance(text, str):
        raise ValueError(f"an instruction is a sentence, not {type(text).__name__}")
    said, known = _plain(text), _phrases(tuple(skills))
    if said in known:
        return dataclasses.replace(known[said], said=text.strip())
    near = difflib.get_close_matches(said[:200], known, 1, 0)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no instruction {text[:80]!r} here{hint}")


@functools.lru_cache(maxsize=64)
def _phrases(skills: tuple[Skill, ...]) -> dict[str, Instruction]:
    """Every sentence that the skills understand."""
    known: dict[str, Instruction] = {}
    for skill in skills:
        for instruction in skill.instructions():
            for wording in (*skill.wordings, *skill.held_out, *skill.chinese):
                known.setdefault(_plain(instruction.phrase(wording)), instruction)
    return known


def _plain(text: str) -> str:
    return " ".join(text.lower().strip(" .!。！\n\t").split())


@dataclasses.dataclass(frozen=True)
class Briefing:
    """What an instructor is told before it instructs one agent of one copy.

    outcomes: of the last instructions, the newest last; the first `earlier` of them are of episodes before this one,
        all of them when an episode starts. grammar: takes a sentence, raises ValueError where nothing understands it.

    What follows is for records and shapes no answer. task: the world's id; episode, tried: episodes begun and outcomes
        come, over the copy's life; won: whether its last episode succeeded, None where none ended or it was cut off.
    """

    goal: str
    description: str
    agent: str
    agents: tuple[str, ...]
    feasible: tuple[str, ...]
    outcomes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    earlier: int = 0
    grammar: Callable[[str], Any] | None = dataclasses.field(default=None, compare=False, repr=False)
    task: str = dataclasses.field(default="", compare=False, repr=False)
    episode: int = dataclasses.field(default=0, compare=False, repr=False)
    tried: int = dataclasses.field(default=0, compare=False, repr=False)
    won: bool | None = dataclasses.field(default=None, compare=False, repr=False)


# texts -> (len(texts), width) float32
Encode = Callable[[Sequence[str]], np.ndarray]
# (briefings, states) -> (sentences, states): pure, batched; a state is JSON or None
Instruct = Callable[[Sequence[Briefing], Sequence[Any]], tuple[list[str], list[Any]]]


def reads_scene(instruct: Instruct) -> bool:
    """Whether the instructor wants descriptions, feasible instructions and outcomes in its briefings.

    They cost time: an object with `reads_scene = False`, or whose method instruct is, gets none of them.
    """
    return getattr(getattr(instruct, "__self__", instruct), "reads_scene", True)


class HashedWords:
    """The reference encoder: a fixed random direction per word, averaged. Equal sentences, equal vectors."""

    def __init__(self, width: int = 16):
        self.width = width

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), width) float32, entries of unit variance over sentences."""
        return np.stack([self._sentence(t) for t in texts]) if len(texts) else np.zeros((0, self.width), np.float32)

    def _sentence(self, text: str) -> np.ndarray:
        words = _plain(text).split()
        vectors = [np.random.default_rng(zlib.crc32(w.encode())).standard_normal(self.width) for w in words]
        return (np.sum(vectors, axis=0) / np.sqrt(max(len(words), 1))).astype(np.float32)


class GoalOnly:
    """The reference instructor: the task's own goal, always."""

    reads_scene = False

    def __call__(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        return [b.goal for b in briefings], list(states)


goal_only = GoalOnly()
