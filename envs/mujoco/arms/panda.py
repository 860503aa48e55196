"""The seven-joint arm: a Franka Panda's kinematics, masses and limits, in shapes of our own.

Where the figures of assets/mujoco/panda.xml come from:
    Kinematics (Denavit-Hartenberg, Craig's convention), joint, velocity and torque limits; the hand's mass, inertia
    and fingertips (103.4 mm from the flange), two fingers of 40 mm each: Franka Emika's documentation ("Robot and
    interface specifications"; "Franka Hand").
    Masses, centres and inertias of the links: Gaz, Cognetti, Oliva, Robuffo Giordano and De Luca 2019, "Dynamic
    Identification of the Franka Emika Panda Robot With Retrieval of Feasible Parameters Using Penalty-Based
    Optimization", IEEE RA-L 4(4), as Franka's own robot description gives them.
    Armature: the reflected rotor inertias that Franka gives for the FR3 (the Panda's are not published).
Ours: gains of the servos, the fingers' force (15 N, of 70) and damping; weight is compensated for, as the robot does;
only the hand and the fingers touch things.
"""

from __future__ import annotations

import mujoco
import numpy as np

from .. import scenes
from ..rewards import dist
from ..task import Entry
from .arm import Arm
from .gripper import Gripper
from .inverse import damped

STAND = 0.5  # the base stands that far behind the arm's middle, m
LIFT = 0.24  # height of the fingertips in the middle, m
SHOULDER, UPPER, FORE, ELBOW, WRIST, TOOL = 0.333, 0.316, 0.384, 0.0825, 0.088, 0.107 + 0.0964  # d1 d3 d5 a4 a7 d8, m
SPEED = 0.4  # of the hand along each axis, m/s, as the gripper's
SHARE = 0.6  # of the published joint velocities, what control="joint" may ask
STRETCH = 0.705  # from the shoulder to the wrist under control="ee", m; straight, and so singular, it is 0.719
DAMPING = 0.02  # of the inverse: within 1 % of exact
UPRIGHT, HOMING, BRAKE = 8.0, 2.0, 10.0  # 1/s: how fast the hand turns back, the posture returns, a limit is neared
HEIGHTS = (0.017, 0.42)  # of the fingertips under control="ee", m: 1 mm of air under the pads


