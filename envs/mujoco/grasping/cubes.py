"""A red and a blue cube on the table: what Stack and LiftColour share."""

import numpy as np

from .. import scenes
from ..task import Entry
from .carrying import Carrying

EDGE = 0.04  # m
COLOURS = {"red cube": (0.85, 0.2, 0.15, 1), "blue cube": (0.2, 0.42, 0.78, 1)}


class Cubes(Carrying):
    """Both cubes are there, and seen, whichever an episode is about."""

    things = (
        Entry("red cube, seen from the fingertips", 3, "m", 0.5),
        Entry("red cube, velocity", 3, "m/s", 1.0),
        Entry("blue cube, seen from the fingertips", 3, "m", 0.5),
        Entry("blue cube, velocity", 3, "m/s", 1.0),
        Entry("blue cube, seen from the red one", 3, "m", 0.5),
    )
    cargo = {name: (EDGE / 2, EDGE / 2) for name in COLOURS}

    def furnish(self, scene):
        for name, rgba in COLOURS.items():
            scenes.cube(scene, f"{name}/{name}", EDGE / 2, rgba=rgba)

    def reset(self, ids, draw):
        """The cubes lie 12 to 20 cm apart, in any direction."""
        self.arm.place(ids, draw.uniform([-0.1, -0.1, -0.1], [0.1, 0.1, 0.05]))
        middle, (angle, half) = draw.uniform([-0.1] * 2, [0.1] * 2), draw.uniform([0, 0.06], [2 * np.pi, 0.1]).T
        offset = half[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        for pose, sign in zip(self.pose.values(), (1, -1), strict=True):
            pose[ids, :2] = middle + sign * offset

    def see(self, agent):
        red, blue = (self.thing(name) for name in COLOURS)
        velocity = self.velocity.values()
        to_red, to_blue = zip((red - self.arm.grip, blue - self.arm.grip), velocity, strict=True)
        return (*to_red, *to_blue, blue - red)

    def describe(self, env, agent):
        red, blue = (self.thing(name)[env] for name in COLOURS)
        apart = 100 * np.hypot(*(red - blue)[:2])
        return " ".join(self.says(env, name) for name in COLOURS) + f" From above they are {apart:.0f} cm apart."

    def feasible(self, env, agent):
        """The goals; to grasp what is not held, and to lift what is."""
        return [*self.goals, *self.handling(env)]
