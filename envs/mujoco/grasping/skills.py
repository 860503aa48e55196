"""What a gripper can be asked to do."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer, dist


def _task(world):
    return getattr(world, "task", world)


def _reach_gap(world, _):
    task = _task(world)
    return dist(task.grip, task.mark)


def _push_gap(world, _):
    task = _task(world)
    return dist(task.cube[:, :2], task.mark[:, :2])


def _raised(world, _):
    task = _task(world)
    return task.cube[:, 2] - task.edge / 2


reach = Skill(
    "reach",
    ("move the fingers to the green mark", "bring the gripper to the green mark", "touch the green mark"),
    achieved=lambda world, a: _reach_gap(world, a) < 0.03,
    progress=lambda world, a: closer(_reach_gap(world, a), 0.4),
    held_out=("let the fingertips meet the green mark",),
    chinese=("把夹爪移到绿色标记处",),
)
push = Skill(
    "push",
    ("push the cube onto the green disc", "slide the cube to the green disc", "shove the cube to the green disc"),
    achieved=lambda world, a: _push_gap(world, a) < 0.04,
    progress=lambda world, a: closer(_push_gap(world, a), 0.4),
    held_out=("get the cube over to the green disc",),
    chinese=("把方块推到绿色圆盘上",),
)
lift = Skill(
    "lift",
    ("lift the cube", "raise the cube", "pick the cube up"),
    achieved=lambda world, a: _raised(world, a) > 0.1,
    progress=lambda world, a: np.clip(_raised(world, a) / 0.1, 0, 1),
    held_out=("get the cube off the table",),
    chinese=("举起方块",),
)