class Panda(Arm):
    """control="ee": actions are the hand's velocity, as the gripper's, and it stays upright; "joint": the joints'."""

    controls = ("ee", "joint")
    reach = 0.25
    opening = 0.04
    entries = Gripper.entries
    actions = Gripper.actions

    def __init__(self, *place, **settings):
        super().__init__(*place, **settings)
        if self.control == "joint":
            self.entries = (
                *Gripper.entries,
                Entry("joints, angle", 7, "rad", 4.0),
                Entry("joints, velocity", 7, "rad/s", 3.0),
            )
            self.actions = (
                Entry(f"velocity of each joint, as a share of {SHARE} of its limit", 7, "1", 1.0),
                Gripper.actions[1],
            )

    def attach(self, scene):
        half = np.radians(self.turn) / 2
        x, y = self.x - STAND * self._cos, self.y - STAND * self._sin
        frame = scene.worldbody.add_frame(pos=[x, y, 0], quat=[np.cos(half), 0, 0, np.sin(half)])
        scene.attach(scenes.part("panda"), prefix=f"{self.name}/", frame=frame)
        scene.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST  # stiff servos, at the table's 8 ms

    def bind(self, sims):
        model, first = sims.model, sims.model.joint(f"{self.name}/joint1")
        at, dof, ctrl = first.qposadr[0], first.dofadr[0], model.actuator(f"{self.name}/joint1").id
        qpos, qvel = sims.bind("qpos"), sims.bind("qvel")
        self.joints, self.fingers = qpos[:, at : at + 7], qpos[:, at + 7 : at + 9]
        self.turning, self._dofs = qvel[:, dof : dof + 7], slice(dof, dof + 7)
        self.closing = sims.bind("ctrl")[:, model.actuator(f"{self.name}/grip.left").id]
        self.low, self.high = model.jnt_range[first.id : first.id + 7].T
        self.fastest = model.actuator_ctrlrange[ctrl : ctrl + 7, 1]  # rad/s
        site = sims.site(f"{self.name}/grip")
        self.grip, self._axes = site.xpos, site.xmat
        self._velocity = sims.sensor(f"{self.name}/velocity").data
        self._sims, self._hand = sims, model.body(f"{self.name}/hand").id
        self._home = self.posture(np.zeros((1, 3)))

    def place(self, ids, offset):
        self.joints[ids] = self.posture(self.own(offset))

    def posture(self, offset: np.ndarray) -> np.ndarray:
        """(n, 7) joint angles, rad, that hold the hand upright with the fingertips at offset (n, 3) from the middle.

        In closed form for the elbow straight above: shoulder, elbow and wrist are a triangle in a vertical plane.
        Out of reach the arm is stretched towards it.
        """
        x, y, z = (np.ascontiguousarray(v) for v in offset.T)
        x, up = x + STAND, z + (LIFT + TOOL - SHOULDER)
        out = np.sqrt(x * x + y * y) - WRIST
        upper, fore = np.hypot(UPPER, ELBOW), np.hypot(FORE, ELBOW)
        bend, sway = np.arctan(ELBOW / UPPER), np.arctan(ELBOW / FORE)
        far = np.minimum(np.sqrt(out * out + up * up), upper + fore)
        inside = np.arccos(np.clip((upper**2 + fore**2 - far * far) / (2 * upper * fore), -1, 1))
        ahead = np.arccos(np.clip((upper**2 + far * far - fore**2) / (2 * upper * far), -1, 1))
        q1, q2 = np.arctan2(y, x), np.arctan2(out, up) - ahead - bend
        q4 = inside - np.pi - bend - sway
        still = np.zeros_like(q1)
        return np.clip(np.stack([q1, q2, still, q4, still, q2 - q4, q1 - np.pi / 4], axis=1), self.low, self.high)

    def observe(self):
        seen = self._at(), self._velocity, self.fingers
        return (*seen, self.joints, self.turning) if self.control == "joint" else seen

    def act(self, action):
        action = np.clip(action, -1, 1)
        asked = SHARE * self.fastest * action[:, :7] if self.control == "joint" else self._follow(SPEED * action[:, :3])
        asked = np.clip(asked, BRAKE * (self.low - self.joints), BRAKE * (self.high - self.joints))
        return np.concatenate([asked / self.fastest, action[:, -1:]], axis=1)

    def go(self, target, closed, gain=12.0):
        move = np.clip(gain * self.own(target - self.grip), -1, 1)
        if self.control == "joint":
            move = self._follow(SPEED * move) / (SHARE * self.fastest)
            move /= np.maximum(np.abs(move).max(axis=1), 1)[:, None]
        action = np.empty((len(move), move.shape[1] + 1))
        action[:, :-1], action[:, -1] = move, closed
        return action

    def _follow(self, velocity: np.ndarray) -> np.ndarray:
        """(n, 7) joint velocities, rad/s, within their limits, for the hand's (n, 3), m/s, along the arm's own axes."""
        wanted = np.concatenate([self.world(self._walled(velocity)), UPRIGHT * self._tilt()], axis=1).T
        jacobian = np.concatenate(self._sims.jac(self._hand, self.grip), axis=1)[:, :, self._dofs]
        jacobian = np.ascontiguousarray(jacobian.transpose(1, 2, 0))
        turning = damped(jacobian, wanted, HOMING * (self._home - self.joints).T, DAMPING).T
        return turning / np.maximum(np.abs(turning / self.fastest).max(axis=1), 1)[:, None]

    def _walled(self, velocity: np.ndarray) -> np.ndarray:
        """The velocity (n, 3) without what leads out of the box, or stretches the arm between shoulder and wrist."""
        at = self._at()
        low, high = ([side * self.reach, side * self.reach, z] for side, z in zip((-1, 1), HEIGHTS, strict=True))
        velocity = np.clip(velocity, BRAKE * (low - at), BRAKE * (high - at))
        wrist = at + np.array([STAND, 0, TOOL - SHOULDER])
        wrist[:, :2] *= 1 - WRIST / np.sqrt(wrist[:, :1] ** 2 + wrist[:, 1:2] ** 2)
        far = dist(wrist, np.zeros(3))
        out = wrist / far[:, None]
        faster = out[:, 0] * velocity[:, 0] + out[:, 1] * velocity[:, 1] + out[:, 2] * velocity[:, 2]
        return velocity - out * np.maximum(faster - BRAKE * (STRETCH - far), 0)[:, None]

    def _tilt(self) -> np.ndarray:
        """(n, 3) rotation that is missing to upright, along the world's axes: for small angles, in rad."""
        x, y, z = (self._axes[:, i::3] for i in range(3))
        right = np.array([[self._cos, self._sin, 0], [-self._sin, self._cos, 0], [0, 0, 1]])
        return 0.5 * (np.cross(x, right[0]) + np.cross(y, right[1]) + np.cross(z, right[2]))

    def _at(self) -> np.ndarray:
        return self.own(self.grip - np.array([self.x, self.y, 0]))
