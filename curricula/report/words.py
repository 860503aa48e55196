"""What is said about runs: headings, numbers with their intervals, sentences, footnotes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import metrics, statistics
from ..statistics import Interval
from .summary import Group, Study, plain


class Column(NamedTuple):
    metric: str
    heading: str


COLUMNS = (
    Column("bars.learning", "learnt"),
    Column("bars.forgetting", "lost again"),
    Column("average_performance", "at the end"),
    Column("forgetting", "forgetting"),
    Column("forward_transfer", "forward transfer"),
    Column("share_of_joint", "share of joint"),
)


PUBLISHED = (
    "for orientation only: other environments, agents and budgets. Continual World CW20, performance / forgetting / "
    "forward transfer: PackNet .80 / .00 / .18; EWC .60 / .02 / −.18; fine-tuning .05 / .73 / .20; reservoir replay in "
    "SAC .12 / .08 / −1.34; ClonEx-SAC .87 performance, .54 forward transfer. COOM performance: PackNet .74, "
    "ClonEx .73, EWC .54, fine-tuning .40. LIBERO-Long AUC: replay .32, PackNet .25, multi-task .48."
)


class Cell(NamedTuple):
    """What a table says: the number, its interval, and a remark ("" where there is none)."""

    text: str
    range: str = ""
    remark: str = ""


def cell(group: Group, metric: str) -> Cell:
    """One number of one method. Learning carries a mark for every stage that was not learnt."""
    found = group.interval(metric)
    if not np.isfinite(found.estimate):
        return Cell("—", "", _missing(group, metric, found))
    return Cell(number(found.estimate), span_of(found), "; ".join(_remarks(group, metric, found)))


def _remarks(group: Group, metric: str, found: Interval) -> Iterator[str]:
    """What must stand beside a number."""
    if metric == "bars.learning" and group.unlearnt:
        yield f"not learnt: {unlearnt(group)}"
    if metric in metrics.RATIOS and group.references.note:
        yield group.references.note
    if _undefined(found):
        yield found.note


def _missing(group: Group, metric: str, found: Interval) -> str:
    if group.regime == "joint" and metric != "share_of_joint":
        return "no stages"
    if group.regime == "scratch":
        return "each task alone"
    some = f" ({found.note})" if len(group.runs) > 1 else ""
    why = [note for value, note in group.values(metric) if not np.isfinite(value)]
    return (why[-1] if why else "missing") + some


def unlearnt(group: Group) -> str:
    """'Lift (2 of 5 seeds), Push': which tasks were not learnt in their own stage."""
    names, seeds = short_names(group.tasks), len(group.runs)
    return ", ".join(
        names[task] + (f" ({count} of {seeds} seeds)" if seeds > 1 else "") for task, count in group.unlearnt.items()
    )


def headline(study: Study) -> list[tuple[str, str]]:
    """Each method's life in a sentence: (its name, how it went)."""
    return [(group.name, f"{_story(group)}.") for group in study.groups]


def _story(group: Group) -> str:
    end = group.interval("average_performance").estimate
    if group.unfinished:
        return f"has not ended ({_seeds(group.unfinished)})"
    if group.regime == "joint":
        return f"trained on all tasks at once and ends at {number(end)} success: the upper reference"
    learned = group.interval("bars.learning").estimate
    if group.regime == "scratch":
        return f"learnt each task alone, to {number(learned)} success"
    what = f"learnt all {len(group.scores[0].trained)} tasks" if not group.unlearnt else _partly(group)
    if len(group.scores[0].trained) < 2:
        return f"{what} and ends at {number(end)}"
    return f"{what}, {_lost(group)}, and ends at {number(end)} success"


def _partly(group: Group) -> str:
    return f"did not learn {unlearnt(group)}"


def _lost(group: Group) -> str:
    lost = group.interval("bars.forgetting")
    if not np.isfinite(lost.estimate):
        return "so that its forgetting cannot be told"
    if lost.estimate < 0.005:
        return "lost nothing of it afterwards"
    return f"lost {number(lost.estimate)} of the success on what it had learnt"


