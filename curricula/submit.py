"""A leaderboard entry: a finished run that was checked, as one file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from . import folder, metrics, references
from .plan import Part
from .record import Run, RunError, inside, read_json, read_run

NOTE = 500  # characters that an entry may say of itself
WORDS = ("note", "formula")  # of a measure in metrics.json


def entry(path: Path, by: str = "", note: str = "") -> dict[str, Any]:
    """The run in path as a row of results, once it is found to be what it says it is.

    Its record must be whole (every stage to its last evaluation), its settings give its hash, its metrics come out of
    its record again. Nothing that the folder names is imported. Raises RunError, one line, for what is not so.
    """
    run = read_run(path)
    wanted = references.plan_of(run, run.regime, keep_methods=True)
    if wanted.hash != run.settings.get("hash"):
        raise RunError(f"{path}: its settings give the hash {wanted.hash[:12]}, not the one in run.json")
    _whole(run, wanted)
    if _numbers(read_json(inside(path, "metrics.json"))) != _numbers(metrics.compute(run.scores)):
        raise RunError(f"{path}: metrics.json is not what its record gives; run `ludus report` on it and see")
    record = hashlib.sha256(json.dumps(run.rows, sort_keys=True).encode()).hexdigest()
    return references.row_of(run) | {"by": by[:NOTE], "note": note[:NOTE], "record": record}


def _numbers(found: Any) -> Any:
    """Metrics without the words beside them, which are those of the version that wrote them."""
    return {k: _numbers(v) for k, v in found.items() if k not in WORDS} if isinstance(found, dict) else found


def others(entries: Iterable[Mapping[str, Any]]) -> None:
    """Raises RunError where one record stands for several seeds: returns to the last digit are no two lives'."""
    seen: dict[str, int] = {}
    for row in entries:
        if (record := row.get("record")) and seen.setdefault(record, row["seed"]) != row["seed"]:
            raise RunError(
                f"{row['label']} seed {row['seed']}: its record is that of seed {seen[record]}, to the last digit"
            )


def _whole(run: Run, plan: Any) -> None:
    """Every stage was learnt to its end, with as many evaluations of as many tasks and episodes as were asked for."""
    sizes, everything = plan.curriculum.evaluation, {t.task for t in plan.curriculum.tasks}
    _all_tried(run, -1, everything)
    for number, part in enumerate(plan.parts):
        rows = [r for r in run.rows if r["stage"] == number]
        points, last = {r["evaluation"] for r in rows}, [r for r in rows if r["last"]]
        wanted = _points(part, rows)
        if len(points) != wanted or not last:
            raise RunError(f"{run.folder}: stage {number} has {len(points)} of {wanted} evaluations: not ended")
        if wanted == part.points and max(r["stage_step"] for r in last) < part.steps:
            raise RunError(f"{run.folder}: stage {number} ended before its {part.steps} steps")
        _all_tried(run, number, {part.name} if run.regime == "scratch" else everything)
        if any(r["episodes"] != (sizes.last_episodes if r["last"] else sizes.episodes) for r in rows):
            raise RunError(f"{run.folder}: stage {number} was tried with other numbers of episodes than it says")


def _all_tried(run: Run, stage: int, tasks: set[str]) -> None:
    """Raise RunError unless every evaluation of a stage (-1: the one before any) has a result of each of the tasks."""
    tried: dict[int, set[str]] = {}
    for row in run.rows:
        if row["stage"] == stage:
            tried.setdefault(row["evaluation"], set()).add(row["task"])
    for odd in (tasks ^ found for found in tried.values() or [set()]):
        if odd:
            when = f"of stage {stage}" if stage >= 0 else "before any training"
            raise RunError(f"{run.folder}: not every evaluation {when} has a result of each task ({min(odd)})")


def _points(part: Part, rows: list[dict[str, Any]]) -> int:
    """How many evaluations a stage has: fewer than planned where one of them let it move on, then that and the last."""
    tried = [r["success"] for r in rows if r["task"] == part.name and not r["last"]]
    return next((i + 2 for i, s in enumerate(tried) if part.enough is not None and s >= part.enough), part.points)


def command(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="folders of finished runs")],
    out: Annotated[Path, typer.Option(help="where the entries go")] = Path("submissions"),
    by: Annotated[str, typer.Option(help="who made them")] = "",
    note: Annotated[str, typer.Option(help="what a reader should know")] = "",
) -> None:
    """Check finished runs and write each as one leaderboard entry."""
    made = [entry(path, by, note) for path in folders]
    there = [read_json(path) for path in sorted(out.glob("*.json"))] if out.is_dir() else []
    others([*there, *made])
    files: dict[Path, dict[str, Any]] = {}
    for row in made:
        file = out / f"{row['settings']['curriculum']['name']}-{row['label']}-{row['seed']}-{row['hash'][:8]}.json"
        old = files.get(file) or (read_json(file) if file.exists() else row)
        if any(old.get(key) != row[key] for key in ("record", "by")):
            whose = f"by {str(old['by'])[:100]!r}" if old.get("by") else "by nobody who is named"
            raise RunError(f"{file}: another entry is there, {whose}; choose another --out")
        files[file] = row
    out.mkdir(parents=True, exist_ok=True)
    for file, row in files.items():
        folder.write(file, (json.dumps(row, allow_nan=False) + "\n").encode())
        print(f"checked: {file}")
