"""The demo: a game, a robot and a home in one life, learnt, forgotten, and remembered; a report and films."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from .bench import check, jobs, perform
from .curriculum import load
from .progress import Tell
from .record import Run, read_run
from .references import shipped

CURRICULUM = "short-life"
METHODS = ("finetune", "replay")


def demo(out: Path, tier: str, seed: int, tell: Tell, say=print) -> tuple[list[Run], Path]:
    """Make or resume the runs, their films and their report; returns the runs and the report.

    Raises ValueError where another run is in the way; RuntimeError, one line, where one failed: what was done is kept.
    """
    from . import report

    todo = jobs(CURRICULUM, load(CURRICULUM), METHODS, [seed], out, references=False, tier=tier)
    missing = [j for j in todo if not j.finished]
    check(missing)
    failed = perform(missing, min(len(todo), os.cpu_count() or 1), tell)
    if failed:
        raise RuntimeError("; ".join(failed.values()))
    runs = [read_run(j.folder) for j in todo]
    references, notes = shipped(runs)
    for note in notes:
        say(note)
    say("filming …")
    films = list(_films([j.folder for j in todo], out / "videos", say))
    return runs, report.write(runs, out / "report.html", references, films)


def _films(runs: Sequence[Path], folder: Path, say) -> Iterator[Path]:
    """Films of every run; a machine that cannot draw goes without, and says what is missing."""
    from . import video

    try:
        for run in runs:
            yield from video.run_videos(run, folder / run.name)
    except Exception as error:  # a film is never worth losing the report
        say(f"no films: {' '.join(str(error).split())[:300]}")
