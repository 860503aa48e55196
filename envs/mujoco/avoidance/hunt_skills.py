"""What robots that hunt one another can be asked to do."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer

FREE = 0.3  # who has that much room has got away for now, m


def _task(world):
    return getattr(world, "task", world)


def _nearest(world):
    """(n,): the gap between the evader and the nearest pursuer, m."""
    return np.maximum(_task(world).near.min(axis=0), 0)


catch = Skill(
    "catch",
    ("catch the green robot", "hunt the green robot down", "touch the green robot before the time is up"),
    achieved=lambda world, a: _task(world).caught & ~_task(world).bumped,
    progress=lambda world, a: np.where(
        _task(world).caught & ~_task(world).bumped, 1, 0.9 * closer(_nearest(world), 1.5)
    ),
    held_out=("do not let the green one escape",),
    chinese=("抓住绿色机器人",),
)
get_away = Skill(
    "get away",
    ("get away from the pursuers", "run away from the other robots", "do not let anybody catch you"),
    achieved=lambda world, a: (_nearest(world) > FREE) & ~_task(world).caught,
    progress=lambda world, a: np.where(_task(world).caught, 0, np.clip(_nearest(world) / FREE, 0, 1)),
    held_out=("stay out of everyone's reach",),
    chinese=("摆脱追捕者",),
)
