"""What robots that meet can be asked to do."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer


def _task(world):
    return getattr(world, "task", world)


def _furthest(world):
    """(n,): how far the robot that is furthest from its place still has to go, m."""
    return _task(world).left.max(axis=0)


def _narrowest(world):
    """(n,): the narrowest gap between any two hulls, m."""
    return _task(world).gaps.min(axis=0)


cross = Skill(
    "cross",
    (
        "drive to the other side without touching anyone",
        "swap places with the robot opposite and touch nobody",
        "cross to the disc of your colour, and do not bump into the others",
    ),
    achieved=lambda world, a: (_furthest(world) < _task(world).close) & (_narrowest(world) > 0),
    progress=lambda world, a: closer(_furthest(world), 1.0),
    held_out=("get over to the far side while keeping clear of everybody",),
    chinese=("开到对面去，不要碰到别的机器人",),
)
keep_away = Skill(
    "keep away",
    ("keep away from the others", "stay clear of the other robots", "leave a hand's width around you"),
    achieved=lambda world, a: _narrowest(world) > 0.15,
    progress=lambda world, a: np.clip(_narrowest(world) / 0.15, 0, 1),
    held_out=("give everyone plenty of room",),
    chinese=("与别的机器人保持距离",),
)
