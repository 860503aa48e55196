"""Plane geometry over arrays with x and y first and the copies last: NumPy goes fastest along what is long."""

from __future__ import annotations

import numpy as np


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(…) of vectors (2, …)."""
    total = a[0] * b[0]
    total += a[1] * b[1]
    return total


def length(a: np.ndarray) -> np.ndarray:
    """(…) of vectors (2, …)."""
    total = dot(a, a)
    return np.sqrt(total, out=total)


def turned(a: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """(2, …): vectors (2, …) as one sees them who is turned by the angle of cos and sin."""
    return np.stack([cos * a[0] + sin * a[1], cos * a[1] - sin * a[0]])


def sweep(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(…), the least distance from the origin on the straight way between points (2, …)."""
    move = after - before
    share = np.negative(dot(before, move))
    share /= np.maximum(dot(move, move), 1e-12)
    move *= np.minimum(np.maximum(share, 0, out=share), 1, out=share)
    move += before
    return length(move)


def passing(off: np.ndarray, drift: np.ndarray, ahead: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """(…) each: how near two will come within the next `ahead` seconds, if both go on as they do, m, and when, s.

    off, drift: (2, …), from one to the other, m, and how that changes, m/s.
    """
    when = np.clip(-dot(off, drift) / np.maximum(dot(drift, drift), 1e-6), 0, ahead)
    return length(off + drift * when), when


def outside(place: np.ndarray, half: np.ndarray) -> np.ndarray:
    """(…), how far points (2, …), seen from a box's middle, are from its faces; negative within.

    half: (2, …), half the box's size along x and y.
    """
    over = np.abs(place) - half
    return length(np.maximum(over, 0)) + np.minimum(np.maximum(over[0], over[1]), 0)
