"""How an arm comes to hold a thing: what it is worth, and how a script does it."""

from __future__ import annotations

import numpy as np

from ..arms.arm import Arm
from ..rewards import approach, dist, near

OTHER = {"left": "right", "right": "left"}  # of two arms


def grasping(arm: Arm, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) each in [0, 1]: how near the fingertips are to place (n, 3), and how well they squeeze what is there."""
    gap = dist(arm.grip, place)
    return approach(gap, furthest=0.5, margin=0.08), near(gap, margin=0.03) * np.clip(arm.closing / 0.06, 0, 1)


def loose(arm: Arm) -> np.ndarray:
    """(n,) in [0, 1]: how far the fingers are asked to let go; whoever opens them bit by bit is paid on the way."""
    return 1 - np.clip(arm.closing / 0.06, 0, 1)


def around(arm: Arm, place: np.ndarray, closed: float) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool each: place (n, 3) is between the fingers; and they have come `closed` metres each, or more."""
    shut = (arm.fingers[:, 0] + arm.fingers[:, 1]) / 2
    return dist(arm.grip, place) < np.where(shut > 0.005, 0.035, 0.012), shut > closed


def above(arm: Arm, place: np.ndarray, height: float) -> np.ndarray:
    """(n, 3): place (n, 3) once the fingertips are over it, before that a point at least at height, m, above it."""
    target = place.copy()
    aside = dist(arm.grip[:, :2], place[:, :2]) > 0.012
    target[aside, 2] = np.maximum(arm.grip[aside, 2], height)
    return target
