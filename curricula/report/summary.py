"""Runs put in order for people: studies of one curriculum, in them groups of seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import metrics, references, statistics
from ..metrics import References, Scores
from ..record import Run, RunError
from ..references import EMPTY, Shelf
from ..statistics import Interval


@dataclass(frozen=True)
class Group:
    """The seeds of one method. name: its label, made unique within the study; place: its number there, from 0."""

    name: str
    runs: tuple[Run, ...]
    references: References
    place: int = 0

    @property
    def regime(self) -> str:
        return self.runs[0].regime

    @property
    def settings(self) -> dict[str, Any]:
        return self.runs[0].settings

    @cached_property
    def scores(self) -> list[Scores]:
        return [run.scores for run in self.runs]

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.scores[0].tasks

    @cached_property
    def _measured(self) -> dict[str, list[metrics.Value]]:
        return {}

    @cached_property
    def _intervals(self) -> dict[str, Interval]:
        return {}

    def values(self, metric: str) -> list[metrics.Value]:
        """One value per seed, worked out once."""
        if metric not in self._measured:
            self._measured[metric] = [metrics.measure(metric, scores, self.references) for scores in self.scores]
        return self._measured[metric]

    def numbers(self, metric: str) -> np.ndarray:
        """(seeds,) of a measure, NaN where it is missing."""
        return np.array([value for value, _ in self.values(metric)])

    def cost(self, key: str) -> np.ndarray:
        """(seeds,) of costs.json, NaN where it is missing or no number."""
        found = [run.costs.get(key) for run in self.runs]
        return np.array([float(v) if isinstance(v, int | float) and abs(v) < 1e300 else np.nan for v in found])

    def interval(self, metric: str) -> Interval:
        """Mean over seeds; what belongs to one seed is drawn together. Of a ratio the references are drawn as well."""
        if metric not in self._intervals:
            self._intervals[metric] = self._interval(metric)
        return self._intervals[metric]

    def _interval(self, metric: str) -> Interval:
        found = statistics.interval(self.numbers(metric))
        ratio = metrics.RATIOS.get(metric)
        if ratio is None or found.low is None:
            return found
        own, base = ratio.sides(self.scores, self.references)
        if ratio.regime == self.regime:  # these runs are the references: drawn once, against their own mean
            base = base.mean(axis=0, keepdims=True)
        return statistics.paired(own, base, ratio.of_means(base))._replace(estimate=found.estimate)

    def final_iqm(self) -> Interval:
        """Interquartile mean over seeds and tasks of the score at the end, drawn within tasks."""
        return statistics.interval(self.final, statistics.iqm)

    @cached_property
    def final(self) -> np.ndarray:
        """(seeds, tasks) scores at the end, over the last evaluations."""
        return np.array([scores.point(scores.final) for scores in self.scores])

    @cached_property
    def matrix(self) -> np.ndarray:
        """(1 + S, N) mean success matrix over seeds; its first row is the untrained agent's."""
        return np.mean([np.vstack([scores.at_end(-1), scores.matrix]) for scores in self.scores], axis=0)

    @cached_property
    def unlearnt(self) -> dict[str, int]:
        """Task -> number of seeds that did not learn it in its own stage, in the order in which they come."""
        counts = Counter(task for scores in self.scores for task in set(metrics.unlearnt(scores)))
        return {task: counts[task] for task in self.tasks if counts[task]}

    @property
    def unfinished(self) -> int:
        return sum(not scores.complete for scores in self.scores)

    def notes(self, metric: str) -> list[str]:
        return list(dict.fromkeys(note for _, note in self.values(metric) if note))


@dataclass(frozen=True)
class Study:
    """Runs of one curriculum at one size, which may stand in one table."""

    name: str
    tier: str
    groups: tuple[Group, ...]

    @property
    def sequences(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.regime == "sequence")


def studies(runs: Sequence[Run], shipped: Shelf = EMPTY) -> list[Study]:
    """Runs by curriculum and size, then by what shapes them. Raises RunError for none, or one seed twice.

    shipped: references for those that have none among runs (references.shipped).
    """
    if not runs:
        raise RunError("no runs to report on")
    found: dict[tuple, list[Run]] = {}
    for run in runs:
        found.setdefault((run.curriculum, plain(run.settings.get("tier")), _plan(run)), []).append(run)
    here = references.shelf(runs)
    return [Study(name, tier, _groups(members, here, shipped)) for (name, tier, _), members in found.items()]


def _plan(run: Run) -> tuple[str, ...]:
    stages = run.settings["curriculum"].get("stages")
    return tuple(map(str, stages)) if isinstance(stages, list) else run.scores.tasks


def _groups(runs: list[Run], here: Shelf, shipped: Shelf) -> tuple[Group, ...]:
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        key = (run.label, *(plain(run.settings.get(what)) for what in ("input", "hash", "by")))
        for other in found.setdefault(key, []):
            if other.seed == run.seed:
                raise RunError(f"{run.folder}: the same seed of {run.label} as {other.folder}; leave one of them out")
        found[key].append(run)
    names = _names(list(found))
    return tuple(
        Group(names[key], tuple(sorted(same, key=lambda run: run.seed)), _held(same, here, shipped), place)
        for place, (key, same) in enumerate(found.items())
    )


def _held(same: list[Run], here: Shelf, shipped: Shelf) -> References:
    """The references of runs under one hash; if a stage of one of them ended early, that is said of all."""
    return references.of(next(filter(references.ended_early, same), same[0]), here, shipped)


def _names(keys: list[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """The label; with input, then hash, then who made it, where one label stands for several."""
    shared = [Counter(key[:count] for key in keys) for count in range(4)]
    names = {}
    for key in keys:
        label, input, hash, by = key
        further = (part for count, part in enumerate((input, hash[:6], by), start=1) if shared[count][key[:count]] > 1)
        names[key] = " · ".join(filter(None, (label, *further)))
    return names


def plain(value: Any) -> str:
    """A foreign value fit for one line: nothing unprintable, at most 200 characters."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "�" for c in text)[:200]
