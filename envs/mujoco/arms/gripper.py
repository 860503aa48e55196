"""The simple gripper: a hand on three slides, which learns in minutes because it never turns."""

from __future__ import annotations

import numpy as np

from .. import scenes
from ..task import Entry
from .arm import Arm


class Gripper(Arm):
    """Moves in x, y and z at up to 0.4 m/s and lifts at most 12 N; its fingers open to 11 cm."""

    entries = (
        Entry("fingertips, seen from the arm's own middle", 3, "m", 0.5),
        Entry("fingertips, velocity", 3, "m/s", 1.0),
        Entry("opening of the left and right finger, from open to closed", 2, "m", 0.05),
    )
    actions = (
        Entry("velocity of the hand, as a share of 0.4 m/s", 3, "1", 1.0),
        Entry("opening of the fingers, from open (-1) to closed (1)", 1, "1", 1.0),
    )

    def attach(self, scene):
        half = np.radians(self.turn) / 2
        frame = scene.worldbody.add_frame(pos=[self.x, self.y, 0], quat=[np.cos(half), 0, 0, np.sin(half)])
        scene.attach(scenes.part("gripper"), prefix=f"{self.name}/", frame=frame)

    def bind(self, sims):
        joint = sims.model.joint(f"{self.name}/x")
        at, dof = joint.qposadr[0], joint.dofadr[0]
        qpos, qvel = sims.bind("qpos"), sims.bind("qvel")
        self.grip = sims.site(f"{self.name}/grip").xpos
        self.hand, self.fingers = qpos[:, at : at + 3], qpos[:, at + 3 : at + 5]
        self._slides = qvel[:, dof : dof + 3]  # along the arm's own axes
        self.closing = sims.bind("ctrl")[:, sims.model.actuator(f"{self.name}/grip.left").id]

    def place(self, ids, offset):
        self.hand[ids] = self.own(offset)

    def observe(self):
        middle = np.array([self.x, self.y, 0])
        return self.own(self.grip - middle), self._slides, self.fingers

    def act(self, action):
        return action

    def go(self, target, closed, gain=12.0):
        action = np.empty((len(self.grip), 4))
        action[:, :3] = np.clip(gain * self.own(target - self.grip), -1, 1)
        action[:, 3] = closed
        return action
