"""What one arm opens by a handle: shared by the tasks with drawers and doors."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np

from .. import scenes
from ..rewards import dist
from .carrying import Carrying
from .holding import above, around, grasping

HANDLES = {"upper handle": "upper drawer", "lower handle": "lower drawer", "fridge handle": "fridge"}
SLIDE = int(mujoco.mjtJoint.mjJNT_SLIDE)
BAR = 0.016  # half the width of a handle, m


class Opening(Carrying):
    """A piece of furniture stands where an episode puts it; what opens has a joint, and a site at its handle."""

    part: str  # the furniture: part.xml, whose body has the same name
    doors: Mapping[str, tuple[str, float]]  # what opens -> its joint and site in the part; how far is open, m or rad
    cargo = {}
    clear = 0.2

    def furnish(self, scene):
        super().furnish(scene)
        scenes.put(scene, self.part, self.part)

    def bind(self, sims):
        super().bind(sims)
        joints = {name: f"{self.part}/{joint}" for name, (joint, _) in self.doors.items()}
        self.stand = sims.bind("mocap_pos")[:, sims.model.body(f"{self.part}/{self.part}").mocapid[0]]
        self.handle = {name: sims.site(joint).xpos for name, joint in joints.items()}
        self.moved = {name: sims.joint(joint).qpos[:, 0] for name, joint in joints.items()}
        self.speed = {name: sims.joint(joint).qvel[:, 0] for name, joint in joints.items()}
        self._joint = {name: sims.model.joint(joint) for name, joint in joints.items()}
        self._axis, self._anchor = sims.bind("xaxis"), sims.bind("xanchor")

    def thing(self, name):
        return self.handle[HANDLES[name]] if name in HANDLES else super().thing(name)

    def opened(self, name: str) -> np.ndarray:
        """(n,) in [0, 1]: how far it is open, of what counts as open."""
        return np.clip(self.moved[name] / self.doors[name][1], 0, 1)

    def is_open(self, name: str) -> np.ndarray:
        """(n,) bool: it stands open, and nothing else does."""
        others = [self.opened(other) < 0.3 for other in self.doors if other != name]
        return np.logical_and.reduce([self.opened(name) >= 1, *others])

    def failure(self):
        """Never: furniture stands where it stands."""
        return super().failure()

    def pulled(self, name: str) -> np.ndarray:
        """(n,) in [0, 1]: 0.15 for coming to the handle, 0.15 for squeezing it, 0.6 for opening; 1 once it is open.

        What opens beside it costs half.
        """
        reach, held = grasping(self.arm, self.handle[name])
        paid = np.where(self.is_open(name), 1, 0.15 * reach + 0.15 * held + 0.6 * self.opened(name))
        for other in self.doors.keys() - {name}:
            paid = paid * (1 - 0.5 * self.opened(other))
        return paid

    def pull(self, name: str) -> np.ndarray:
        """(n, width) actions that go over the handle, down, close, and pull along its path until it is wide open."""
        handle = self.handle[name]
        near, shut = around(self.arm, handle, closed=0.036 - BAR)
        target = above(self.arm, handle, self.clear)
        wide = self.moved[name] > 1.12 * self.doors[name][1]
        ahead = handle + 0.05 * np.where(wide, 0, 1)[:, None] * self._path(name)
        target[near & shut] = ahead[near & shut]
        return self.arm.go(target, np.where(near, 1.0, -1.0), gain=18)

    def _path(self, name: str) -> np.ndarray:
        """(n, 3): the unit vector along which the handle moves when it opens."""
        joint = self._joint[name]
        axis, anchor = self._axis[:, joint.id], self._anchor[:, joint.id]
        if joint.type[0] == SLIDE:
            return axis
        x, y = (self.handle[name] - anchor)[:, :2].T
        path = axis[:, 2:] * np.column_stack([-y, x, np.zeros(len(x))])
        return path / dist(path, np.zeros(3))[:, None]

    def leaf(self, name: str) -> tuple[np.ndarray, ...]:
        """What is seen of a door: handle from fingertips (n, 3), hinge from handle (n, 2), angle, velocity (n, 1)."""
        hinge = self._anchor[:, self._joint[name].id] - self.handle[name]
        return self.handle[name] - self.arm.grip, hinge[:, :2], self.moved[name][:, None], self.speed[name][:, None]

    def tells(self, env: int, name: str) -> str:
        """A sentence about what opens, in copy env."""
        gap, moved = 100 * dist(self.handle[name], self.arm.grip)[env], self.moved[name][env]
        slides = self._joint[name].type[0] == SLIDE
        far = f"{100 * moved:.0f} cm" if slides else f"{np.degrees(moved):.0f} degrees"
        state = "shut" if self.opened(name)[env] < 0.05 else f"open by {far}"
        held = "between the fingers" if gap < 2.5 else f"{gap:.0f} cm from the fingertips"
        return f"The {name} is {state}, its handle {held}."
