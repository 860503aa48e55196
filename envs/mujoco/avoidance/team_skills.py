"""What robots that move as one can be asked to do."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer
from .geometry import length

FORMATIONS = ("line", "ring")
SLOW = 0.1  # a leader slower than that is waiting, m/s


def _task(world):
    return getattr(world, "task", world)


def _furthest(world, formation):
    """(n,): how far the robot that is furthest from its place in the formation still has to go, m."""
    return _task(world).far[FORMATIONS.index(formation)].max(axis=0)


def _clear(world):
    """(n,) bool: nobody touches anything."""
    return _task(world).gaps.min(axis=0) > 0


stand_in = Skill(
    "stand in",
    ("stand in a {formation}", "line up in a {formation} at the mark", "form a {formation} and touch nobody"),
    achieved=lambda world, a: (_furthest(world, a["formation"]) < _task(world).close) & _clear(world),
    progress=lambda world, a: closer(_furthest(world, a["formation"]), 1.0),
    held_out=("make a {formation} with the black mark in its middle",),
    chinese=("在标记处排成{formation}", "排成{formation}，不要碰到别的机器人"),
    arguments={"formation": FORMATIONS},
    in_chinese={"line": "一条直线", "ring": "一个圆圈"},
)
lead = Skill(
    "lead",
    (
        "drive as a convoy past every way point",
        "lead the convoy from disc to disc, and lose nobody",
        "keep together and pass all the discs in their order",
    ),
    achieved=lambda world, a: (_task(world).passed >= _task(world).stops) & _whole(world),
    progress=lambda world, a: np.where(
        _task(world).passed < _task(world).stops, 0.9 * _task(world).done, 0.9 + 0.1 * _kept(world)
    ),
    held_out=("take the whole column to the last disc",),
    chinese=("车队一起依次经过所有路标", "带领车队前进，一个也不要掉队"),
)
follow = Skill(
    "follow",
    ("follow the robot ahead of you", "stay behind the robot ahead, neither close nor far", "keep up with the convoy"),
    achieved=lambda world, a: _whole(world),
    progress=lambda world, a: _kept(world),
    held_out=("do not lose sight of who drives before you, and do not push",),
    chinese=("跟着前面的机器人", "与前车保持距离，不远也不近"),
)
wait_for = Skill(
    "wait for",
    ("wait for the robots behind you", "stop until the convoy has closed up", "let the others catch up"),
    achieved=lambda world, a: _whole(world) & (_speed(world) < SLOW),
    progress=lambda world, a: 0.8 * _kept(world) + 0.2 * closer(np.maximum(_speed(world) - SLOW, 0), 0.4),
    held_out=("do not go on before everybody is with you",),
    chinese=("等后面的机器人跟上来",),
)


def _whole(world):
    """(n,) bool: every follower keeps its distance, and nobody touches anything."""
    return (_task(world).off == 0).all(axis=0) & _clear(world)


def _kept(world):
    """(n,): how nearly the follower that is worst off keeps its distance."""
    return closer(_task(world).off.max(axis=0), 1.0)


def _speed(world):
    """(n,): how fast the leader drives, m/s."""
    return length(_task(world).speed[:, 0])
