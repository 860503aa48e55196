"""What arms can be asked to do with pegs, and with each other."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..rewards import closer

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
)
