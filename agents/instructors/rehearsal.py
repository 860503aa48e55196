"""Old briefings that a model rehearses and is held to when it goes on learning; a file beside its weights."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ...envs import registry
from . import corpus
from .lessons import Lesson
from .loading import shipped
from .prompts import prompt
from .scenes import HELD_OUT, LONG, SIDES, TRAIN, Example, digest
from .updating import Held

FILE = "rehearsal.jsonl"
EACH = {TRAIN: 32, HELD_OUT: 64}  # briefings of a task; of fewer held out, one answered otherwise is more than a margin
COPIES = {TRAIN: 32, HELD_OUT: 128}  # few scenes are held out
MOST = 4096  # copies, where so many have not shown enough of them
CANDIDATES = 12  # answers that a held-out briefing is chosen among, at most
ALSO = ("ludus/FoodCollectorGoal-v0", "ludus/GridWorld-v0", "ludus/Assistant-v0", "ludus/MovingObstacles-v0")
FIRST = 1 << 20  # the seed of its scenes: others than those of the corpus


def make(out: Path, tell: Callable[[str], None] = lambda _: None, tasks: Sequence[str] = (*LONG, *ALSO)) -> Path:
    """Play scenes of tasks, by default of all of several steps and of some of one; their briefings go to out / FILE."""
    with (out / FILE).open("w", encoding="utf-8", newline="\n") as file:
        for task in tasks:
            for side in SIDES:
                lines = list(_lines(task, side))
                file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                tell(f"{task}: {len(lines)} briefings to rehearse ({side})")
    return out / FILE


def _lines(task: str, side: str) -> Iterator[dict]:
    """Briefings of one side, evenly from all that were met, each prompt once.

    Of tasks with few goals all are asked for on either side, or who never reads the goal would be right; what is to be
    rehearsed of these is told with other nouns, as the corpus is.
    """
    copies, met = COPIES[side], {}
    while len(met) < EACH[side] and copies <= MOST:
        met = _met(task, side, copies)
        copies *= 2
    kept = np.linspace(0, len(met) - 1, min(EACH[side], len(met))).astype(int)
    draw = np.random.default_rng(FIRST)
    for place in kept:
        text, example = list(met.items())[place]
        told = {"side": side, "task": registry.full(task)}
        if side == TRAIN and example.task in corpus.FEW:
            text, answer = corpus.retold(corpus.Pair(text, example.answer.text, example.task, "", ""), draw)
            yield told | {"prompt": text, "answers": [answer]}
        else:
            yield told | {"prompt": text, "answers": [example.answer.text, *_others(example)]}


def _others(example: Example) -> list[str]:
    """What else could be said, first what has the verb of the right answer: who knows verbs alone is to be seen."""
    right = example.answer.text
    verb = right.split()[0]
    other = [f for f in example.briefing.feasible if f != right]
    return sorted(other, key=lambda f: (f.split()[0] != verb, digest(f"{right}: {f}")))[: CANDIDATES - 1]


def _met(task: str, side: str, copies: int) -> dict[str, Example]:
    met: dict[str, Example] = {}
    few = registry.full(task) in corpus.FEW or registry.full(task) not in LONG
    for episode in corpus.episodes(task, FIRST, 1, copies, side, every=few):
        for example in episode:
            met.setdefault(prompt(example.briefing), example)
    return met


def load(folder: Path | None = None) -> tuple[list[Lesson], dict[str, list[Held]]]:
    """(old lessons, task -> held-out briefings) of a model's folder; the shipped model's where it has none."""
    path = (folder or shipped()) / FILE
    path = path if path.is_file() else shipped() / FILE
    old: list[Lesson] = []
    held: dict[str, list[Held]] = defaultdict(list)
    for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if line["side"] == TRAIN:
            old.append(Lesson(line["prompt"], line["answers"][0], line["task"], 1.0))
        else:
            held[line["task"]].append(Held(line["prompt"], tuple(line["answers"])))
    return old, dict(held)
