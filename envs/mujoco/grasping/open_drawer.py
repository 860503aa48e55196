"""OpenDrawer: pull out the upper or the lower drawer, as the sentence says."""

import numpy as np

from ..task import Entry
from ..world import MujocoWorld
from . import skills
from .opening import Opening

HANDLES = ("upper handle", "lower handle")


class OpenDrawer(Opening):
    """Success: the right drawer is pulled out by more than 10 cm, and the other by less than 3 cm."""

    things = (
        Entry("handle of the upper drawer, seen from the fingertips", 3, "m", 0.6),
        Entry("handle of the lower drawer, seen from the fingertips", 3, "m", 0.6),
        Entry("how far the upper and the lower drawer are pulled out", 2, "m", 0.2),
        Entry("velocity of the upper and the lower drawer", 2, "m/s", 1.0),
    )
    part = "cabinet"
    doors = {"upper drawer": ("upper", 0.1), "lower drawer": ("lower", 0.1)}
    skills = (
        skills.only(skills.reach_thing, thing=HANDLES),
        skills.only(skills.grasp, thing=HANDLES),
        skills.only(skills.open_up, thing=tuple(doors)),
    )
    goals = tuple(skills[-1].instructions())
    horizon = 70

    def reset(self, ids, draw):
        self.arm.place(ids, draw.uniform([-0.1, -0.2, -0.1], [0.1, -0.1, 0.05]))
        self.stand[ids] = draw.uniform([-0.08, 0.06, 0], [0.08, 0.12, 0])

    def see(self, agent):
        upper, lower = self.handle.values()
        moved, speed = (np.column_stack([*values.values()]) for values in (self.moved, self.speed))
        return upper - self.arm.grip, lower - self.arm.grip, moved, speed

    def reward(self):
        """0.15 for coming to the right handle, 0.15 for squeezing it, 0.6 for pulling it out by 10 cm, 1 once it is;
        all this times 0.5 where the other drawer is pulled out as well."""
        return {"arm": self.aimed([self.pulled(name) for name in self.doors])}

    def scripted(self):
        return {"arm": self.aimed([self.pull(name) for name in self.doors])}

    def describe(self, env, agent):
        return " ".join(self.tells(env, name) for name in self.doors)

    def feasible(self, env, agent):
        return [*self.goals, *self.skills[1].instructions()]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(OpenDrawer(**settings), num_envs, nthread)
