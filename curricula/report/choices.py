"""What an instructor said in a run, from the data that the run keeps of it, and what came of that."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..mind import DATA
from ..record import Run, inside
from .summary import plain

LIMIT = 8 * 2**20  # bytes that are read of one run's data
MOST = 8  # instructions that are shown of a task


class Said(NamedTuple):
    """One instruction of a task: how often it was said, the share of it that was done, a scene in which it was said."""

    task: str
    text: str
    times: int
    done: float
    seen: str


def said(runs: Sequence[Run]) -> list[Said]:
    """The instructions of all tasks, for each task the most frequent ones first; [] where runs keep no such data."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    done: Counter[tuple[str, str]] = Counter()
    seen: dict[tuple[str, str], str] = {}
    for line in (line for run in runs for line in _lines(run)):
        task, text = plain(line.get("task")), plain(line.get("said"))
        found[task][text] += 1
        done[task, text] += line.get("outcome") == "done"
        seen.setdefault((task, text), plain(line.get("seen")))
    return [
        Said(task, text, times, done[task, text] / times, seen[task, text])
        for task, texts in found.items()
        for text, times in texts.most_common(MOST)
    ]


def _lines(run: Run) -> Iterator[dict[str, Any]]:
    """Its records; what is none is left out, as is a line that is not finished yet."""
    if not (run.folder / DATA).is_file():
        return
    with inside(run.folder, DATA).open("rb") as file:
        for line in file.read(LIMIT).splitlines():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict):
                yield record
