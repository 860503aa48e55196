"""OpenFridge: pull the fridge's door open by its handle."""

import numpy as np

from ..task import Entry
from ..world import MujocoWorld
from . import skills
from .opening import Opening


class OpenFridge(Opening):
    """Success: the door is open by more than 75 degrees, wide enough for a hand to reach in from above."""

    things = (
        Entry("handle of the door, seen from the fingertips", 3, "m", 0.6),
        Entry("hinge of the door, seen from its handle", 2, "m", 0.5),
        Entry("angle of the door, from shut to open", 1, "rad", 2.0),
        Entry("angular velocity of the door", 1, "rad/s", 5.0),
    )
    part = "fridge"
    doors = {"fridge": ("door", float(np.radians(75)))}
    skills = (
        skills.only(skills.reach_thing, thing=("fridge handle",)),
        skills.only(skills.grasp, thing=("fridge handle",)),
        skills.only(skills.open_up, thing=("fridge",)),
    )
    goals = (skills[-1](thing="fridge"),)
    horizon = 80
    clear = 0.25

    def reset(self, ids, draw):
        self.arm.place(ids, draw.uniform([-0.1, -0.2, -0.05], [0.15, -0.1, 0.08]))
        self.stand[ids] = draw.uniform([-0.04, 0.05, 0], [0.04, 0.1, 0])

    def see(self, agent):
        return self.leaf("fridge")

    def reward(self):
        """0.15 for coming to the handle, 0.15 for squeezing it, 0.6 for opening by 75 degrees; 1 once it is."""
        return {"arm": self.pulled("fridge")}

    def scripted(self):
        return {"arm": self.pull("fridge")}

    def describe(self, env, agent):
        return self.tells(env, "fridge")

    def feasible(self, env, agent):
        return [*self.goals, *self.skills[1].instructions()]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(OpenFridge(**settings), num_envs, nthread)
