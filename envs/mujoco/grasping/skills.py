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
    achieved=lambda world, a: (_push_gap(world, a) < 0.04) & (_raised(world, a) < 0.01),
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


def _ends(world):
    """(n, 2): how high the left and the right end of the bar are raised, m."""
    task = _task(world)
    return np.column_stack([task.raised(side) for side in task.agents])


def _hold_gap(world, _):
    """(n,): the worse of the two distances from a hand to its post, m."""
    task = _task(world)
    return np.maximum(*(dist(task.grip[side], task.post[side]) for side in task.agents))


hold = Skill(
    "hold",
    ("take the bar by both posts", "let each hand grasp its post", "hold both ends of the bar"),
    achieved=lambda world, a: (_hold_gap(world, a) < 0.02) & _task(world).closed(),
    progress=lambda world, a: closer(_hold_gap(world, a), 0.4),
    held_out=("each of you grips one end of the bar",),
    chinese=("两只夹爪各抓住横杆的一端",),
)
lift_together = Skill(
    "lift together",
    ("lift the bar together", "raise both ends of the bar", "carry the bar up, one at each end"),
    achieved=lambda world, a: _ends(world).min(axis=1) > 0.08,
    progress=lambda world, a: np.clip(_ends(world).min(axis=1) / 0.08, 0, 1),
    held_out=("get the whole bar off the table",),
    chinese=("一起把横杆抬起来",),
)
