"""What the shipped model learns from: prompts and answers of oracles, told in many words and with many nouns."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import yaml

from ...envs import registry
from ...envs.instructions import Instruction
from .prompts import prompt
from .scenes import LONG, TRAIN, Example, Theatre, family, goal_sides, held_out_goals, layout_side, wordings

MEDDLED = 0.2  # share of instructions given at random, so that what went wrong is met, too
RENAMED = 0.6  # share of examples told with other nouns
FEW = ("ludus/PickPlace-v0", "ludus/Stack-v0", "ludus/LiftColour-v0", "ludus/OpenDrawer-v0")  # goals: always renamed,
# all of them: with one of two left for training, the model learns to name what is described first, whatever it is told
BRIEF = 10  # steps of a task whose goal is one instruction: more would say the same again
IN_CHINESE = 0.1  # share of examples whose answer is Chinese
_CJK = re.compile(r"[\u4e00-\u9fff]")


class Pair(NamedTuple):
    """A prompt, the answer, the task it is from and what its layout and goal hash by."""

    prompt: str
    answer: str
    task: str
    layout: str
    goal: str


@functools.cache
def words() -> dict[str, Any]:
    """assets/instructor/wordings.yaml."""
    text = (importlib.resources.files("ludus.assets") / "instructor" / "wordings.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def extra() -> dict[str, list[str]]:
    """More wordings for training, by the skill's name."""
    return {k: v for k, v in words().items() if k not in ("politeness", "concepts")}


def phraser(side: str, draw: np.random.Generator) -> Callable[[Instruction, int], str]:
    """(goal, copy) -> a wording of that side, drawn; for training also with words of politeness around it."""

    def phrase(goal: Instruction, _: int) -> str:
        said = str(draw.choice(wordings(goal, side, extra() if side == TRAIN else {})))
        if side != TRAIN:
            return said
        around = words()["politeness"]["zh" if _CJK.search(said) else "en"]
        return str(draw.choice(around)).format(said)

    return phrase


def episodes(
    task: str, seed: int, plays: int, copies: int, side: str = TRAIN, every: bool = False, **settings: Any
) -> Iterator[list[Example]]:
    """Examples of one side, episode by episode: layouts, goals and wordings of the other side are left out.

    every: goals of both sides. A task's only start is on both, as its only goal is.
    """
    theatre = Theatre(task, copies, **settings)
    draw = np.random.default_rng(seed)
    sides = [None] * len(theatre.world.goals) if every else goal_sides(theatre.world.goals)
    meddle, steps = (MEDDLED if side == TRAIN else 0.0), (None if theatre.task in LONG else BRIEF)
    for i in range(plays):
        first = (seed * plays + i) * copies
        played = theatre.play(None, range(first, first + copies), phraser(side, draw), meddle, draw, steps)
        alike = copies > 1 and len(set(played.layouts)) == 1
        for copy in range(copies):
            fits = alike or layout_side(played.layouts[copy]) == side
            if fits and sides[int(played.goals[copy])] in (side, None):
                yield [e for e in played.examples if e.copy == copy]
    theatre.close()


def pairs(task: str, seed: int, plays: int, copies: int, **settings: Any) -> list[Pair]:
    """What the model is trained on, of one task: an answer to each briefing, and of whole ways a program.

    Goals that are held out are among those of the tasks in FEW: retold never says them with their own nouns.
    """
    draw = np.random.default_rng(seed + 1)
    found: list[Pair] = []
    every = registry.full(task) in FEW or registry.full(task) not in LONG
    for episode in episodes(task, seed, plays, copies, every=every, **settings):
        found += [_pair(e, draw) for e in episode]
        if registry.full(task) in LONG and episode and episode[0].won:
            found.append(_whole(episode))
    return found


def _pair(example: Example, draw: np.random.Generator) -> Pair:
    told = example.answer
    language = "zh" if told.skill.chinese and draw.random() < IN_CHINESE else "en"
    answer = told.phrase(told.skill.chinese[0]) if language == "zh" else told.text
    return Pair(prompt(example.briefing, language), answer, example.task, example.layout, _goal(example))


