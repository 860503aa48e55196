"""What moves on the ground, for a batch of areas: discs with velocity, boxes along the axes, contacts without bounce.

Places are (x, z) in metres; yaw 0 looks along z and turns clockwise seen from above, as in Unity.
"""

from __future__ import annotations

import numpy as np

DT = 0.02  # Unity's fixed step (s)
GRAVITY = 9.81 * 2.5  # the scenes' ProjectSettingsOverrides multiply it


def heading(yaw: np.ndarray) -> np.ndarray:
    """(..., 2): the unit vector ahead; to the right of it is (z, -x)."""
    return np.stack([np.sin(yaw), np.cos(yaw)], axis=-1)


def right_of(ahead: np.ndarray) -> np.ndarray:
    """(..., 2): the unit vector to the right of one ahead."""
    return np.stack([ahead[..., 1], -ahead[..., 0]], axis=-1)


def length(vector: np.ndarray) -> np.ndarray:
    """(...,) of vectors (..., 2), summed in a fixed order."""
    return np.sqrt(vector[..., 0] ** 2 + vector[..., 1] ** 2)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(...,) of vectors (..., 2), summed in a fixed order."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1]


def slowed(velocity: np.ndarray, drag: np.ndarray | float, braking: np.ndarray | float = 0.0) -> np.ndarray:
    """Velocities (..., 2) after a fixed step of drag (1/s), as PhysX applies it, and of braking (m/s^2) by friction."""
    kept = np.maximum(1 - drag * DT, 0)
    speed = length(velocity) * kept
    return velocity * (kept * np.maximum(1 - braking * DT / np.maximum(speed, 1e-9), 0))[..., None]


def overlap(place: np.ndarray, radius: float, centre: np.ndarray, half: np.ndarray):
    """How far discs at place (..., 2) reach into boxes: depth (...,), negative for a gap, and the way out (..., 2)."""
    gap = place - centre
    nearest = np.clip(gap, -half, half)
    outside = gap - nearest
    far = length(outside)
    sunk = half - np.abs(gap)  # for a centre inside the box: out by the nearest face
    face = np.where(sunk[..., :1] < sunk[..., 1:], [1.0, 0.0], [0.0, 1.0]) * np.where(gap < 0, -1.0, 1.0)
    inside = far < 1e-9
    normal = np.where(inside[..., None], face, outside / np.maximum(far, 1e-9)[..., None])
    return radius - np.where(inside, -np.minimum(sunk[..., 0], sunk[..., 1]), far), normal


def kept_in(place: np.ndarray, velocity: np.ndarray, low, high) -> tuple[np.ndarray, np.ndarray]:
    """Places and velocities (..., 2) of what walls hold between low and high: it stops there and does not bounce."""
    inner = np.clip(place, low, high)
    into = ((place < low) & (velocity < 0)) | ((place > high) & (velocity > 0))
    return inner, np.where(into, 0.0, velocity)
