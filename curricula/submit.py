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
    if read_json(inside(path, "metrics.json")) != json.loads(json.dumps(metrics.compute(run.scores))):
        raise RunError(f"{path}: metrics.json is not what its record gives; run `ludus report` on it and see")
    record = hashlib.sha256(json.dumps(run.rows, sort_keys=True).encode()).hexdigest()
    return references.row_of(run) | {"by": by[:NOTE], "note": note[:NOTE], "record": record}


def others(entries: Iterable[Mapping[str, Any]]) -> None:
    """Raises RunError where one record stands for several seeds: returns to the last digit are no two lives'."""
    seen: dict[str, int] = {}
    for row in entries:
        if (record := row.get("record")) and seen.setdefault(record, row["seed"]) != row["seed"]:
            raise RunError(
                f"{row['label']} seed {row['seed']}: its record is that of seed {seen[record]}, to the last digit"
            )


def _whole(run: Run, plan: Any) -> None:
    """Every stage was learnt to its end, with as many evaluations of as many episodes as were asked for."""
    sizes = plan.curriculum.evaluation
    for number, part in enumerate(plan.parts):
        rows = [r for r in run.rows if r["stage"] == number]
        points, last = {r["evaluation"] for r in rows}, [r for r in rows if r["last"]]
        wanted = _points(part, rows)
        if len(points) != wanted or not last:
            raise RunError(f"{run.folder}: stage {number} has {len(points)} of {wanted} evaluations: not ended")
        if wanted == part.points and max(r["stage_step"] for r in last) < part.steps:
            raise RunError(f"{run.folder}: stage {number} ended before its {part.steps} steps")
        if any(r["episodes"] != (sizes.last_episodes if r["last"] else sizes.episodes) for r in rows):
            raise RunError(f"{run.folder}: stage {number} was tried with other numbers of episodes than it says")


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
    out.mkdir(parents=True, exist_ok=True)
    for row in made:
        file = out / f"{row['settings']['curriculum']['name']}-{row['label']}-{row['seed']}-{row['hash'][:8]}.json"
        folder.write(file, (json.dumps(row, allow_nan=False) + "\n").encode())
        print(f"checked: {file}")
