"""What a drone and rovers that need each other can be asked to do."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer

ROVERS = ("red", "blue")


def _task(world):
    return getattr(world, "task", world)


def _rover(values, arguments):
    """(n,): the rover's row of values (2, n)."""
    return values[ROVERS.index(arguments["robot"])]


def _furthest(world):
    """(n,): the longest way that is left to anybody's goal, m."""
    task = _task(world)
    return np.maximum(task.way.max(axis=0), task.flight)


hold_open = Skill(
    "hold open",
    ("hold the gate open", "hover at the green switch", "stay at the switch so that the gate is up"),
    achieved=lambda world, a: (_task(world).hover < _task(world).touch) & _task(world).is_up(),
    progress=lambda world, a: closer(_task(world).hover, 1.2),
    held_out=("keep the doorway from shutting",),
    chinese=("悬停在绿色开关处，让门开着",),
)
go_through = Skill(
    "go through",
    ("drive the {robot} rover through the doorway", "bring the {robot} rover to the other side of the wall"),
    achieved=lambda world, a: _rover(_task(world).through, a),
    progress=lambda world, a: np.where(
        _rover(_task(world).through, a), 1, 0.9 * closer(_rover(_task(world).door, a), 1)
    ),
    held_out=("the {robot} rover passes the gate",),
    chinese=("让{robot}小车穿过门洞",),
    arguments={"robot": ROVERS},
    in_chinese={"red": "红色", "blue": "蓝色"},
)
fly_through = Skill(
    "fly through",
    ("fly through the window", "bring the drone through the window", "pass the window in the wall"),
    achieved=lambda world, a: _task(world).flown,
    progress=lambda world, a: np.where(_task(world).flown, 1, 0.9 * closer(_task(world).window, 1)),
    held_out=("the drone takes the opening above the gate",),
    chinese=("让无人机飞过窗口",),
)
come_through = Skill(
    "come through",
    (
        "bring the drone and both rovers to their goals beyond the wall",
        "get everybody through the wall and to the goal of their colour",
        "all three go to their goals on the other side and touch nothing",
    ),
    achieved=lambda world, a: (_furthest(world) < _task(world).close) & (_task(world).touching == 0),
    progress=lambda world, a: closer(_furthest(world), 1.5),
    held_out=("help each other past the wall until each has reached its own goal",),
    chinese=("让无人机和两辆小车都穿过墙，到达各自的目标",),
)
