"""Ways made of straight stretches, (2, points, n) in metres: how far along somebody is, and what lies so far along."""

from __future__ import annotations

import numpy as np

from .geometry import dot, length


def _stretches(way: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each stretch starts (2, k, n), how it runs, and how far along its start is (k, n)."""
    run = way[:, 1:] - way[:, :-1]
    ends = np.cumsum(length(run), axis=0)
    return way[:, :-1], run, np.concatenate([0 * ends[:1], ends[:-1]])


def along(way: np.ndarray, here: np.ndarray) -> np.ndarray:
    """(robots, n): how far along the way the point of it lies that is nearest to here (2, robots, n), m."""
    start, run, before = _stretches(way)
    off = here[:, :, None] - start[:, None]
    share = np.clip(dot(off, run[:, None]) / np.maximum(dot(run, run), 1e-12), 0, 1)
    nearest = length(off - share * run[:, None]).argmin(axis=1)[:, None]
    return np.take_along_axis(before + share * length(run), nearest, axis=1)[:, 0]


def point(way: np.ndarray, far: np.ndarray) -> np.ndarray:
    """(2, robots, n): the points so far along the way (robots, n), m; its ends for what lies beyond them."""
    start, run, before = _stretches(way)
    k = np.maximum((before[None] <= far[:, None]).sum(axis=1) - 1, 0)
    start, run = (np.take_along_axis(a, k[None], axis=1) for a in (start, run))
    share = (far - np.take_along_axis(before, k, axis=0)) / np.maximum(length(run), 1e-6)
    return start + np.clip(share, 0, 1) * run
