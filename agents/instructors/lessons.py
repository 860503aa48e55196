"""What an instructor may learn from: the run's data, cleaned of what says nothing about its words."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .scenes import digest

UNSEEN = ("", "cut off", "already so")  # outcomes that nobody saw, or that it did nothing for
TRIES, HARDLY = 5, 0.1  # an instruction that the policy carried out more seldom, in so many tries, is beyond it
PARTLY = (
    0.25  # worth of an instruction that was carried out in an episode that did not succeed, or whose end is unknown
)
ENOUGH = 8  # instructions worth 1 in a task, from which on what was carried out in a lost episode is worth nothing
HELD_OUT = 5  # one briefing in so many is kept to measure by
LONGEST = 1 << 16  # characters of a line of data


class Lesson(NamedTuple):
    """A prompt, what was said, in which task, and how much that was worth, in (0, 1]."""

    prompt: str
    answer: str
    task: str
    worth: float


def read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The lines of a run's data, and how many were broken."""
    if not path.exists():
        return [], 0
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [parsed(text) for text in file]
    good = [line for line in lines if line is not None]
    return good, len(lines) - len(good)


def parsed(text: str) -> dict[str, Any] | None:
    """A line of data; None where it is broken."""
    try:
        line = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):
        return None
    texts = ("task", "prompt", "said", "outcome")
    good = isinstance(line, dict) and all(isinstance(line.get(k), str) for k in texts) and line.get("won") in _WON
    return line if good else None


_WON = (None, True, False)


def clean(lines: Sequence[Mapping[str, Any]]) -> tuple[list[Lesson], dict[str, int]]:
    """Lessons in the order of their first lines, and how many lines went for which reason.

    unseen: nobody saw how it ended. beyond: the policy could not, whoever had said it. duplicates: the same was said
    to the same prompt; its worth is the mean. contradictions: something else was worth more there. worthless: nothing
    came of it.
    """
    seen = [line for line in lines if line["outcome"] not in UNSEEN]
    able = _able(seen)
    fair = [line for line in seen if line["outcome"] == "done" or (line["task"], line["said"]) in able]
    won = Counter(line["task"] for line in fair if _worth(line) == 1)
    worths: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for line in fair:
        lost = 0.0 if won[line["task"]] >= ENOUGH else PARTLY
        worths[line["prompt"], line["said"], line["task"]].append(_worth(line, lost))
    best: dict[tuple[str, str], tuple[float, int, str]] = {}
    for (prompt, said, task), each in worths.items():
        rank = (sum(each) / len(each), len(each), said)
        best[prompt, task] = max(best.get((prompt, task), rank), rank)
    lessons = [Lesson(p, said, task, worth) for (p, task), (worth, _, said) in best.items() if worth > 0]
    return lessons, {
        "lines": len(lines),
        "unseen": len(lines) - len(seen),
        "beyond": len(seen) - len(fair),
        "duplicates": len(fair) - len(worths),
        "contradictions": len(worths) - len(best),
        "worthless": len(best) - len(lessons),
        "lessons": len(lessons),
    }


def _able(lines: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """(task, instruction) that the policy can carry out, or that were not tried often enough to know."""
    tries, done = Counter(), Counter()
    for line in lines:
        tries[line["task"], line["said"]] += 1
        done[line["task"], line["said"]] += line["outcome"] == "done"
    return {what for what, n in tries.items() if n < TRIES or done[what] >= HARDLY * n}


def _worth(line: Mapping[str, Any], lost: float = PARTLY) -> float:
    """Success weighs: 1 where the instruction was carried out and the episode succeeded. lost: where it did not."""
    if line["outcome"] != "done":
        return 0.0
    return {True: 1.0, False: lost, None: PARTLY}[line["won"]]


def parted(lessons: Sequence[Lesson]) -> tuple[list[Lesson], list[Lesson]]:
    """(to learn from, kept to measure by), by the hash of the prompt, so that none is on both sides."""
    held = [digest(lesson.prompt) % HELD_OUT == 0 for lesson in lessons]
    return [x for x, h in zip(lessons, held, strict=True) if not h], [
        x for x, h in zip(lessons, held, strict=True) if h
    ]
