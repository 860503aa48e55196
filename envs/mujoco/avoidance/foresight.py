"""How a script looks ahead: each robot takes the velocity, of a few, that leads to its target and close to nobody."""

from __future__ import annotations

import numpy as np

from .geometry import length

SPEED = 0.45  # of a robot at full drive, m/s
TIMES = np.arange(1, 9)[:, None, None] * 0.12  # looked at, s
ANGLES = np.arange(16) * np.pi / 8
WISHES = np.array([(0.0, 0.0), *((v * np.cos(a), v * np.sin(a)) for v in (0.5, 1.0) for a in ANGLES)])
ROOM = 0.03  # nearer than this one does not go, m


def choose(
    here: np.ndarray, speed: np.ndarray, target: np.ndarray, pillars: np.ndarray, radius: float, thick: float
) -> np.ndarray:
    """(2, robots, n): what each robot wishes to do, as a share of its full speed.

    Robots decide one after the other: each knows what those before it will do, and believes that the others go on.

    here, speed, target: (2, robots, n), places m, velocities m/s, places to come to m.
    pillars: (2, pillars, n), m, or (2, times, pillars, n) where they move; radius, thick: of a robot and a pillar, m.
    """
    plans = here[:, None] + TIMES * speed[:, None]
    chosen = np.empty_like(here)
    fixed = pillars if pillars.ndim == 4 else np.repeat(pillars[:, None], len(TIMES), axis=1)
    others = np.arange(here.shape[1])
    for i in others:
        avoid = np.concatenate([plans[:, :, others != i], fixed], axis=2)
        hulls = np.array([2 * radius] * (len(others) - 1) + [radius + thick] * fixed.shape[2])[:, None]
        chosen[:, i] = _best(here[:, i], target[:, i], avoid, hulls)
        plans[:, :, i] = here[:, None, i] + SPEED * TIMES[:, 0] * chosen[:, None, i]
    return chosen


def _best(here: np.ndarray, target: np.ndarray, avoid: np.ndarray, hulls: np.ndarray) -> np.ndarray:
    """(2, n): the wish of one robot at here (2, n) that costs least; avoid: (2, times, others, n), m.

    A wish costs the way that will be left, m, and much more if it leads close to somebody, the sooner the more.
    """
    direct = 8 * (target - here)
    direct /= np.maximum(length(direct), 1)
    fixed = np.repeat(WISHES.T[:, :, None], here.shape[1], axis=2)
    wishes = np.concatenate([direct[:, None], 0.5 * direct[:, None], fixed], axis=1)
    mine = here[:, None, None] + SPEED * TIMES * wishes[:, None]  # (2, times, wishes, n)
    gap = length(mine[:, :, :, None] - avoid[:, :, None]) - hulls
    close = (np.maximum(ROOM - gap, 0) / (0.5 + TIMES[..., None])).max(axis=(0, 2), initial=0)
    cost = length(target[:, None] - mine[:, 3]) + 10 * close
    return np.take_along_axis(wishes, cost.argmin(axis=0)[None, None], axis=1)[:, 0]
