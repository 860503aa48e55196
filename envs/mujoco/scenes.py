"""Scenes, composed from the parts in assets/mujoco."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import mujoco
import numpy as np

POST = (0.95, 0.75, 0.2, 1)
# What a wall that holds meets of a robot: a ball of its hull's radius, without friction, unseen by eyes and lidars.
BUMPED = {"type": mujoco.mjtGeom.mjGEOM_SPHERE, "contype": 0, "conaffinity": 1, "condim": 1}


def part(name: str) -> mujoco.MjSpec:
    """A part of assets/mujoco, by its file's stem."""
    file = resources.files(str(__package__).removesuffix("envs.mujoco") + "assets") / "mujoco" / f"{name}.xml"
    return mujoco.MjSpec.from_string(file.read_text(encoding="utf-8"))


def put(scene: mujoco.MjSpec, stem: str, name: str, pos=(0, 0, 0), turn: float = 0) -> None:
    """Add a part of assets/mujoco at pos in metres, turned by degrees about z; what it holds is named 'name/…'."""
    half = np.radians(turn) / 2
    frame = scene.worldbody.add_frame(pos=list(pos), quat=[np.cos(half), 0, 0, np.sin(half)])
    scene.attach(part(stem), prefix=f"{name}/", frame=frame)


def arena(
    robots: Mapping[str, Sequence[float]],
    body: str = "robot",
    discs: Mapping[str, Sequence[float]] | None = None,
    pillars: int = 0,
    thick: float = 0.05,
    walls: Sequence[tuple[float, float]] = (),
    solid: bool = False,
) -> mujoco.MjSpec:
    """An arena with robots, discs to go to, pillars and walls; all but the robots are moved as mocap bodies, in order.

    robots: name -> colour (red, green, blue, alpha); body: the part they are; discs: likewise, None: one a robot.
    pillars: how many, 'pillar0' …, of radius `thick` in metres; walls: half of each one's size along x and y, m.
    solid: walls hold robots up, and let them slide along; nothing else ever pushes one.
    """
    scene = part("arena")
    for name, colour in robots.items():
        robot = part(body)
        robot.geom("body").rgba = colour
        if solid:
            look = {"rgba": [0, 0, 0, 0], "group": 4}
            robot.body("robot").add_geom(name="bumper", size=[0.05, 0, 0], pos=[0, 0, 0.03], mass=0, **BUMPED, **look)
        scene.attach(robot, prefix=f"{name}/", frame=scene.worldbody.add_frame())
    for name, colour in (robots if discs is None else discs).items():
        mark(scene, name, radius=0.06, height=0.002, rgba=[*colour[:3], 0.6])
    for k in range(pillars):
        _block(scene, f"pillar{k}", mujoco.mjtGeom.mjGEOM_CYLINDER, [thick, 0.05, 0], "pillar", 0.05)
    for k, half in enumerate(walls):
        wall = _block(scene, f"wall{k}", mujoco.mjtGeom.mjGEOM_BOX, [*half, 0.03], "wall", 0.03)
        if solid:
            wall.contype, wall.condim = 1, 1
    return scene


def _block(
    scene: mujoco.MjSpec, name: str, kind: mujoco.mjtGeom, size: Sequence[float], material: str, z: float
) -> Any:
    """Add something that stands on the floor and is seen, by a lidar too, but pushes nobody; its geom."""
    block = scene.worldbody.add_body(name=name, mocap=True, pos=[0, 0, 0])
    return block.add_geom(name=name, type=kind, size=size, pos=[0, 0, z], contype=0, conaffinity=0, material=material)


def cube(scene: mujoco.MjSpec, name: str = "cube", half: float = 0.02, mass: float = 0.05, rgba=(0.85, 0.2, 0.15, 1)):
    """Add a free cube, resting on the table; half its edge in metres, mass in kg."""
    body = scene.worldbody.add_body(name=name, pos=[0, 0, half])
    body.add_freejoint(name=name)
    body.add_geom(
        name=name, type=mujoco.mjtGeom.mjGEOM_BOX, size=[half] * 3, mass=mass, friction=[1, 0.02, 0.001], rgba=rgba
    )


def bar(scene: mujoco.MjSpec, name: str = "bar", half: float = 0.18, mass: float = 1.4, rgba=(0.2, 0.35, 0.7, 1)):
    """Add a free bar, lying on the table along x, with a post to hold at each end.

    half: from the middle to a post, in metres; mass in kg, posts included.
    The sites 'name.left' (at -x) and 'name.right' stand in the middles of the posts, 5 cm above the table.
    """
    body = scene.worldbody.add_body(name=name, pos=[0, 0, 0.01])
    body.add_freejoint(name=name)
    box = {"type": mujoco.mjtGeom.mjGEOM_BOX, "friction": [1, 0.02, 0.001]}
    body.add_geom(name=name, size=[half + 0.02, 0.03, 0.01], mass=mass - 0.2, rgba=rgba, **box)
    for side, x in {"left": -half, "right": half}.items():
        body.add_geom(name=f"{name}.{side}", pos=[x, 0, 0.04], size=[0.02, 0.02, 0.03], mass=0.1, rgba=POST, **box)
        body.add_site(name=f"{name}.{side}", pos=[x, 0, 0.04], size=[0.004] * 3, rgba=[0, 0, 0, 0])


def mark(scene: mujoco.MjSpec, name: str = "mark", radius: float = 0.02, height: float = 0, rgba=(0.1, 0.7, 0.3, 0.6)):
    """Add a marker that touches nothing: a ball, or with a height in metres a disc."""
    body = scene.worldbody.add_body(name=name, mocap=True, pos=[0, 0, 0])
    kind = mujoco.mjtGeom.mjGEOM_CYLINDER if height else mujoco.mjtGeom.mjGEOM_SPHERE
    body.add_geom(name=name, type=kind, size=[radius, height / 2, 0], contype=0, conaffinity=0, rgba=rgba)


def look(position, target, up=(0, 0, 1)) -> list[float]:
    """The xyaxes of a camera at position that looks at target."""
    back = np.subtract(position, target) / np.linalg.norm(np.subtract(position, target))
    right = np.cross(up, back)
    right /= np.linalg.norm(right)
    return [*right, *np.cross(back, right)]
