"""FetchFromFridge: open the fridge, take the apple out and put it in the basket."""

import numpy as np

from ..rewards import closer
from ..task import Entry
from ..world import MujocoWorld
from . import skills
from .opening import Opening

SHELF = 0.127  # height of the fridge's floor, m
WIDE = float(np.radians(82))  # how far the script opens the door


class FetchFromFridge(Opening):
    """Success: the apple lies still in the basket, and the fingers have let go of it.

    The lid of the door covers the apple: no hand gets at it before the door is open.
    """

    things = (
        Entry("handle of the door, seen from the fingertips", 3, "m", 0.6),
        Entry("hinge of the door, seen from its handle", 2, "m", 0.5),
        Entry("angle of the door, from shut to open", 1, "rad", 2.0),
        Entry("angular velocity of the door", 1, "rad/s", 5.0),
        Entry("apple, seen from the fingertips", 3, "m", 0.6),
        Entry("apple, velocity", 3, "m/s", 1.0),
        Entry("basket, seen from the apple", 3, "m", 0.6),
    )
    part = "fridge"
    doors = {"fridge": ("door", float(np.radians(75)))}
    cargo = {"apple": (0.028, 0.028)}
    places = ("in the basket",)
    goals = (skills.fetch(),)
    skills = (
        skills.only(skills.reach_thing, thing=("fridge handle", "apple")),
        skills.only(skills.grasp, thing=("fridge handle", "apple")),
        skills.only(skills.open_up, thing=("fridge",)),
        skills.only(skills.place, thing=("apple",), where=places),
        skills.fetch,
    )
    horizon = 150
    clear = 0.26

    def failure(self):
        """The apple has left the table."""
        return super().failure()

    def reset(self, ids, draw):
        self.arm.place(ids, draw.uniform([-0.1, -0.2, -0.05], [0.15, -0.1, 0.08]))
        self.stand[ids] = draw.uniform([-0.05, 0.05, 0], [-0.02, 0.08, 0])
        self.goal["in the basket"][ids] = draw.uniform([0.16, -0.15, 0], [0.2, -0.06, 0])
        self.pose["apple"][ids, :3] = self.stand[ids] + draw.uniform([-0.02, 0.05, SHELF], [0.02, 0.06, SHELF])
        self.pose["apple"][ids, 2] += self.rest("apple")

    def see(self, agent):
        apple = self.thing("apple")
        return (*self.leaf("fridge"), apple - self.arm.grip, self.velocity["apple"], self.goal["in the basket"] - apple)

    def fetched(self) -> np.ndarray:
        """(n,) in [0, 1]: how far it is, half by the door, half by the apple's way to the basket."""
        return self.opened("fridge") * (0.5 + 0.5 * closer(self.aside("apple", "in the basket"), 0.5))

    def reward(self):
        """0.2 for opening, as in OpenFridge; once the door is open, 0.8 for carrying the apple to the basket, as in
        PickPlace, where to raise it means by 9 cm from its shelf."""
        carried = self.carried("apple", "in the basket", low=SHELF, high=SHELF + 0.09)
        return {"arm": 0.2 * self.pulled("fridge") + 0.8 * self.is_open("fridge") * carried}

    def scripted(self):
        """Open the door wide, let go, up, and then carry the apple over the fridge's walls to the basket."""
        action = self.carry("apple", "in the basket", height=0.23)
        grip = self.arm.grip
        far = np.abs(grip - self.thing("apple"))[:, :2].max(axis=1) > 0.03
        rise = far & (grip[:, 2] < self.clear - 0.03) & ~self.inside("apple", "in the basket")
        up = self.arm.go(grip + np.array([0, 0, 0.1]), -1.0)
        action[rise] = up[rise]
        shut = ~self.is_open("fridge") | ((self.moved["fridge"] < WIDE) & self.grasped("fridge handle"))
        pull = self.pull("fridge")
        action[shut] = pull[shut]
        return {"arm": action}

    def describe(self, env, agent):
        shelved = np.abs(self.thing("apple") - self.stand)[env] < (0.1, 0.11, 0.2)
        inside = " It is in the fridge." if shelved.all() else ""
        return f"{self.tells(env, 'fridge')} {self.says(env, 'apple')}{inside}"

    def feasible(self, env, agent):
        """The goal, and the next step towards it: the handle, the door, the apple, the basket."""
        _, grasp, open_up, place, fetch = self.skills
        if self.is_open("fridge")[env]:
            held = self.grasped("apple")[env]
            step = place(thing="apple", where="in the basket") if held else grasp(thing="apple")
        else:
            held = self.grasped("fridge handle")[env]
            step = open_up(thing="fridge") if held else grasp(thing="fridge handle")
        return [fetch(), step]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(FetchFromFridge(**settings), num_envs, nthread)