def reading(study: Study) -> list[tuple[str, str]]:
    """What must be said beside every number: (about, words)."""
    shown = study.sequences or study.groups
    episodes = sorted({int(n) for group in study.groups for s in group.scores for n in s.episodes[s.last].ravel() if n})
    points = "; ".join(dict.fromkeys(note for group in shown for note in group.notes("average_performance")))
    seeds = "; ".join(f"{group.name}: {_seeds(len(group.runs))}" for group in study.groups)
    return [
        (
            "learnt",
            "success on a stage's own task at the end of the stage (R[i,i]), mean over stages. A stage counts as "
            f"learnt from {metrics.LEARNT:g}; one that was not can forget nothing, so it is marked.",
        ),
        (
            "lost again",
            "R[i,i] − R[N,i], mean over the earlier tasks that were learnt; the last task does not count. "
            f"Single evaluations of {' or '.join(map(str, episodes)) or 'no'} episodes at the ends of stages.",
        ),
        ("at the end", f"average performance; {points or 'no points'}. All tasks count."),
        ("forgetting", "(1/N) Σ p_i(end of stage i) − p_i(end), at the same points; the last task counts, with 0."),
        (
            "forward transfer",
            "(AUC − AUC of learning the task alone) ÷ (1 − that AUC), over the task's own stage: "
            "trapezoid between evaluations, the first score held back to the start.",
        ),
        ("references", _each(shown, _references)),
        (
            "seeds",
            f"{seeds}. Mean over seeds; in brackets the 95 % bootstrap interval ({statistics.RESAMPLES} resamples of "
            "whole seeds; for forward transfer and share of joint the references' seeds are drawn as well, by "
            "themselves, and a single one counts as exact). One seed gives no interval.",
        ),
        ("policy", f"deterministic in evaluations; {_each(shown, _heads)}"),
        ("input", ", ".join(dict.fromkeys(plain(group.settings.get("input")) for group in study.groups)) + "."),
        ("reset at a boundary", _each(shown, lambda group: resets(group.settings))),
        ("published elsewhere", PUBLISHED),
    ]


def _each(groups: Sequence[Group], said: Callable[[Group], str]) -> str:
    """A sentence about groups: what is said of all of them, or of each that differs, by its name."""
    words = {group.name: said(group) for group in groups}
    if len(set(words.values())) == 1:
        return f"{said(groups[0])}."
    return "; ".join(f"{name}: {what}" for name, what in words.items()) + "."


def _references(group: Group) -> str:
    held = group.references
    return f"{held.label}; joint: {_seeds(len(held.joint))}, from scratch: {_seeds(len(held.scratch))}"


def _heads(group: Group) -> str:
    methods = group.settings.get("methods")
    own = any(isinstance(m, dict) and m.get("name") == "heads" for m in (methods if isinstance(methods, list) else ()))
    return "a head for each task" if own else "one head for all tasks"


def resets(settings: Mapping[str, Any]) -> str:
    """What starts afresh as a stage begins: as the stage says, or else the algorithm's settings.

    A stage that is not announced starts nothing afresh.
    """
    listed = settings["curriculum"].get("stages")
    stages = [stage for stage in listed if isinstance(stage, dict)] if isinstance(listed, list) else []
    silent = any(stage.get("announced") is False for stage in stages)
    found = [stage.get("resets") for stage in stages if stage.get("announced") is not False]
    each = [each for each in found if isinstance(each, dict)]
    if not each or len(each) < len(found):
        return "not stated in run.json"
    of_algorithm = settings["settings"].get("resets") if isinstance(settings.get("settings"), dict) else None
    usual = of_algorithm if isinstance(of_algorithm, dict) else {}
    each = [own | usual | own for own in each]  # the second time for the values, the first for the order
    if any(found != each[0] for found in each):
        return "differs by stage, see the settings"
    names = [plain(name) for name, reset in each[0].items() if reset]
    kept = [plain(name) for name, reset in each[0].items() if not reset]
    said = f"{', '.join(names) or 'nothing'}" + (f"; kept: {', '.join(kept)}" if kept else "")
    return f"{said}; nothing where a stage is not announced" if silent else said


def number(value: float) -> str:
    return "—" if not np.isfinite(value) else f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


def quantity(key: str, value: float) -> str:
    """A cost as people read it, by the key of costs.json: time, memory or a count."""
    if not np.isfinite(value):
        return "—"
    if key.endswith("_bytes"):
        return _bytes(value)
    return (
        _time(value)
        if key.startswith("seconds") or key.endswith("_seconds")
        else f"{value:,.0f}".replace(",", "\u202f")
    )


def unit_of(key: str, top: float) -> tuple[float, str]:
    """(its size, ' (name)') of the unit in which values of a cost up to top are drawn."""
    sizes = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10} if key.endswith("_bytes") else {}
    if key.startswith("seconds") or key.endswith("_seconds"):
        sizes = {"h": 3600, "min": 60, "s": 1}
    return next(((size, f" ({name})") for name, size in sizes.items() if top >= 2 * size), (1.0, ""))


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 999.5:  # three digits; the next unit says more briefly what is more
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def span_of(found: Interval) -> str:
    if found.low is None or found.high is None:
        return "[—]" if _undefined(found) else ""
    return f"[{number(found.low)}, {number(found.high)}]"


def _undefined(found: Interval) -> bool:
    """Whether several seeds have an estimate, and nothing to tell its spread by."""
    return found.low is None and found.seeds > 1 and bool(np.isfinite(found.estimate))


def short_names(tasks: Sequence[str]) -> dict[str, str]:
    """'ludus/Reach-v0' -> 'Reach', where that stays unique."""
    short = {task: re.sub(r"-v\d+(?=#|$)", "", task.rpartition("/")[2])[:32] or task[:32] for task in tasks}
    counts = Counter(short.values())
    return {task: name if counts[name] == 1 else task for task, name in short.items()}


def _seeds(count: int) -> str:
    return "1 seed" if count == 1 else f"{count} seeds"
