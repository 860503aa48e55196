"""What a gripper can be asked to do."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...instructions import Skill
from ..rewards import closer, dist


def _task(world):
    return getattr(world, "task", world)


def _meets(arm):
    """(n,) bool: something keeps the arm's fingers from closing as far as they are asked to."""
    return arm.closing - arm.fingers.mean(axis=1) > 0.005


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
    progress=lambda world, a: closer(_push_gap(world, a), 0.4) * closer(np.maximum(_raised(world, a) - 0.01, 0), 0.1),
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
    achieved=lambda world, a: (
        (_hold_gap(world, a) < 0.02)
        & _task(world).closed()
        & np.logical_and(*(_meets(arm) for arm in _task(world).arms.values()))
    ),
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


# What follows is about things by name. A task that offers these has the methods that they ask.

CHINESE = {
    "apple": "苹果", "pot": "锅", "red cube": "红色方块", "blue cube": "蓝色方块",
    "fridge": "冰箱", "fridge handle": "冰箱把手",
    "upper drawer": "上层抽屉", "lower drawer": "下层抽屉",
    "upper handle": "上层把手", "lower handle": "下层把手",
    "in the basket": "篮子里", "on the tray": "托盘上",
}  # fmt: skip


def only(skill: Skill, **arguments: tuple[str, ...]) -> Skill:
    """The skill where only these words fit its slots: a world offers what it has."""
    for slot, words in arguments.items():
        for word in words:
            skill(**{s: word if s == slot else known[0] for s, known in skill.arguments.items()})
    return dataclasses.replace(skill, arguments={**skill.arguments, **arguments})


def _share(done, share):
    """(n,) in [0, 1]: 1 where it is done, else as far as it is, and not quite."""
    return np.where(done, 1, 0.89 * np.clip(share, 0, 1))


def _gap(world, arguments):
    """(n,) from the fingertips to where the thing is best held, m."""
    task = _task(world)
    return dist(task.arm.grip, task.thing(arguments["thing"]))


def _grasped(world, arguments):
    return _task(world).grasped(arguments["thing"]) & _meets(_task(world).arm)


def _height(world, arguments):
    """(n,) how far the thing is above where it rests on the table, m."""
    return _task(world).raised(arguments["thing"])


THINGS = ("apple", "pot", "red cube", "blue cube", "fridge handle", "upper handle", "lower handle")

reach_thing = Skill(
    "reach",
    ("move the fingers to the {thing}", "bring the gripper to the {thing}", "touch the {thing}"),
    achieved=lambda world, a: _gap(world, a) < 0.03,
    progress=lambda world, a: closer(_gap(world, a), 0.4),
    held_out=("let the fingertips meet the {thing}",),
    chinese=("把夹爪移到{thing}处",),
    arguments={"thing": THINGS},
    in_chinese=CHINESE,
)
grasp = Skill(
    "grasp",
    ("grasp the {thing}", "take hold of the {thing}", "close the fingers on the {thing}"),
    achieved=_grasped,
    progress=lambda world, a: _share(_grasped(world, a), closer(_gap(world, a), 0.4)),
    held_out=("seize the {thing}",),
    chinese=("抓住{thing}", "用夹爪夹住{thing}"),
    arguments={"thing": THINGS},
    in_chinese=CHINESE,
)
lift_thing = Skill(
    "lift",
    ("lift the {thing}", "raise the {thing}", "pick the {thing} up"),
    achieved=lambda world, a: _task(world).lifted(a["thing"]),
    progress=lambda world, a: _share(_task(world).lifted(a["thing"]), _height(world, a) / 0.1),
    held_out=("get the {thing} off the table",),
    chinese=("举起{thing}", "把{thing}拿起来"),
    arguments={"thing": THINGS[:4]},
    in_chinese=CHINESE,
)


def handling(*things: str) -> list[Skill]:
    """Reaching, grasping and lifting these things."""
    return [only(skill, thing=things) for skill in (reach_thing, grasp, lift_thing)]


place = Skill(
    "place",
    ("put the {thing} {where}", "place the {thing} {where}", "lay the {thing} down {where}"),
    achieved=lambda world, a: _task(world).placed(a["thing"], a["where"]),
    progress=lambda world, a: _share(
        _task(world).placed(a["thing"], a["where"]), closer(_task(world).aside(a["thing"], a["where"]), 0.5)
    ),
    held_out=("see to it that the {thing} lies {where}",),
    chinese=("把{thing}放到{where}",),
    arguments={"thing": ("apple", "pot"), "where": ("in the basket", "on the tray")},
    in_chinese=CHINESE,
)
stack = Skill(
    "stack",
    ("stack the {thing} on the other", "put the {thing} on top of the other", "set the {thing} upon the other one"),
    achieved=lambda world, a: _task(world).stacked(a["thing"]),
    progress=lambda world, a: _share(_task(world).stacked(a["thing"]), closer(_task(world).off(a["thing"]), 0.4)),
    held_out=("let the {thing} stand on the other",),
    chinese=("把{thing}叠到另一个上面", "把{thing}放在另一个方块上"),
    arguments={"thing": ("red cube", "blue cube")},
    in_chinese=CHINESE,
)
open_up = Skill(
    "open",
    ("open the {thing}", "pull the {thing} open", "open up the {thing}"),
    achieved=lambda world, a: _task(world).is_open(a["thing"]),
    progress=lambda world, a: _share(_task(world).is_open(a["thing"]), _task(world).opened(a["thing"])),
    held_out=("get the {thing} to stand open",),
    chinese=("打开{thing}", "把{thing}拉开"),
    arguments={"thing": ("upper drawer", "lower drawer", "fridge")},
    in_chinese=CHINESE,
)
fetch = Skill(
    "fetch",
    (
        "fetch the apple from the fridge into the basket",
        "bring the apple from the fridge to the basket",
        "get the apple out of the fridge and put it in the basket",
    ),
    achieved=lambda world, a: _task(world).placed("apple", "in the basket"),
    progress=lambda world, a: _share(_task(world).placed("apple", "in the basket"), _task(world).fetched()),
    held_out=("the apple in the fridge belongs in the basket",),
    chinese=("把冰箱里的苹果取出来放进篮子里", "从冰箱里拿苹果放到篮子里"),
)
