"""What people look at: tables, plots, one HTML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..record import Run
    from ..references import Shelf


def write(
    runs: Sequence[Run],
    out: Path,
    shipped: Shelf | None = None,
    videos: Sequence[Path] = (),
    families: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """One self-contained HTML file about runs, at out; returns out.

    shipped: references for runs that have no joint or from-scratch runs beside them (references.shipped).
    videos: mp4 files; small ones are embedded, others linked. families: population.json of evolutions, read.
    Raises RunError for runs that do not go together.
    """
    from .page import write  # draws: not needed by who only wants a table

    return write(runs, out, shipped or {}, videos, families)
