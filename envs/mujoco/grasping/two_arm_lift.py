"""TwoArmLift: two arms raise a bar that is too heavy for one, and so must lift together."""

import numpy as np

from .. import scenes
from ..rewards import approach, dist, near
from ..task import Entry
from ..world import MujocoWorld
from . import skills
from .holding import OTHER
from .workbench import Workbench

TURN = {"left": np.array([1.0, 1.0, 1.0]), "right": np.array([-1.0, -1.0, 1.0])}  # the right arm faces the left one


class TwoArmLift(Workbench):
    """Success: both ends of the bar are raised by more than 8 cm.

    Each arm sees the world from its own side, the other arm ahead along its x: one policy serves both. Heights of the
    fingertips are told from 20 cm above the table, not from the arm's own middle.
    """

    things = (
        Entry("own post, seen from the fingertips", 3, "m", 0.6),
        Entry("own end of the bar, height above its rest", 1, "m", 0.5),
        Entry("other post, seen from the own post", 3, "m", 0.5),
        Entry("other fingertips, seen from their post", 3, "m", 0.6),
        Entry("opening of the other arm's fingers", 2, "m", 0.05),
        Entry("bar, velocity of its middle", 3, "m/s", 1.0),
    )
    goals = (skills.lift_together(),)
    skills = (skills.hold, skills.lift_together)
    horizon = 30
    substeps = 10
    camera = "pair"
    half = 0.18  # from the middle of the bar to a post, m
    rest = 0.05  # height of the posts' middles when the bar lies on the table, m
    mass = 1.4  # kg: 13.7 N, and a hand lifts at most 12 N

    @property
    def stands(self):
        return {"left": (-self.half, 0, 0), "right": (self.half, 0, 180)}

    def furnish(self, scene):
        scenes.bar(scene, half=self.half, mass=self.mass)

    def bind(self, sims):
        super().bind(sims)
        self.grip = {side: arm.grip for side, arm in self.arms.items()}
        self.fingers = {side: arm.fingers for side, arm in self.arms.items()}
        self.post = {side: sims.site(f"bar.{side}").xpos for side in self.agents}
        self.bar, self.bar_velocity = sims.joint("bar").qpos, sims.joint("bar").qvel[:, :3]
        self.bar_upright = sims.body("bar").xmat[:, 8]

    def reset(self, ids, draw):
        for side, arm in self.arms.items():
            arm.place(ids, draw.uniform([-0.1, -0.1, -0.12], [0.1, 0.1, 0.0]) * TURN[side])
        self.bar[ids, :2] = draw.uniform([-0.06, -0.06], [0.06, 0.06])
        turn = draw.uniform(-0.2, 0.2)
        self.bar[ids, 3], self.bar[ids, 6] = np.cos(turn / 2), np.sin(turn / 2)

    def raised(self, side):
        """(n,) how far this end of the bar is above its rest on the table, m."""
        return self.post[side][:, 2] - self.rest

    def closed(self):
        """(n,) bool: all fingers are closed on something, or all the way."""
        return np.minimum(*(self.fingers[side].min(axis=1) for side in self.agents)) > 0.015

    def observe(self):
        rows = super().observe()
        for grip, *_ in rows.values():
            grip[:, 2] -= 0.2  # fresh, and so ours to change: told from the middle of the heights too
        return rows

    def see(self, agent):
        other, turn = OTHER[agent], TURN[agent]
        return (
            (self.post[agent] - self.grip[agent]) * turn,
            self.raised(agent)[:, None],
            (self.post[other] - self.post[agent]) * turn,
            (self.grip[other] - self.post[other]) * turn,
            self.fingers[other],
            self.bar_velocity * turn,
        )

    def reward(self):
        """0.2 for coming to the own post, 0.2 for squeezing it, 0.15 for raising its end, 0.45 for both ends: in full
        at 12 cm, and less above, so that it pays to hold the bar where it is."""
        up = {side: np.clip(1 - np.abs(self.raised(side) / 0.12 - 1), 0, 1) for side in self.agents}
        both = np.minimum(up["left"], up["right"])
        return {side: self._own(side) + 0.15 * up[side] + 0.45 * both for side in self.agents}

    def _own(self, side):
        """Up to 0.4 for the arm's own part: at its post, and the fingers pressed to it."""
        gap = dist(self.grip[side], self.post[side])
        held = near(gap, margin=0.03) * np.clip(self.arms[side].closing / 0.06, 0, 1)
        return 0.2 * approach(gap, furthest=0.5, margin=0.06) + 0.2 * held

    def failure(self):
        """The bar has left the table (40 cm from the middle along x or y, or below the top) or lies on its side."""
        x, y, z = self.bar[:, :3].T
        return (np.abs(x) > 0.4) | (np.abs(y) > 0.4) | (z < -0.02) | (self.bar_upright < 0.5)

    def describe(self, env, agent):
        gap, other = (100 * dist(self.grip[s], self.post[s])[env] for s in (agent, OTHER[agent]))
        own_up, other_up = (100 * self.raised(s)[env] for s in (agent, OTHER[agent]))
        return (
            f"Your post of the bar is {gap:.0f} cm from your fingertips and raised {max(own_up, 0):.0f} cm. "
            f"The other post is {other:.0f} cm from the other fingertips and raised {max(other_up, 0):.0f} cm."
        )

    def scripted(self):
        """Both arms go over their posts, down, close, and lift once both are closed."""
        together = self._around("left") & self._around("right") & self.closed()
        return {side: self._arm(side, together) for side in self.agents}

    def _around(self, side):
        held = self.fingers[side].min(axis=1) > 0.005
        return dist(self.grip[side], self.post[side]) < np.where(held, 0.04, 0.012)

    def _arm(self, side, together):
        over = dist(self.grip[side][:, :2], self.post[side][:, :2]) < 0.012
        target = self.post[side].copy()
        target[~over, 2] = np.maximum(self.grip[side][~over, 2], 0.12)
        target[together, 2] = 0.22
        return self.arms[side].go(target, np.where(self._around(side), 1.0, -1.0))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(TwoArmLift(**settings), num_envs, nthread)
