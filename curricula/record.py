"""The evaluation record of a run, append-only; and a strict reader of finished run folders."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .scores import Scores, width_of

Row = dict[str, Any]

FORMAT = 1
MAX_BYTES = 256 * 2**20  # a record; a full-size run writes a few MiB
MAX_JSON = 4 * 2**20  # run.json and costs.json
MAX_LINE = 64 * 2**10
REGIMES = ("sequence", "joint", "scratch")


class RunError(ValueError):
    """A run folder that cannot be believed; one line that names the file, the line and what is wrong."""


def _whole(low: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and value >= low


def _number(low: float = -math.inf, high: float = math.inf) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and type(value) is not bool and _between(value, low, high)


def _between(value: float, low: float, high: float) -> bool:
    return low <= value <= high and abs(value) < 1e300  # refuses NaN, the infinities, and whole numbers beyond floats


def _name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def _agents(value: Any) -> bool:
    return isinstance(value, dict) and all(_name(k) and _number(0, 1)(v) for k, v in value.items())


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "evaluation": (_whole(0), "a whole number from 0"),
    "stage": (_whole(-1), "a whole number from -1"),
    "task": (_name, "a printable name of 1 to 200 characters"),
    "index": (_whole(0), "a whole number from 0"),
    "step": (_whole(0), "a whole number from 0"),
    "stage_step": (_whole(0), "a whole number from 0"),
    "last": (lambda value: type(value) is bool, "true or false"),
    "episodes": (_whole(1), "a whole number from 1"),
    "success": (_number(0, 1), "a number from 0 to 1"),
    "return": (_number(), "a finite number"),
    "length": (_number(0), "a finite number from 0"),
    "diverged": (_whole(0), "a whole number from 0"),
    "agents": (_agents, "agent names with numbers from 0 to 1"),
}
SHARED = ("stage", "step", "stage_step", "last")  # what all rows of one evaluation agree on


def check(row: Mapping[str, Any]) -> None:
    """Raise RunError unless row has exactly the keys of FIELDS, each as it should be."""
    if missing := [key for key in FIELDS if key not in row]:
        raise RunError(f"key {missing[0]!r} is missing")
    if unknown := [key for key in row if key not in FIELDS]:
        raise RunError(f"unknown key {unknown[0]!r:.80}")
    for key, (right, wanted) in FIELDS.items():
        if not right(row[key]):
            raise RunError(f"{key!r} must be {wanted}, not {_short(row[key])}")


class Record:
    """evaluations.jsonl: one line per (evaluation, task), appended and never rewritten.

    The format is in docs/architecture.md. Reading checks everything and raises RunError at the first wrong line.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def write(self, *rows: Mapping[str, Any]) -> None:
        """Append rows in one write and wait for the disk.

        Raises RunError for a wrong row and OSError when the disk refuses; either way the file stays as it was.
        """
        for row in rows:
            check(row)
        lines = (json.dumps({key: row[key] for key in FIELDS}, allow_nan=False) + "\n" for row in rows)
        self._append("".join(lines).encode())

    def _append(self, data: bytes) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
        size = os.fstat(file).st_size
        try:
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)  # a full disk leaves no half line behind
            raise
        finally:
            os.close(file)

    def rows(self) -> list[Row]:
        """All rows, in order; [] where there is no file. Raises RunError, naming file and line."""
        return [row for row, _ in self._read()] if self.path.exists() else []

    def cut(self, evaluation: int) -> None:
        """Keep the evaluations before `evaluation`, whatever follows them, even a line that was cut short.

        Raises RunError when the record holds fewer than that: then something was taken out of it.
        """
        count, size = 0, 0
        if self.path.exists():
            for row, end in self._read(until=evaluation):
                count, size = row["evaluation"] + 1, end
        if count < evaluation:
            raise RunError(f"{self.path}: holds {count} evaluations where the checkpoint knows of {evaluation}")
        if self.path.exists():
            with open(self.path, "r+b") as file:
                file.truncate(size)
                os.fsync(file.fileno())

    def _read(self, until: int | None = None) -> Iterator[tuple[Row, int]]:
        """Rows with the byte at which each ends; stops, unless until is None, at the first of evaluation `until`."""
        regular(self.path, MAX_BYTES)
        order = _Order()
        end = 0
        with open(self.path, "rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
                try:
                    row = _parse(line)
                    if until is not None and row.get("evaluation") == until:
                        return
                    check(row)
                    order.add(row)
                except RunError as error:
                    if until is not None and order.evaluation == until - 1 and not line.endswith(b"\n"):
                        return  # the process died while writing what is cut away anyway
                    raise RunError(f"{self.path}:{number}: {error}") from None
                end += len(line)
                yield row, end


class _Order:
    """What holds between the rows of a record."""

    def __init__(self) -> None:
        self.evaluation = -1
        self.shared: tuple[Any, ...] = (-1, 0, 0, False)
        self.seen: set[str] = set()
        self.index: dict[str, int] = {}

    def add(self, row: Row) -> None:
        evaluation, shared = row["evaluation"], tuple(row[key] for key in SHARED)
        if evaluation == self.evaluation + 1:
            self._advance(row)
            self.evaluation, self.shared, self.seen = evaluation, shared, set()
        elif evaluation != self.evaluation:
            raise RunError(f"evaluation {evaluation} cannot follow evaluation {self.evaluation}")
        elif shared != self.shared:
            raise RunError(f"{', '.join(SHARED)} differ within evaluation {evaluation}")
        self._task(row)

    def _advance(self, row: Row) -> None:
        stage, stage_step = self.shared[0], self.shared[2]
        if row["stage"] < stage:
            raise RunError(f"stage {row['stage']} cannot follow stage {stage}")
        if row["stage"] == stage and row["stage_step"] < stage_step:
            raise RunError(f"stage_step goes back from {stage_step} to {row['stage_step']} within stage {stage}")
        if row["stage"] == stage and self.shared[3]:
            raise RunError(f"stage {stage} goes on after its last evaluation")

    def _task(self, row: Row) -> None:
        task, index = row["task"], row["index"]
        if task in self.seen:
            raise RunError(f"evaluation {self.evaluation} has task {task!r} twice")
        if self.index.setdefault(task, index) != index or list(self.index.values()).count(index) > 1:
            raise RunError(f"task {task!r} and index {index} do not belong together in the lines before")
        self.seen.add(task)


@dataclass(frozen=True)
class Run:
    """A run folder, read.

    settings: run.json. rows: the record as it stands. scores: the same as arrays. costs: costs.json, {} without one.
    """

    folder: Path
    settings: dict[str, Any]
    rows: list[Row]
    scores: Scores
    costs: dict[str, Any]

    @property
    def label(self) -> str:
        return self.settings["label"]

    @property
    def seed(self) -> int:
        return self.settings["seed"]

    @property
    def regime(self) -> str:
        return self.settings["regime"]

    @property
    def curriculum(self) -> str:
        return self.settings["curriculum"]["name"]


def read_run(folder: str | Path) -> Run:
    """The run in folder; without rows where it has no record yet, having ended before its first evaluation.

    Raises RunError, in one line, for a folder that is no run or cannot be believed.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    begun = os.path.lexists(folder / "evaluations.jsonl")
    rows = Record(inside(folder, "evaluations.jsonl")).rows() if begun else []
    costs = read_json(inside(folder, "costs.json")) if (folder / "costs.json").exists() else {}
    stages = stages_of(settings)
    trained = () if settings["regime"] == "joint" else stages
    return Run(folder, settings, rows, Scores.from_rows(rows, trained, stages or (), width_of(settings)), costs)


def read_settings(folder: Path) -> dict[str, Any]:
    """run.json of folder, with the keys that everything else relies on. Raises RunError."""
    path = inside(folder, "run.json")
    settings = read_json(path)
    if settings.get("format") != FORMAT:
        raise RunError(f"{path}: format {_short(settings.get('format'))} is not {FORMAT}, which this version reads")
    curriculum = settings.get("curriculum")
    right = {
        "curriculum": isinstance(curriculum, dict) and _name(curriculum.get("name")),
        "label": _name(settings.get("label")),
        "algorithm": _name(settings.get("algorithm")),
        "seed": _whole(0)(settings.get("seed")),
        "regime": settings.get("regime") in REGIMES,
    }
    for key, fine in right.items():
        if not fine:
            raise RunError(f"{path}: {key!r} is missing or wrong: {_short(settings.get(key))}")
    return settings


def stages_of(settings: Mapping[str, Any]) -> list[str] | None:
    """The task of every stage of the curriculum; None where run.json does not say."""
    stages = settings["curriculum"].get("stages")
    if not isinstance(stages, list):
        return None
    tasks = [stage.get("task") if isinstance(stage, dict) else None for stage in stages]
    return [str(task) for task in tasks] if all(map(_name, tasks)) else None


def inside(folder: Path, name: str) -> Path:
    """folder / name, a regular file that truly lies in folder. Raises RunError (links and '..' that lead outside)."""
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder}: no such run folder")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise RunError(f"{path}: leads outside the run folder")
    regular(path)
    return path


def regular(path: Path, limit: int | None = None) -> None:
    """Raise RunError unless path is a regular file, of at most limit bytes (a pipe would be read for ever)."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}") from None
    if not stat.S_ISREG(status.st_mode):
        raise RunError(f"{path}: is not a regular file")
    if limit is not None and status.st_size > limit:
        raise RunError(f"{path}: {status.st_size} bytes, more than the {limit} that are read")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in path. Raises RunError: too large, not JSON, NaN, a key twice, not an object."""
    regular(path, MAX_JSON)
    try:
        return _loads(path.read_bytes())
    except RunError as error:
        raise RunError(f"{path}: {error}") from None


def _parse(line: bytes) -> Row:
    if len(line) > MAX_LINE:
        raise RunError(f"line of more than {MAX_LINE} bytes")
    if not line.endswith(b"\n"):
        raise RunError("the line is cut short; resuming the run mends it")
    return _loads(line)


def _loads(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except RunError:
        raise
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise RunError(f"not JSON ({reason:.120})") from None
    if not isinstance(value, dict):
        raise RunError(f"must be a JSON object, not {_short(value)}")
    return value


def _no_constant(name: str) -> None:
    raise RunError(f"{name} is not a number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise RunError("a key stands there twice")
    return found


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
