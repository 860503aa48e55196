"""One arm, one cube, one mark: what the single-arm tasks share, so that they differ by their goal alone."""

from __future__ import annotations

import numpy as np

from .. import scenes
from ..rewards import approach, dist, near
from ..task import Entry
from . import skills
from .workbench import Workbench, lost


class Tabletop(Workbench):
    """The hand moves in x, y and z and opens and closes."""

    things = (
        Entry("cube, seen from the fingertips", 3, "m", 0.5),
        Entry("cube, velocity", 3, "m/s", 1.0),
        Entry("mark, seen from the fingertips (zeros where there is none)", 3, "m", 0.5),
        Entry("mark, seen from the cube (zeros where there is none)", 3, "m", 0.5),
    )
    skills = (skills.reach, skills.push, skills.lift)
    edge = 0.04  # of the cube, m
    spread = 0.12  # how far from the middle things start, m
    marked = True  # there is a mark
    flat = False  # it is a disc on the table

    def furnish(self, scene):
        scenes.cube(scene, half=self.edge / 2)
        scenes.mark(scene, radius=0.03 if self.flat else 0.02, height=0.002 if self.flat else 0)

    def bind(self, sims):
        super().bind(sims)
        self.arm = self.arms["arm"]
        self.grip, self.fingers = self.arm.grip, self.arm.fingers
        self.cube = sims.body("cube").xpos
        self.cube_start = sims.joint("cube").qpos
        self.cube_velocity = sims.joint("cube").qvel[:, :3]
        self.mark = sims.bind("mocap_pos")[:, 0]

    def reset(self, ids, draw):
        self.arm.place(ids, draw.uniform([-0.12, -0.12, -0.12], [0.12, 0.12, 0.0]))
        self.cube_start[ids, :2] = draw.uniform([-self.spread] * 2, [self.spread] * 2)
        self.place_mark(ids, draw)

    def feasible(self, env, agent):
        return [skills.lift()] + [skills.reach()] * self.marked + [skills.push()] * self.flat

    def place_mark(self, ids, draw):
        self.mark[ids] = [0, 0, -0.2]

    def see(self, agent):
        return (
            self.cube - self.grip,
            self.cube_velocity,
            (self.mark - self.grip) * self.marked,
            (self.mark - self.cube) * self.marked,
        )

    def grasping(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) each in [0, 1]: how near the fingertips are to where the cube is best held, and how well it is held.

        That is a little above its middle: fingers that press on the table instead find it hard to rise.
        """
        gap = dist(self.grip, self.cube + np.array([0, 0, 0.01]))
        squeezed = np.clip(self.arm.closing / 0.06, 0, 1)
        return approach(gap, furthest=0.5, margin=0.1), near(gap, margin=0.03) * squeezed

    def failure(self):
        """The cube has left the table: 45 cm from the middle along x or y, or below the top."""
        return lost(self.cube)

    def describe(self, env, agent):
        gap = dist(self.cube, self.grip)[env]
        held = "between the fingers" if gap < 0.02 else f"{100 * gap:.0f} cm from the fingertips"
        high = self.cube[env, 2] - self.edge / 2
        where = f"raised {100 * high:.0f} cm" if high > 0.01 else "on the table"
        seen = f"The red cube is {where}, {held}."
        if self.marked:
            seen += f" The green mark is {100 * dist(self.mark, self.grip)[env]:.0f} cm from the fingertips"
            seen += f" and {100 * dist(self.mark, self.cube)[env]:.0f} cm from the cube."
        return seen

    def scripted(self):
        raise NotImplementedError

    def go(self, target: np.ndarray, closed: np.ndarray | float, gain: float = 12.0) -> dict[str, np.ndarray]:
        """Move the fingertips towards target (n, 3), fingers closed (1) or open (-1)."""
        return {"arm": self.arm.go(target, closed, gain)}
