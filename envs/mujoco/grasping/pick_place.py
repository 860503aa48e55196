"""PickPlace: put the apple in the basket or on the tray, as the sentence says."""

import numpy as np

from ..task import Entry
from ..world import MujocoWorld
from . import skills
from .carrying import Carrying

PLACE = skills.place


class PickPlace(Carrying):
    """Success: the apple lies still in the right place, and the fingers have let go of it.

    With pot=1 an episode may also be about the pot, which else only stands by.
    """

    things = (
        Entry("apple, seen from the fingertips", 3, "m", 0.6),
        Entry("apple, velocity", 3, "m/s", 1.0),
        Entry("pot's knob, seen from the fingertips", 3, "m", 0.6),
        Entry("pot, velocity", 3, "m/s", 1.0),
        Entry("basket, seen from the apple", 3, "m", 0.6),
        Entry("tray, seen from the apple", 3, "m", 0.6),
    )
    cargo = {"apple": (0.028, 0.028), "pot": (0.072, 0.012)}
    places = ("in the basket", "on the tray")
    goals = tuple(PLACE(thing="apple", where=where) for where in places)
    skills = (*skills.handling("apple", "pot"), PLACE)
    horizon = 45
    substeps = 10
    pot = 0  # 1: an episode may be about the pot, too

    def __init__(self, **settings):
        if settings.get("pot"):
            self.goals = tuple(PLACE.instructions())
        super().__init__(**settings)
        self.moves = [(dict(goal.arguments)["thing"], dict(goal.arguments)["where"]) for goal in self.goals]

    def reset(self, ids, draw):
        """Places stand behind, things in front; which of two is on the left is drawn."""
        self.arm.place(ids, draw.uniform([-0.1, -0.1, -0.1], [0.1, 0.1, 0.05]))
        basket, tray = (self.goal[where] for where in self.places)
        for (one, other), (x, y), off in (
            ((basket, tray), (0.17, 0.12), (0.03, 0.03)),
            ((self.pose["apple"], self.pose["pot"]), (0.1, -0.1), (0.04, 0.06)),
        ):
            side = np.where(draw.random() < 0.5, 1, -1)
            for place, sign in ((one, side), (other, -side)):
                place[ids, :2] = draw.uniform(np.negative(off), off) + np.array([0, y])
                place[ids, 0] += sign * x

    def see(self, agent):
        apple, pot = self.thing("apple"), self.thing("pot")
        seen = (apple - self.arm.grip, self.velocity["apple"], pot - self.arm.grip, self.velocity["pot"])
        return (*seen, *(self.goal[where] - apple for where in self.places))

    def reward(self):
        """Carrying.carried: stages of coming, squeezing, raising, bringing over the place and letting go there."""
        return {"arm": self.aimed([self.carried(*move) for move in self.moves])}

    def scripted(self):
        return {"arm": self.aimed([self.carry(*move) for move in self.moves])}

    def describe(self, env, agent):
        return " ".join(self.says(env, name) for name in self.cargo)

    def feasible(self, env, agent):
        return [*self.goals, *self.handling(env)]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(PickPlace(**settings), num_envs, nthread)
