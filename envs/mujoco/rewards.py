"""Batched pieces of rewards: every function takes and returns arrays with one row per copy."""

import numpy as np


def dist(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) Euclidean distance between points (n, k); summed left to right, so that a row never depends on others."""
    square = (a - b) ** 2
    total = square[..., 0]
    for i in range(1, square.shape[-1]):
        total = total + square[..., i]
    return np.sqrt(total)


def near(distance: np.ndarray, margin: float) -> np.ndarray:
    """1 at distance 0, 0.1 at margin, towards 0 beyond: a Gaussian (dm_control's tolerance)."""
    return np.exp(np.log(0.1) * (distance / margin) ** 2)


def closer(distance: np.ndarray, furthest: float) -> np.ndarray:
    """1 at distance 0, falling evenly to 0 at furthest: a slope over the whole workspace."""
    return np.minimum(np.maximum(1 - distance / furthest, 0), 1)


def approach(distance: np.ndarray, furthest: float, margin: float) -> np.ndarray:
    """In [0, 1]: half a slope over the workspace, half a peak at the target."""
    return 0.5 * closer(distance, furthest) + 0.5 * near(distance, margin)
