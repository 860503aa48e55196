"""What arms can be asked to do with pegs, and with each other."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer, dist

SOCKETS = ("red", "blue")


def _task(world):
    return getattr(world, "task", world)


def _take(thing: str, chinese: str) -> Skill:
    """Somebody closes the fingers on the thing and raises it."""
    return Skill(
        f"take the {thing}",
        (f"take the {thing}", f"grasp the {thing} and raise it", f"pick the {thing} up"),
        achieved=lambda world, a: _task(world).taken() >= 1,
        progress=lambda world, a: _task(world).taken(),
        held_out=(f"get hold of the {thing}",),
        chinese=(chinese,),
    )


take_peg = _take("peg", "拿起销钉")
take_baton = _take("baton", "拿起接力棒")


def _inserted(world, arguments):
    """(n,): how far the peg's tip is from the bottom of the socket, m."""
    return _task(world).short_of(arguments["socket"])


insert = Skill(
    "insert",
    (
        "insert the peg into the {socket} socket",
        "put the peg into the {socket} socket",
        "plug the peg into the {socket} hole",
    ),
    achieved=lambda world, a: _task(world).inserted(a["socket"]),
    progress=lambda world, a: np.where(_task(world).inserted(a["socket"]), 1, 0.89 * closer(_inserted(world, a), 0.4)),
    held_out=("let the peg stand in the {socket} socket",),
    chinese=("把销钉插入{socket}插座",),
    arguments={"socket": SOCKETS},
    in_chinese={"red": "红色", "blue": "蓝色"},
)


def _handed(world):
    """(n,) bool: the right arm alone holds the baton, in the air."""
    task = _task(world)
    return task.holds("right") & ~task.holds("left") & (task.raised() > 0.03)


def _to_right_hand(world):
    """(n,) how far the right arm's fingertips are from its half of the baton, m."""
    task = _task(world)
    return dist(task.arms["right"].grip, task.half["right"])


hand_over = Skill(
    "hand over",
    ("hand the baton over to the other arm", "pass the baton to the right arm", "give the baton to the other arm"),
    achieved=lambda world, a: _handed(world),
    progress=lambda world, a: np.where(_handed(world), 1, 0.89 * closer(_to_right_hand(world), 0.8)),
    held_out=("let the right arm have the baton",),
    chinese=("把接力棒交给另一只机械臂",),
)
deliver = Skill(
    "deliver",
    (
        "pass the baton across the pit and lay it on the green disc",
        "bring the baton over to the green disc together",
        "hand the baton over and put it down on the green disc",
    ),
    achieved=lambda world, a: _task(world).success(),
    progress=lambda world, a: np.where(_task(world).success(), 1, 0.89 * closer(_task(world).left_over(), 0.8)),
    held_out=("get the baton onto the green disc beyond the pit",),
    chinese=("把接力棒递过深坑，放到绿色圆盘上",),
)


hold_tray = Skill(
    "hold the tray",
    ("take the tray by both posts", "let each hand grasp its post of the tray", "hold the tray at both ends"),
    achieved=lambda world, a: _task(world).held(),
    progress=lambda world, a: np.where(_task(world).held(), 1, 0.89 * closer(_task(world).apart(), 0.5)),
    held_out=("each of you grips one end of the tray",),
    chinese=("两只机械臂各握住托盘的一端",),
)


def _level_up(world):
    """(n,) in [0, 1]: the lower end of a level tray rises to 8 cm."""
    task = _task(world)
    return task.is_level() * np.clip(task.raised() / 0.08, 0, 1)


lift_level = Skill(
    "lift level",
    ("lift the tray and keep it level", "raise the tray without tilting it", "lift both ends of the tray evenly"),
    achieved=lambda world, a: _level_up(world) >= 1,
    progress=lambda world, a: _level_up(world),
    held_out=("get the tray off the table, and do not let it lean",),
    chinese=("把托盘平稳地抬起来",),
)
carry_level = Skill(
    "carry level",
    (
        "carry the tray level to the green mark",
        "bring the tray to the green mark without losing the ball",
        "carry the tray to the green mark and keep the ball on it",
    ),
    achieved=lambda world, a: _task(world).success(),
    progress=lambda world, a: np.where(_task(world).success(), 1, 0.89 * closer(_task(world).to_go(), 0.4)),
    held_out=("move the tray over to the green mark, ball and all",),
    chinese=("把托盘平稳地抬到绿色标记处，别让球掉下来",),
)


def _on_zone(world):
    """(n,) bool: the block stands on its zone."""
    task = _task(world)
    return task.to_push() < task.close


def _cube_to_bin(world):
    """(n,) how far the cube is from the bottom of the bin, m."""
    task = _task(world)
    return dist(task.cube, task.bin)


def _sorted(world):
    """(n,) float: how many of the two things are where they belong, and the rest of the way as a share of 0.4 m."""
    task = _task(world)
    block = np.where(_on_zone(world), 1, 0.89 * closer(task.to_push(), 0.4))
    cube = np.where(task.inside(), 1, 0.89 * closer(_cube_to_bin(world), 0.4))
    return (block + cube) / 2


push_block = Skill(
    "push the block",
    ("push the heavy block onto the green zone", "shove the block onto its zone", "move the heavy block to its zone"),
    achieved=lambda world, a: _on_zone(world),
    progress=lambda world, a: np.where(_on_zone(world), 1, 0.89 * closer(_task(world).to_push(), 0.4)),
    held_out=("get the block over to where it belongs",),
    chinese=("把重块推到绿色区域",),
)
put_in_bin = Skill(
    "put in the bin",
    ("put the cube into the bin", "lift the cube over the wall into the bin", "drop the cube into the bin"),
    achieved=lambda world, a: _task(world).inside(),
    progress=lambda world, a: np.where(_task(world).inside(), 1, 0.89 * closer(_cube_to_bin(world), 0.4)),
    held_out=("let the cube land inside the bin",),
    chinese=("把方块放进箱子里",),
)
sort = Skill(
    "sort",
    (
        "push the block onto the green zone and put the cube into the bin",
        "sort both things: the block to the zone, the cube to the bin",
        "bring the block to its zone and the cube to the bin",
    ),
    achieved=lambda world, a: _on_zone(world) & _task(world).inside(),
    progress=lambda world, a: _sorted(world),
    held_out=("get both things to where they belong",),
    chinese=("把重块推到绿色区域，把方块放进箱子里",),
)
