"""How runs are shown while they live: bars in a terminal, lines now and then elsewhere, JSON for machines."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

EVERY = 30.0  # seconds between two plain lines of one run


class Progress(NamedTuple):
    """Where a run stands, told now and then. success: task -> its latest score."""

    label: str
    seed: int
    doing: str  # "learning", "evaluating", "done"
    stage: int
    stages: int
    task: str
    step: int
    steps: int
    success: dict[str, float]


Tell = Callable[[Progress], None]


@contextlib.contextmanager
def shown(as_json: bool = False) -> Iterator[Tell]:
    """Something to tell Progress to, in the way that suits where stdout goes."""
    if as_json:
        yield lambda p: print(json.dumps(p._asdict()), flush=True)
    elif sys.stdout.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield _Lines().tell


class _Pace:
    """Steps a second and time left of every run, measured since it was first heard of."""

    def __init__(self):
        self._first: dict[tuple[str, int], tuple[float, int]] = {}

    def __call__(self, p: Progress) -> tuple[float, float | None]:
        now = time.monotonic()
        since, step = self._first.setdefault((p.label, p.seed), (now, p.step))
        rate = (p.step - step) / max(now - since, 1e-9)
        return rate, (p.steps - p.step) / rate if rate > 0 else None


class _Lines:
    """A line when the stage or the scores change, and every EVERY seconds."""

    def __init__(self):
        self._pace = _Pace()
        self._last: dict[tuple[str, int], tuple[Any, float]] = {}

    def tell(self, p: Progress) -> None:
        rate, left = self._pace(p)
        news, now = (p.stage, p.doing == "done", sorted(p.success.items())), time.monotonic()
        before, at = self._last.get((p.label, p.seed), (None, 0.0))
        if p.doing != "evaluating" and (news != before or now - at > EVERY):
            self._last[p.label, p.seed] = news, now
            print(f"{p.label} seed {p.seed}: {stage_of(p)}, {p.step:,} of {p.steps:,} steps, {rate:,.0f}/s", end="")
            print(f", {clock(left)} left; success {scores_of(p)}", flush=True)


@contextlib.contextmanager
def _bars() -> Iterator[Tell]:
    from rich.markup import escape
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    fields = ("{task.fields[who]}", "{task.fields[stage]}", "{task.fields[rate]}", "{task.fields[score]}")
    who, stage, rate, score = (TextColumn(f) for f in fields)
    pace, ids = _Pace(), {}
    with Bars(who, BarColumn(24), stage, rate, score, refresh_per_second=4) as bars:

        def tell(p: Progress) -> None:
            speed, left = pace(p)
            fields: dict[str, Any] = {
                "who": escape(f"{p.label} · seed {p.seed}"),
                "stage": escape("done" if p.doing == "done" else f"{stage_of(p)}, {p.doing}"),
                "rate": f"{speed:,.0f} steps/s, {clock(0 if p.doing == 'done' else left)} left",
                "score": escape(scores_of(p)),
            }
            if (p.label, p.seed) not in ids:
                ids[p.label, p.seed] = bars.add_task("", total=p.steps, **fields)
            bars.update(ids[p.label, p.seed], completed=p.steps if p.doing == "done" else p.step, **fields)

        yield tell


def stage_of(p: Progress) -> str:
    return f"stage {p.stage + 1} of {p.stages} ({short(p.task)})"


def scores_of(p: Progress) -> str:
    return " ".join(f"{short(task)} {score:.0%}" for task, score in p.success.items()) or "not tried yet"


def short(task: str) -> str:
    """'ludus/Lift-v0' is 'Lift'."""
    return task.rpartition("/")[2].rpartition("-v")[0] or task


def clock(seconds: float | None) -> str:
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
