"""3DBall: a plate that tilts, and a ball to be kept on it."""

from __future__ import annotations

import numpy as np

from ...instructions import Skill
from ..spec import Behaviour, Sensor
from . import draw as paint
from .game import Game, Played

DT, PERIOD = 0.02, 5  # Unity's fixed step (s), and the steps from one decision to the next
HALF = 2.5  # the agent is a cube of edge 5 (m); the ball lies on its upper face
TURN = np.radians(2.0)  # the furthest that an action turns the cube in a fixed step, about each axis
TILT = 0.25  # the largest component of the cube's quaternion to which it may be turned further
REACH, DROP = 3.0, -2.0  # the ball is lost beyond this from the cube's centre, sideways or below (m)
FRICTION = 0.6
KEPT, LOST = 0.1, -1.0
START_TILT, START_HEIGHT, START_REACH = np.radians(10.0), 4.0, 1.5
BOUND = (1.0, 1.0, 4.0, 4.0, 4.0, 10.0, 10.0, 10.0)
# The axes of a cube turned by a quaternion (X, Y, Z, W), by rows, are sums of products of its entries:
# [axis, coordinate] is 2 * (FIRST + SIGN * SECOND), on the diagonal 1 less that.
X, Y, Z, W = range(4)
FIRST = 4 * np.array([[Y, X, X], [X, X, Y], [X, Y, X]]) + np.array([[Y, Y, Z], [Y, X, Z], [Z, Z, X]])
SECOND = 4 * np.array([[Z, W, W], [W, Z, W], [W, W, Y]]) + np.array([[Z, Z, Y], [Z, Z, X], [Y, X, Y]])
SIGN = np.array([[1.0, 1.0, -1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])[..., None]
DIAGONAL = np.eye(3)[..., None]
TWICE = 2 - 4 * DIAGONAL
ABOUT_Z, ABOUT_X = (
    np.array([Y, X, W, Z]),
    np.array([W, Z, Y, X]),
)  # what each entry takes over where a quaternion is turned about z, about x
NEXT, LAST = np.array([Y, Z, X]), np.array([Z, X, Y])  # of a cross product
SIGN_Z, SIGN_X = np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([[1.0], [1.0], [-1.0], [-1.0]])


def _share(world, arguments):
    """(n,) how much of the episode the ball was kept."""
    return world.unwrapped.kept / world.unwrapped.max_episode_steps


balance = Skill(
    "balance",
    ("keep the ball on the plate", "balance the ball"),
    achieved=lambda world, arguments: _share(world, arguments) >= 1,
    progress=lambda world, arguments: np.clip(_share(world, arguments), 0, 1),
    held_out=("do not let the ball fall",),
    chinese=("让球留在板上", "保持球的平衡"),
)


class Ball3D(Game):
    """Success: the ball was never lost in the 1,000 decisions of an episode (MaxStep 5000, a decision in 5 steps).

    Actions: turn about z, turn about x. A step that keeps the ball pays 0.1, the one that loses it -1, and ends.
    Observation: the cube's quaternion z and x, the ball's place seen from the cube's centre, the ball's velocity.
    The cube is turned by hand, as in Unity: it has no velocity, it lifts the ball but does not throw it.
    """

    name = "3DBall"
    groups = {"3DBall": ("agent",)}
    behaviours = {"3DBall": Behaviour("3DBall", (Sensor("VectorSensor_size8", (8,), BOUND),), continuous=2)}
    saved = ("cube", "ball", "velocity", "spin", "kept", "radius", "gravity")
    defaults = {"scale": 1.0, "gravity": 9.81, "mass": 1.0}
    skills = (balance,)
    goals = (balance(),)
    max_episode_steps = 1000
    render_fps = 10

    def __init__(self, num_envs: int = 1, **settings):
        self.cube = np.tile([0.0, 0.0, 0.0, 1.0], (num_envs, 1))  # quaternion x, y, z, w; y points up
        self.ball, self.velocity, self.spin = (np.zeros((num_envs, 3)) for _ in range(3))
        self.kept = np.zeros(num_envs, np.int64)
        self.radius, self.gravity = np.full(num_envs, 0.5), np.full(num_envs, 9.81)
        super().__init__(num_envs, **settings)

    def begin(self, ids, draw):
        where = draw.uniform(-1, [1.0] * 4)
        level = np.repeat([[0.0], [0.0], [0.0], [1.0]], len(ids), axis=1)
        self.cube[ids] = turned_z(turned_x(level, START_TILT * where[:, 0]), START_TILT * where[:, 1]).T
        self.ball[ids] = START_REACH * where[:, [2, 2, 3]]
        self.ball[ids, 1] = START_HEIGHT
        self.velocity[ids] = self.spin[ids] = 0
        self.kept[ids] = 0
        self.radius[ids], self.gravity[ids] = 0.5 * self.parameters["scale"], self.parameters["gravity"]

    def play(self, acts):
        turn = TURN * acts["agent"][0].astype(float)
        lost = np.zeros(self.num_envs, bool)
        cube, *ball = (array.T.copy() for array in (self.cube, self.ball, self.velocity, self.spin))
        for _ in range(PERIOD):
            cube = _tilted(cube, turn[:, 0], turn[:, 1])
            x, y, z = ball[0]
            lost |= (y < DROP) | (np.abs(x) > REACH) | (np.abs(z) > REACH)
            self._roll(cube, *ball)
        self.cube[:] = cube.T
        self.ball[:], self.velocity[:], self.spin[:] = (array.T for array in ball)
        self.kept += ~lost
        return Played({"agent": np.where(lost, LOST, KEPT)}, {"agent": lost})

    def _roll(self, cube: np.ndarray, ball: np.ndarray, velocity: np.ndarray, spin: np.ndarray) -> None:
        """One fixed step of the ball: gravity, contact with the upper face, friction up to Coulomb's limit.

        Vectors are (3, n) here, and changed in place.
        """
        axes = _axes(cube)
        normal = axes[1]
        velocity[1] -= self.gravity * DT
        along = dot(axes.swapaxes(0, 1), ball[:, None])  # each axis: (3, n)
        gap = along[1] - HALF - self.radius
        over = np.abs(along[::2]) < HALF
        above = over[0] & over[1]
        into = dot(normal, velocity)
        touches = above & (gap + into * DT < 0) & (gap > -HALF)
        push = np.where(touches, -np.maximum(gap, 0) / DT - into, 0)  # an impulse per mass, as all of them here
        arm = -self.radius * normal
        slip = velocity - into * normal + cross(spin, arm)
        speed = np.sqrt(dot(slip, slip))
        grip = np.minimum(2 / 7 * speed, FRICTION * push) / np.maximum(speed, 1e-9)  # 2/7: a solid sphere
        pull = -grip * slip
        ball += np.where(touches, np.maximum(-gap, 0), 0) * normal
        velocity += push * normal + pull
        spin += cross(arm, pull) / (0.4 * self.radius**2)
        ball += velocity * DT

    def sense(self):
        return {"agent": {"VectorSensor_size8": np.concatenate([self.cube[:, [2, 0]], self.ball, self.velocity], 1)}}

    def success(self):
        return self.goal.achieved(self)

    def scripted(self):
        """Lean against the place to which the ball is rolling."""
        towards = 0.15 * self.ball[:, [0, 2]] + 0.2 * self.velocity[:, [0, 2]]
        lean = np.clip(towards * (0.5, -0.5), -0.2, 0.2)  # the quaternion's z and x that tilt the face that way
        return {"agent": np.clip((lean - self.cube[:, [2, 0]]) / (PERIOD * TURN / 2), -1, 1)}

    def describe(self, env, agent):
        x, y, z = self.ball[env]
        down = "rests on the plate" if y < HALF + 1 else "is in the air"
        return (
            f"The ball {down}, {x:.2f} m along x and {z:.2f} m along z from the middle of a plate of 5 m; it moves at "
            f"{np.hypot(self.velocity[env, 0], self.velocity[env, 2]):.2f} m/s."
        )

    def render(self, env=0):
        words = f"3DBall   kept {self.kept[env]}   score {KEPT * self.kept[env]:.1f}"
        board = paint.Board((-5.5, -6), (5.5, 3.6), words)
        corners = np.array([(-HALF, HALF, -HALF), (HALF, HALF, -HALF), (HALF, HALF, HALF), (-HALF, HALF, HALF)])
        x, y, z, w = self.cube[env]
        turn = np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ])  # fmt: skip
        face = corners @ turn.T
        foot = (corners - (0, 2 * HALF, 0)) @ turn.T
        for i, j in ((1, 2), (0, 1)):
            board.polygon([seen(p) for p in (face[i], face[j], foot[j], foot[i])], (38, 88, 160), paint.INK)
        board.polygon([seen(p) for p in face], paint.BLUE, paint.INK)
        board.disc(seen(self.ball[env]), float(self.radius[env]), paint.ORANGE)
        return board.picture()


