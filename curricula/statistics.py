"""What several seeds say together: mean, interquartile mean, bootstrap intervals, performance profiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
UNDEFINED = 0.05  # share of resamples that may have no value before there is no interval
Statistic = Callable[[np.ndarray], np.ndarray]


class Interval(NamedTuple):
    """An estimate over seeds. low and high are None, and note says why, where there can be no interval."""

    estimate: float
    low: float | None
    high: float | None
    seeds: int
    note: str = ""


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, hits of n (Wilson 1927); (0, 1) where n is 0."""
    if not n:
        return 0.0, 1.0
    z, share = 1.96, hits / n
    middle, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis."""
    return np.asarray(values).mean(axis=-1)


def iqm(values: np.ndarray) -> np.ndarray:
    """Interquartile mean over the last axis: the lowest and the highest quarter, rounded down, are left out."""
    ordered = np.sort(values, axis=-1)
    cut = ordered.shape[-1] // 4
    return ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)


def resample(values: np.ndarray, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """(resamples, seeds, strata) values drawn with replacement, every stratum by itself (Agarwal et al. 2021).

    values: (seeds, strata). One stratum keeps what belongs to one seed together.
    """
    draw = np.random.default_rng(seed)
    rows = draw.integers(len(values), size=(resamples, *values.shape))
    return np.take_along_axis(values[None], rows, axis=1)


def interval(
    values: np.ndarray | Sequence[float], statistic: Statistic = mean, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The statistic over all of values with its 95 % percentile interval by the stratified bootstrap.

    values: (seeds,) or (seeds, strata); a missing (NaN) value makes the estimate missing too.
    One seed gives no interval and says so.
    """
    values = np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    seeds = len(values)
    if not values.size or not np.isfinite(values).all():
        missing = int(np.count_nonzero(~np.isfinite(values).all(axis=-1))) if values.size else 0
        return Interval(float("nan"), None, None, seeds, f"missing in {missing} of {seeds} seeds")
    estimate = float(statistic(values.ravel()))
    if seeds == 1:
        return Interval(estimate, None, None, 1, "one seed: no interval")
    drawn = statistic(resample(values, resamples, seed).reshape(resamples, -1))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(estimate, float(low), float(high), seeds)


def paired(
    own: np.ndarray,
    base: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The statistic of the means of two sets of runs, and its interval where both are drawn, each by itself.

    own: (seeds, S), base: (seeds of others, S), none missing. statistic: (..., S), (..., S) -> (...); where it is not
    finite it is undefined, and more than UNDEFINED of that gives no interval. One row of base does not vary.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(own.mean(axis=0), base.mean(axis=0)))
        if len(own) == 1:
            return Interval(estimate, None, None, 1, "one seed: no interval")
        draw = np.random.default_rng(seed)
        drawn = statistic(_means(own, resamples, draw), _means(base, resamples, draw))
    defined = drawn[np.isfinite(drawn)]
    missing = 1 - len(defined) / resamples
    if missing > UNDEFINED:
        why = f"no interval: nothing to divide by in {100 * missing:.0f} % of the resamples"
        return Interval(estimate, None, None, len(own), why)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(estimate, float(low), float(high), len(own))


def _means(values: np.ndarray, resamples: int, draw: np.random.Generator) -> np.ndarray:
    """(resamples, S) means over as many whole rows as there are, drawn with replacement."""
    rows = draw.integers(len(values), size=(resamples, len(values)))
    return values[rows].mean(axis=1)


def profile_band(
    values: np.ndarray, thresholds: np.ndarray, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), each (thresholds,): pointwise 95 % intervals of profile by the stratified bootstrap.

    values: (seeds, tasks), none missing, of two seeds or more; thresholds: rising. Agarwal et al. 2021, figure 3.
    """
    reached = np.searchsorted(thresholds, values, side="right")  # how many thresholds each score reaches
    drawn = resample(reached, resamples, seed).reshape(resamples, -1)
    counts = np.zeros((resamples, len(thresholds) + 1))
    np.add.at(counts, (np.arange(resamples)[:, None], drawn), 1)
    shares = 1 - counts.cumsum(axis=1)[:, :-1] / drawn.shape[1]
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def profile(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(thresholds,) share of all scores that reach each threshold; NaN where a score is missing.

    values: (seeds, tasks). Dolan & Moré 2002, as Agarwal et al. 2021 use it.
    """
    values = np.asarray(values, float)[..., None]
    return np.where(np.isnan(values), np.nan, values >= thresholds).mean(axis=(0, 1))
