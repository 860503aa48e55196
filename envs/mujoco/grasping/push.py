"""Push: slide the cube over the table onto a disc."""

import numpy as np

from ..rewards import approach, dist
from ..world import MujocoWorld
from . import skills
from .tabletop import Tabletop


class Push(Tabletop):
    """Success: the cube lies on the table, within 4 cm of the disc's middle."""

    goals = (skills.push(),)
    flat = True

    def place_mark(self, ids, draw):
        """8 to 18 cm from the cube in any direction, turned back where that leaves the table's middle."""
        angle, far = draw.uniform([0, 0.08], [2 * np.pi, 0.18]).T
        offset = far[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        cube = self.cube_start[ids, :2]
        offset[np.abs(cube + offset) > 0.2] *= -1
        self.mark[ids, :2] = cube + offset
        self.mark[ids, 2] = 0.001

    def reward(self):
        """0.15 for coming to the cube, 0.15 for squeezing it, 0.7 for the cube coming to the disc along the table."""
        reach, steered = self.grasping()
        arrived = approach(dist(self.cube[:, :2], self.mark[:, :2]), furthest=0.25, margin=0.08)
        low = 1 - np.clip((self.cube[:, 2] - self.edge / 2) / 0.04, 0, 1)  # carried through the air is not pushed
        return {"arm": 0.15 * reach + 0.15 * steered + 0.7 * arrived * low}

    def scripted(self):
        """Closed fingers go over to the far side of the cube, down behind it, and along the line to the disc."""
        far = dist(self.mark[:, :2], self.cube[:, :2])
        ahead = (self.mark[:, :2] - self.cube[:, :2]) / np.maximum(far, 1e-6)[:, None]
        offset = self.grip[:, :2] - self.cube[:, :2]
        along = offset[:, 0] * ahead[:, 0] + offset[:, 1] * ahead[:, 1]
        aside = offset - along[:, None] * ahead
        behind = -0.065 * ahead - offset
        pushing = (self.grip[:, 2] < 0.06) & (along < -0.02) & (np.abs(aside).max(axis=1) < 0.02)
        move = np.where(pushing[:, None], far[:, None] * ahead - 2 * aside, behind)
        move /= np.maximum(np.abs(move).max(axis=1) * 20, 1)[:, None]  # straight, though each axis has its own limit
        low = pushing | (dist(offset, -0.065 * ahead) < 0.03)
        move = np.column_stack([move, np.where(low, 0.03, 0.1) - self.grip[:, 2]])
        move[far < 0.025] = 0
        return self.go(self.grip + move, closed=1, gain=20)


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Push(**settings), num_envs, nthread)
