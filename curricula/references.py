"""Runs as rows of a file: results that are committed, and the shipped joint and from-scratch references, by hash."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from . import folder
from .curriculum import Curriculum
from .metrics import METRICS, References, measure
from .plan import Plan
from .record import Run, RunError, _loads
from .scores import Scores

KEPT = ("stage", "step", "stage_step", "last")  # of an evaluation, beside every task's score and episodes
LIMIT = 64 << 20  # bytes of a file of rows
NAMED = {"allow_code": True}  # a task of somebody's own may stand in a record: it is named there, never loaded
SETTINGS = (
    "suite", "algorithm", "settings", "methods", "regime", "input", "instructor", "tier", "device", "curriculum",
)  # fmt: skip


def row_of(run: Run) -> dict[str, Any]:
    """A finished run in one line: everything a table needs can be computed from it again."""
    values = {name: measure(name, run.scores).value for name in METRICS}
    return {
        "label": run.label,
        "seed": run.seed,
        "hash": run.settings["hash"],
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "metrics": {name: round(value, 6) for name, value in values.items() if value == value},
        "costs": run.costs,
        "evaluations": _columns(run.rows),
        "settings": {key: run.settings.get(key) for key in SETTINGS},
    }


def run_of(row: Mapping[str, Any], source: str = "results") -> Run:
    """The run that a row tells of; its returns and lengths are gone. Raises RunError for a row that is none."""
    try:
        settings = {**row["settings"], "label": row["label"], "seed": int(row["seed"]), "hash": row["hash"]}
        curriculum = Curriculum.model_validate_json(json.dumps(settings["curriculum"]), context=NAMED)
        stages = () if settings["regime"] == "joint" else tuple(s.task for s in curriculum.stages)
        scores = Scores.from_rows(list(_rows(row["evaluations"])), stages)
        return Run(Path(source), settings, [], scores, dict(row.get("costs", {})))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RunError(
            f"{source}: not a row of results ({' '.join(f'{type(error).__name__} {error}'.split())[:120]})"
        ) from None


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, [] where there is none. Raises RunError (file, line) for a wrong or a repeated one."""
    if not path.exists():
        return []
    if path.stat().st_size > LIMIT:
        raise RunError(f"{path}: larger than the {LIMIT} bytes that are read")
    rows, seen = [], set()
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            row = _loads(line)
        except RunError as error:
            raise RunError(f"{where}: {error}") from None
        run_of(row, where)
        if key(row) in seen:
            raise RunError(f"{where}: {row['label']}, seed {row['seed']} stands there twice with the same hash")
        seen.add(key(row))
        rows.append(row)
    return rows


def key(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["label"], row["seed"], row["hash"]


def add(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows that are not there yet, in one write; the file is whole at any moment."""
    there = read(path)
    known = {key(r) for r in there}
    new = [dict(r) for r in rows if key(r) not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(r, allow_nan=False, separators=(",", ":")) + "\n" for r in [*there, *new])
    folder.write(path, text.encode())


def shipped(runs: Sequence[Run]) -> tuple[dict[str, References], list[str]]:
    """References for runs among the shipped records, by algorithm; and what must be said about them.

    Used only where the hash says that they were made under the same budget, settings and input.
    """
    found: dict[str, References] = {}
    notes = []
    for run in runs:
        algorithm = run.settings["algorithm"]
        if algorithm in found:
            continue
        found[algorithm], note = _for(run)
        notes += [note] * bool(note)
    return found, list(dict.fromkeys(notes))


def _for(run: Run) -> tuple[References, str]:
    rows = _library(run.curriculum)
    wanted = {regime: plan_of(run, regime).hash for regime in ("joint", "scratch")}
    scores = {r: [run_of(row, "shipped").scores for row in rows if row["hash"] == h] for r, h in wanted.items()}
    if not any(scores.values()):
        made = f"shipped references of {run.curriculum} are of other settings: not used for {run.settings['algorithm']}"
        return References(), made if rows else f"no references are shipped for {run.curriculum}"
    said = ", ".join(f"{r} {wanted[r][:8]} ({len(s)} seeds)" for r, s in scores.items() if s)
    return References(scores["joint"], scores["scratch"], f"shipped records: {said}"), ""


def plan_of(run: Run, regime: str, keep_methods: bool = False) -> Plan:
    """What the reference of a run, under regime, would have been asked to do; with its methods, the run itself.

    Raises RunError.
    """
    s = run.settings
    try:
        curriculum = Curriculum.model_validate_json(json.dumps(s["curriculum"]), context=NAMED)
        rest = (s["input"], s["instructor"], str(s.get("tier")), run.seed, str(s.get("device")))
        plan = Plan(curriculum, s["algorithm"], s["settings"], tuple(s["methods"]), s["regime"], *rest)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{run.folder}: settings that no run has ({' '.join(str(error).split())[:120]})") from None
    return plan if keep_methods else dataclasses.replace(plan, regime=regime, methods=())


def _library(curriculum: str) -> list[dict[str, Any]]:
    if os.sep in curriculum or curriculum.startswith("."):
        return []
    file = resources.files(str(__package__)) / "references" / f"{curriculum}.jsonl"
    with resources.as_file(file) as path:
        return read(path)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{"tasks": names, "at": [[stage, step, stage_step, last], …], "scores": [[success or null, …], …], "episodes"}."""
    index = {r["index"]: r["task"] for r in rows}
    columns = {i: n for n, i in enumerate(sorted(index))}
    count = max((r["evaluation"] for r in rows), default=-1) + 1
    at: list[Any] = [None] * count
    scores: list[list[Any]] = [[None] * len(index) for _ in range(count)]
    episodes = [[0] * len(index) for _ in range(count)]
    for row in rows:
        at[row["evaluation"]] = [row[k] for k in KEPT]
        scores[row["evaluation"]][columns[row["index"]]] = row["success"]
        episodes[row["evaluation"]][columns[row["index"]]] = row["episodes"]
    return {"tasks": [index[i] for i in sorted(index)], "at": at, "scores": scores, "episodes": episodes}


def _rows(columns: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for evaluation, at in enumerate(columns["at"]):
        for index, task in enumerate(columns["tasks"]):
            success = columns["scores"][evaluation][index]
            if success is not None:
                row = {"evaluation": evaluation, "task": str(task), "index": index, "success": float(success)}
                yield row | dict(zip(KEPT, at, strict=True)) | {"episodes": columns["episodes"][evaluation][index]}
