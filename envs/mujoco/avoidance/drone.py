"""A quadrotor with four thrusts, flown by motor or, through a controller of ours, by velocity."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco.batch import Batch

from ...registry import nearest
from .. import scenes
from ..task import Entry


class Drone:
    """The agent `name`, whose parts are named 'name/part'; half its width from propeller to propeller is `radius`.

    control="velocity": the agent asks for a velocity, and the nose stays along x. control="thrust": for four thrusts.

    After bind, live arrays with one row per copy, in the world's frame unless said otherwise:
        place: (n, 3), m;  velocity: (n, 3), m/s.
        frame: (n, 3, 3), its axes (nose, left, up) as columns;  spin: (n, 3), rad/s, along these axes.
    """

    controls = ("velocity", "thrust")
    radius = 0.07  # m
    speed = 0.8  # what a full action asks for, m/s
    entries = (
        Entry("velocity of the drone", 3, "m/s", 2.0),
        Entry("direction of its up", 3, "1", 1.0),
        Entry("direction of its nose", 3, "1", 1.0),
        Entry("its spin about its nose, left and up", 3, "rad/s", 20.0),
    )
    follow = 4.0  # how fast velocity is corrected, 1/s
    push = 4.0  # the largest acceleration asked for, m/s^2: tilts by 22 degrees at most
    stiff = np.array([150.0, 150.0, 20.0])[:, None]  # angular acceleration per attitude error, 1/s^2
    damp = np.array([20.0, 20.0, 8.0])[:, None]  # the same per spin, 1/s

    def __init__(self, name: str, control: str = "velocity"):
        if control not in self.controls:
            raise nearest(control, list(self.controls), "control of the drone")
        self.name, self.control = name, control
        asked = Entry(f"velocity along x, y and z, as a share of {self.speed:g} m/s", 3, "1", 1.0)
        thrusts = Entry(
            "thrust front right, back right, back left, front left: hovering (0) to none or twice", 4, "1", 1.0
        )
        self.actions = (asked if control == "velocity" else thrusts,)

    def attach(self, scene: mujoco.MjSpec) -> None:
        """Add the drone to a scene."""
        scenes.put(scene, "drone", self.name)

    def bind(self, sims: Batch) -> None:
        model = sims.model
        at, dof = (
            int(a[0]) for a in (model.joint(f"{self.name}/free").qposadr, model.joint(f"{self.name}/free").dofadr)
        )
        self._pose = sims.bind("qpos")[:, at : at + 7]
        moving = sims.bind("qvel")[:, dof : dof + 6]
        self.place, self.velocity, self.spin = self._pose[:, :3], moving[:, :3], moving[:, 3:]
        self.frame = sims.body(f"{self.name}/drone").xmat.reshape(-1, 3, 3)
        body = model.body(f"{self.name}/drone")
        self._mass, self._inertia = float(body.mass[0]), body.inertia[:, None].copy()
        motors = [model.actuator(f"{self.name}/{i}") for i in (1, 2, 3, 4)]
        self._full = float(motors[0].ctrlrange[1])
        sites = [model.site(f"{self.name}/{i}").pos for i in (1, 2, 3, 4)]
        self._arm = abs(float(sites[0][0]))  # from the middle to a propeller, along x and along y
        self._drag = abs(float(motors[0].gear[5]))

    def put(self, ids: np.ndarray, place: np.ndarray) -> None:
        """Let copies ids hover at place (len(ids), 3), m, nose along x."""
        self._pose[ids, :3] = place
        self._pose[ids, 3:] = 1, 0, 0, 0

    def observe(self) -> tuple[np.ndarray, ...]:
        """The parts of `entries`, (n, width) each."""
        return self.velocity, self.frame[:, :, 2], self.frame[:, :, 0], self.spin

    def act(self, action: np.ndarray) -> np.ndarray:
        """(n, 4) in [-1, 1], what is asked of the motors when the agent decides on action."""
        action = np.clip(action, -1, 1)
        return action if self.control == "thrust" else self.thrusts(self.speed * action.astype(float))

    def go(self, target: np.ndarray, gain: float = 2.5) -> np.ndarray:
        """Actions that fly straight to target (n, 3), m."""
        wish = gain * (target - self.place).T
        wish *= self.speed / np.maximum(norm(wish), self.speed)
        return wish.T / self.speed if self.control == "velocity" else self.thrusts(wish.T)

    def thrusts(self, wish: np.ndarray) -> np.ndarray:
        """(n, 4), from -1 (none) over 0 (hovering) to 1 (twice that), of motors that bring about velocity wish (n, 3).

        Geometric tracking on SE(3) after T. Lee, M. Leok and N. H. McClamroch (CDC 2010): the force that is wanted
        says where up should be; thrust is its share along the up that is, torque turns the one into the other. Wished
        attitudes are taken as at rest, and the gyroscopic term is compensated.
        """
        frame, spin = self.frame.transpose(2, 1, 0), self.spin.T  # axis of the craft, entry, copy
        force = self.follow * (wish.T - self.velocity.T)
        force = force * (self.push / np.maximum(norm(force), self.push))
        force[2] += 9.81
        up = force / norm(force)
        left = np.stack([np.zeros_like(up[0]), up[2], -up[1]])
        left = left / norm(left)
        turn = 0.5 * (_cross(_cross(left, up), frame[0]) + _cross(left, frame[1]) + _cross(up, frame[2]))
        error = np.stack([_dot(turn, axis) for axis in frame])
        torque = _cross(spin, self._inertia * spin) - self._inertia * (self.stiff * error + self.damp * spin)
        return self._share(self._mass * _dot(force, frame[2]), torque).T

    def _share(self, thrust: np.ndarray, torque: np.ndarray) -> np.ndarray:
        """(4, n): what the motors add to hovering, as a share of it, for a thrust in N and a torque (3, n) in Nm."""
        roll, pitch, yaw = torque[0] / self._arm, torque[1] / self._arm, torque[2] / self._drag
        each = np.stack([-roll - pitch - yaw, -roll + pitch + yaw, roll + pitch - yaw, roll - pitch + yaw])
        return np.clip((thrust + each) / 4 / (self._full / 2) - 1, -1, 1)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def norm(a: np.ndarray) -> np.ndarray:
    """(…) of vectors (3, …)."""
    return np.sqrt(_dot(a, a))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