def _whole(episode: Sequence[Example]) -> Pair:
    """The program of an episode: what the oracle asked for, each once, in its order."""
    told = dict.fromkeys(e.answer.text for e in episode)
    program = "; ".join(f'do("{sentence}")' for sentence in told)
    first = episode[0]
    return Pair(prompt(first.briefing, "program"), program, first.task, first.layout, _goal(first))


def _goal(example: Example) -> str:
    return f"{example.goal.skill.name} {example.goal.arguments}"


@functools.cache
def _renaming() -> tuple[list[dict[str, str]], re.Pattern[str]]:
    kinds = [dict(k) for k in words()["concepts"].values()]
    english = "|".join(sorted((e for k in kinds for e in k), key=len, reverse=True))
    chinese = "|".join(sorted((c for k in kinds for c in k.values()), key=len, reverse=True))
    return kinds, re.compile(rf"(?<![A-Za-z])(?:{english})(?![A-Za-z])|{chinese}")  # no \b: 拿起blue cube is one word


@functools.cache
def _goals(task: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """The goals of a task that its training leaves out, as Pair.goal names them, and all where they are few.

    A short task leaves none out.
    """
    if task not in LONG:
        return frozenset(), ()
    world = registry.make(task, 1, **LONG[task][0])
    world.close()
    few = tuple(f"{g.skill.name} {g.arguments}" for g in world.goals) if task in FEW else ()
    return held_out_goals(world.goals), few


def retold(pair: Pair, draw: np.random.Generator) -> tuple[str, str]:
    """Its prompt and answer with other nouns, with which its goal is none that is held out.

    Nor, where goals are few, is another goal of the scene: a thing that stands there often and is never asked for would
    teach that it never is (of two cubes, the blue one).
    """
    held, few = _goals(pair.task)
    while True:
        prompt, answer, *goals = renamed((pair.prompt, pair.answer, pair.goal, *few), draw)
        if held.isdisjoint(goals):
            return prompt, answer


def renamed(texts: Sequence[str], draw: np.random.Generator) -> tuple[str, ...]:
    """The same scene with other nouns, in both languages alike, so that answers are read off and not remembered."""
    kinds, pattern = _renaming()
    other: dict[str, str] = {}
    for kind in kinds:
        names = list(kind)
        for name, new in zip(names, draw.permutation(names), strict=True):
            other[name], other[kind[name]] = str(new), kind[str(new)]
    return tuple(pattern.sub(lambda m: other[m.group()], text) for text in texts)


def share_renamed(task: str) -> float:
    """How many of a task's examples are told with other nouns."""
    return 1.0 if task in FEW else RENAMED if task in LONG else 0.0


def everything(seed: int = 0, size: float = 1.0, tell: Callable[[str], None] = lambda _: None) -> list[Pair]:
    """All families, both languages. size: share of the shipped model's corpus."""
    found: list[Pair] = []
    known = [t for t in registry.ids() if t not in LONG and "needs-build" not in registry.spec(t).tags]
    for task in (*LONG, *known):
        for settings, copies, plays in _doses(task):
            try:
                found += pairs(task, seed, max(1, round(plays * size)), copies, **settings)
            except NotImplementedError as error:
                tell(f"{task}: left out: {error}")
        tell(f"{task} ({family(task)}): {len(found)} briefings so far")
    return found


def _doses(task: str) -> Sequence[tuple[dict[str, Any], int, int]]:
    """(settings, copies, plays) of a task."""
    if task == "ludus/Household-v0":
        return [({}, 256, 5), ({"language": "zh"}, 256, 2)]
    if task in LONG:
        return [({}, 32 if family(task) == "games" else 256, 2)]
    copies = min(16 * _goal_count(task), 256)  # each goal of a task in which to name the right one is all there is
    if family(task) == "text":
        return [({}, max(copies, 16), 1), ({"language": "zh"}, copies, 1)]
    return [({}, copies, 1)]


def _goal_count(task: str) -> int:
    world = registry.make(task, 1)
    world.close()
    return len(world.goals)
