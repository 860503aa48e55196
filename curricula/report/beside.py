"""What may stand in a folder beside the record: cross-play, instruction ablations, whose forgetting it is, a memory."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...agents.memory.store import VIEWS, in_words
from .. import statistics
from ..mind import MEMORY
from ..record import RunError, regular
from .summary import Study, plain

CROSSPLAY, ABLATIONS, ATTRIBUTION = "crossplay.json", "ablations.json", "two_by_two.json"
LIMIT = 4 * 2**20  # bytes of a file
MOST = 8  # entries that are shown of each view of a memory
AGES = ("old", "new")  # of a model, of a policy
FIRST = {"episodic": "tried desc, id", "delta": "used desc, id", "graph": "used desc, id"}  # what is shown of a view


class Place(NamedTuple):
    """Folders whose files tell of one thing: a method's runs, or all of them. method: its number; None: of all."""

    name: str
    method: int | None
    folders: tuple[Path, ...]


class Matrix(NamedTuple):
    """success (n, n) of row j's policy with partner k, mean over folders; players: n names."""

    task: str
    players: tuple[str, ...]
    success: np.ndarray


class Level(NamedTuple):
    """Success under one condition: the mean over folders, and an interval where there is one."""

    task: str
    what: str
    success: float
    low: float | None
    high: float | None


class Kept(NamedTuple):
    """One view of memories: how many entries all folders hold, and the most telling of the first."""

    view: str
    count: int
    entries: tuple[str, ...]


def places(study: Study) -> list[Place]:
    """Each method with the folders of its runs; and the folder that holds them all, where they share one."""
    found = [Place(g.name, g.place, tuple(run.folder for run in g.runs if run.folder.is_dir())) for g in study.groups]
    parents = {run.folder.parent for g in study.groups for run in g.runs if run.folder.is_dir()}
    if len(parents) == 1 and not (parents & {f for place in found for f in place.folders}):
        found.append(Place("all methods", None, tuple(parents)))
    return [place for place in found if place.folders]


def crossplay(place: Place) -> list[Matrix]:
    """The matrices of a place, by task. Raises RunError for a file that is none."""
    found: dict[tuple[str, tuple[str, ...]], list[np.ndarray]] = {}
    for path, content in _files(place, CROSSPLAY):
        for one in _listed(path, content.get("matrices") if isinstance(content, dict) else None):
            players = tuple(map(plain, _listed(path, one.get("players"), str)))
            rows = [[_share(path, value) for value in _listed(path, row, object)] for row in
                    _listed(path, one.get("success"), list)]  # fmt: skip
            if not players or [len(row) for row in rows] != [len(players)] * len(players):
                raise RunError(f"{path}: success is not a number for every pair of players")
            found.setdefault((plain(one.get("task")), players), []).append(np.array(rows))
    return [Matrix(task, players, np.mean(each, axis=0)) for (task, players), each in found.items()]


def ablations(place: Place) -> dict[str, list[Level]]:
    """task -> success under each kind of instruction, in the file's order. Raises RunError."""
    rows = [(path, row, plain(row.get("instruction"))) for path, row in _rows(place, ABLATIONS)]
    return _levels(rows)


def attribution(place: Place) -> dict[str, list[Level]]:
    """task -> success of "old model, old policy" and the other three. Raises RunError."""
    rows = []
    for path, row in _rows(place, ATTRIBUTION):
        model, policy = row.get("model"), row.get("policy")
        if model not in AGES or policy not in AGES:
            raise RunError(f"{path}: model and policy are each old or new, not {plain(model)} and {plain(policy)}")
        rows.append((path, row, f"{model} model, {policy} policy"))
    order = [f"{model} model, {policy} policy" for model in AGES for policy in AGES]
    found = {task: {level.what: level for level in levels} for task, levels in _levels(rows).items()}
    return {task: [levels[what] for what in order] for task, levels in found.items() if len(levels) == len(order)}


def memories(place: Place) -> list[Kept]:
    """What the instructors of a place remember, view by view; [] where none has a memory."""
    found = [_remembered(folder / MEMORY) for folder in place.folders if (folder / MEMORY).is_file()]
    if not found:
        return []
    return [Kept(view, sum(one[view][0] for one in found), found[0][view][1]) for view in VIEWS]


def _remembered(path: Path) -> dict[str, tuple[int, tuple[str, ...]]]:
    """view -> (entries, the first of them in words); opened to be read alone."""
    regular(path)
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            base.row_factory = sqlite3.Row
            found = {}
            for view, first in FIRST.items():
                count = int(base.execute(f"select count(*) from {view}").fetchone()[0])
                rows = base.execute(f"select * from {view} order by {first} limit {MOST}").fetchall()
                found[view] = count, tuple(plain(in_words(view, dict(row))) for row in rows)
            return found
    except (sqlite3.Error, KeyError, TypeError) as error:
        raise RunError(f"{path}: no memory of an instructor ({plain(error)})") from None


def _levels(rows: Sequence[tuple[Path, dict[str, Any], str]]) -> dict[str, list[Level]]:
    """Rows of one task and one condition as one: mean over rows, with the row's own interval where there is but one."""
    found: dict[tuple[str, str], list[tuple[Path, dict[str, Any]]]] = {}
    for path, row, what in rows:
        found.setdefault((plain(row.get("task")), what), []).append((path, row))
    levels: dict[str, list[Level]] = {}
    for (task, what), each in found.items():
        values = [_share(path, row.get("success")) for path, row in each]
        low, high = _span(each[0]) if len(each) == 1 else statistics.interval(values)[1:3]
        levels.setdefault(task, []).append(Level(task, what, float(np.mean(values)), low, high))
    return levels


def _span(found: tuple[Path, dict[str, Any]]) -> tuple[float | None, float | None]:
    path, row = found
    said = row.get("low"), row.get("high")
    return (None, None) if None in said else (_share(path, said[0]), _share(path, said[1]))


def _rows(place: Place, name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path, content in _files(place, name):
        for row in _listed(path, content):
            yield path, row


def _files(place: Place, name: str) -> Iterator[tuple[Path, Any]]:
    """What the files of that name hold, of those folders that have one. Raises RunError for what is no JSON."""
    for folder in place.folders:
        if (path := folder / name).is_file():
            regular(path, LIMIT)
            try:
                yield path, json.loads(path.read_bytes())
            except (ValueError, RecursionError):
                raise RunError(f"{path}: not JSON") from None


def _listed(path: Path, found: Any, kind: type = dict) -> list[Any]:
    if not isinstance(found, list) or not all(isinstance(one, kind) for one in found):
        raise RunError(f"{path}: must be a list of {kind.__name__}")
    return found


def _share(path: Path, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise RunError(f"{path}: a success is a number from 0 to 1, not {plain(value)}")
    return float(value)
