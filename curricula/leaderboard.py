"""The leaderboard: entries in, a static page out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from . import references
from .record import Run, RunError, read_json


def read(paths: Sequence[Path]) -> list[Run]:
    """The runs of entries: files that submit wrote, files of result rows, and folders of either."""
    if lost := next((p for p in paths if not p.exists()), None):
        raise RunError(f"{lost}: no such file or folder")
    files = [f for p in paths for f in (sorted((*p.glob("*.json"), *p.glob("*.jsonl"))) if p.is_dir() else [p])]
    runs = {}
    for file in files:
        rows = [read_json(file)] if file.suffix == ".json" else references.read(file)
        for row in rows:
            run = references.run_of(row, str(file))
            runs.setdefault((*references.key(row), run.settings.get("by")), run)
    if not runs:
        raise RunError(f"{', '.join(map(str, paths))}: holds no entry")
    return list(runs.values())


def command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="entries, files of rows, folders of them")],
    out: Annotated[Path, typer.Option(help="the page")] = Path("leaderboard.html"),
) -> None:
    """A static page that ranks entries, curriculum by curriculum."""
    from .report import board

    print(f"leaderboard: {board.write(read(paths), out)}")