def seen(point) -> tuple[float, float]:
    """Where a point (x, y, z) stands in a picture from the front and above."""
    x, y, z = point
    return x + 0.25 * z, 0.8 * y - 1.2 + 0.35 * z


def _tilted(cube: np.ndarray, about_z: np.ndarray, about_x: np.ndarray) -> np.ndarray:
    """Cubes (4, n) turned, as far as they may be."""
    free = ((cube[2] < TILT) & (about_z > 0)) | ((cube[2] > -TILT) & (about_z < 0))
    cube = turned_z(cube, np.where(free, about_z, 0))
    free = ((cube[0] < TILT) & (about_x > 0)) | ((cube[0] > -TILT) & (about_x < 0))
    return turned_x(cube, np.where(free, about_x, 0))


def _axes(q: np.ndarray) -> np.ndarray:
    """(3, 3, n): the x, y and z axis, by rows, of cubes turned by quaternions (4, n) x, y, z, w."""
    products = (q[:, None] * q).reshape(16, -1)
    return DIAGONAL + TWICE * (products.take(FIRST, 0) + SIGN * products.take(SECOND, 0))


def turned_z(q: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Quaternions (4, n) x, y, z, w turned about their own z axes by angle (n,), radians."""
    return q * np.cos(angle / 2) + SIGN_Z * q.take(ABOUT_Z, 0) * np.sin(angle / 2)


def turned_x(q: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """The same about their own x axes."""
    return q * np.cos(angle / 2) + SIGN_X * q.take(ABOUT_X, 0) * np.sin(angle / 2)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) sums of vectors (3, n) in a fixed order, whatever n is."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(3, n) of vectors (3, n)."""
    return a.take(NEXT, 0) * b.take(LAST, 0) - a.take(LAST, 0) * b.take(NEXT, 0)
