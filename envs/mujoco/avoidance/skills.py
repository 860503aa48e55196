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
    """(n,): the narrowest gap between any two hulls, m; infinite where there is nobody to touch."""
    return _task(world).gaps.min(axis=0, initial=np.inf)


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


def _arrived(world, target: int):
    """(n,) bool: every robot has come to that one of its targets, and nobody touches anything."""
    return (_task(world).far[target].max(axis=0) < _task(world).close) & (_narrowest(world) > 0)


def _nearing(world, target: int):
    """(n,): how near the robot that is furthest from that one of its targets has come."""
    return closer(_task(world).far[target].max(axis=0), 1.0)


PARTNERS = ("the robot opposite", "your neighbour")
DISCS = ("red", "blue")

swap = Skill(
    "swap",
    ("change places with {partner}", "trade places with {partner}", "go where {partner} began"),
    achieved=lambda world, a: _arrived(world, PARTNERS.index(a["partner"])),
    progress=lambda world, a: _nearing(world, PARTNERS.index(a["partner"])),
    held_out=("you and {partner} exchange your places",),
    chinese=("和{partner}交换位置", "开到{partner}出发的地方"),
    arguments={"partner": PARTNERS},
    in_chinese={"the robot opposite": "对面的机器人", "your neighbour": "旁边的机器人"},
)
go_to = Skill(
    "go to",
    ("go to the {colour} disc", "drive to the {colour} disc", "stop on the {colour} disc"),
    achieved=lambda world, a: _arrived(world, DISCS.index(a["colour"])),
    progress=lambda world, a: _nearing(world, DISCS.index(a["colour"])),
    held_out=("let the {colour} disc be where you end up",),
    chinese=("开到{colour}圆盘上", "停在{colour}圆盘上"),
    arguments={"colour": DISCS},
    in_chinese={"red": "红色", "blue": "蓝色"},
)
pass_through = Skill(
    "pass through",
    (
        "drive through the corridor to your disc, one after the other",
        "get to the far side, and do not meet in the corridor",
        "take turns in the corridor and end on your own disc",
    ),
    achieved=lambda world, a: _arrived(world, 0),
    progress=lambda world, a: closer(_furthest(world), 1.0),
    held_out=("both of you reach the other room, though only one fits through at a time",),
    chinese=("轮流穿过通道，开到自己的圆盘上",),
)
give_way = Skill(
    "give way",
    ("let one robot through the corridor first", "wait for the other to come out", "give way at the corridor"),
    achieved=lambda world, a: _let_through(world),
    progress=lambda world, a: np.where(_let_through(world), 1, 0.9 * closer(_task(world).inside().min(axis=0), 1.0)),
    held_out=("hold back until the passage is free",),
    chinese=("让一个机器人先过通道", "等对方出来再走"),
)


def _let_through(world):
    """(n,) bool: one robot at least is out of the corridor on its far side, and nobody is in it."""
    task = _task(world)
    inside = task.inside()
    out = task.length + 2 * task.radius  # whoever has not begun to come in
    return (inside.min(axis=0) <= 0) & ((inside <= 0) | (inside >= out)).all(axis=0)
