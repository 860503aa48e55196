"""Handover: one arm passes a baton to the other across a pit that neither can reach over alone."""

import numpy as np

from .. import scenes
from ..arms import ARMS
from ..rewards import approach, dist, near
from ..task import Entry
from ..world import MujocoWorld
from . import team_skills as skills
from .holding import OTHER, above, around, grasping
from .workbench import Workbench, lost

MEET = np.array([0, 0, 0.16])  # where the baton changes hands, m


class Handover(Workbench):
    """Success: the baton lies on the right table, its middle within 4 cm of the disc's.

    It starts on the left table; the left arm holds one half of it, the right arm the other. What an arm sees is along
    its own axes, the other arm ahead along its x.
    """

    things = (
        Entry("own half of the baton, seen from the fingertips", 3, "m", 0.8),
        Entry("the baton, seen from the middle over the pit, 16 cm above the tables", 3, "m", 0.6),
        Entry("the baton, velocity", 3, "m/s", 1.0),
        Entry("the baton's axis, from the left arm's half to the right arm's", 3, "1", 1.0),
        Entry("the disc, seen from the baton", 3, "m", 0.9),
        Entry("the other half of the baton, seen from the other arm's fingertips", 3, "m", 0.8),
        Entry("opening of the other arm's fingers", 2, "m", 0.05),
    )
    goals = (skills.deliver(),)
    skills = (skills.take_baton, skills.hand_over, skills.deliver)
    horizon = 120
    camera = "pit"
    radius = 0.018  # of the baton, m
    overlap = 0.03  # how far each arm's range goes beyond the middle of the pit, m

    @property
    def stands(self):
        away = ARMS[self.body].reach - self.overlap if self.body in ARMS else 0
        return {"left": (-away, 0, 0), "right": (away, 0, 180)}

    def scene(self):
        scene = super().scene()
        for name in ("top", "slab"):
            scene.delete(scene.geom(name))
        scene.geom("table").pos[2] = scene.geom("floor").pos[2]
        return scene

    def furnish(self, scene):
        scenes.put(scene, "pit", "pit")
        scenes.put(scene, "baton", "baton")
        scenes.mark(scene, radius=0.04, height=0.002)
        spot, target = (0.3, -1.15, 0.6), (0, 0, 0.06)
        scene.worldbody.add_camera(name="pit", pos=spot, xyaxes=scenes.look(spot, target), fovy=38)

    def bind(self, sims):
        super().bind(sims)
        self.half = {side: sims.site(f"baton/{side}").xpos for side in self.arms}
        body = sims.body("baton/baton")
        self.baton, self.axis = body.xpos, body.xmat[:, 1::3]
        self.pose, self.velocity = sims.joint("baton/baton").qpos, sims.joint("baton/baton").qvel[:, :3]
        self.mark = sims.bind("mocap_pos")[:, sims.model.body("mark").mocapid[0]]

    def reset(self, ids, draw):
        for arm in self.arms.values():
            arm.place(ids, draw.uniform([-0.08, -0.1, -0.05], [0.08, 0.1, 0.05]))
        self.pose[ids, :2] = draw.uniform([-0.36, -0.08], [-0.22, 0.08])
        turn = draw.uniform(-0.15, 0.15)
        self.pose[ids, 3], self.pose[ids, 6] = np.cos(turn / 2), np.sin(turn / 2)
        self.mark[ids, :2] = draw.uniform([0.22, -0.08], [0.36, 0.08])
        self.mark[ids, 2] = 0.001

    def holds(self, side):
        """(n,) bool: the arm's fingers are closed around its half of the baton."""
        near, shut = around(self.arms[side], self.half[side], closed=0.034 - self.radius)
        return near & shut & (self.arms[side].closing > 0)

    def raised(self):
        """(n,) how far the baton's middle is above where it rests on a table, m."""
        return self.baton[:, 2] - self.radius

    def taken(self):
        """(n,) in [0, 1]: an arm holds the baton, and it is raised by 3 cm."""
        return (self.holds("left") | self.holds("right")) * np.clip(self.raised() / 0.03, 0, 1)

    def left_over(self):
        """(n,) how far the baton's middle is from the disc's, along the table, m."""
        return dist(self.baton[:, :2], self.mark[:, :2])

    def see(self, agent):
        own, other = self.arms[agent], self.arms[OTHER[agent]]
        return (
            own.own(self.half[agent] - own.grip),
            own.own(self.baton - MEET),
            own.own(self.velocity),
            own.own(self.axis),
            own.own(self.mark - self.baton),
            own.own(self.half[other.name] - other.grip),
            other.fingers,
        )

    def reward(self):
        """For both: 0.05 for the left arm holding the baton, 0.15 for raising it, 0.1 for bringing it over the pit's
        middle; 0.05 for the right arm coming, 0.15 for its holding it, 0.1 for the left one letting go then, 0.15 for
        the way to the disc; 0.25 for the baton lying on it, held or not."""
        (reach, first), (come, second) = (grasping(arm, self.half[side]) for side, arm in self.arms.items())
        high = first * np.clip(self.raised() / 0.08, 0, 1)
        met = high * approach(dist(self.baton, MEET), 0.5, 0.1)
        there = approach(self.left_over(), 0.5, 0.08)
        lies = near(self.left_over(), margin=0.08) * near(self.raised(), margin=0.06)
        paid = 0.05 * np.maximum(0.5 * reach + 0.5 * first, second) + 0.15 * np.maximum(high, second)
        paid += 0.1 * np.maximum(met, second) + second * (0.15 + 0.1 * (1 - first) + 0.15 * there)
        paid = 0.05 * come + np.maximum(paid, 0.7 * lies) + 0.25 * lies
        return {side: paid.copy() for side in self.arms}

    def success(self):
        return (self.left_over() < 0.04) & (self.raised() < 0.015)

    def failure(self):
        """The baton has fallen into the pit or off the tables."""
        return lost(self.baton, x=0.52, y=0.32)

    def scripted(self):
        """The left arm brings the baton over the pit; the right arm takes it there and, let have it, lays it down."""
        left, right = self.arms.values()
        held, taken = self.holds("left"), self.holds("right")
        return {
            "left": self._give(left, held, taken),
            "right": self._receive(right, taken, (left.fingers[:, 0] < 0.01) & taken),
        }

    def _give(self, arm, held, taken):
        near, _ = around(arm, self.half["left"], closed=0)
        target = above(arm, self.half["left"], 0.1)
        way = MEET - self.baton
        way[self.raised() < 0.06, :2] = 0
        target[held] = (arm.grip + way)[held]
        target[taken] = arm.grip[taken] + [-0.1, 0, 0.1]
        waits = self.baton[:, 0] > 0.06
        target[waits] = arm.grip[waits]
        return arm.go(target, np.where(near & ~taken & ~waits, 1.0, -1.0), gain=20)

    def _receive(self, arm, taken, alone):
        near, _ = around(arm, self.half["right"], closed=0)
        come = dist(self.baton, MEET) < 0.03
        target = above(arm, self.half["right"], MEET[2] + 0.1)
        target[~come] = MEET + np.array([0.1, 0.055, 0.1])
        target[taken] = arm.grip[taken]
        way = self.mark - self.baton
        way[:, 2] = np.where(self.left_over() < 0.03, self.radius, MEET[2]) - self.baton[:, 2]
        target[alone] = (arm.grip + way)[alone]
        return arm.go(target, np.where(near & (come | taken), 1.0, -1.0), gain=20)

    def describe(self, env, agent):
        gap = 100 * dist(self.half[agent], self.arms[agent].grip)[env]
        held = "between your fingers" if gap < 2 else f"{gap:.0f} cm from your fingertips"
        return (
            f"Your half of the baton is {held}; the baton is {100 * max(self.raised()[env], 0):.0f} cm high, "
            f"{100 * dist(self.baton, MEET)[env]:.0f} cm from the middle over the pit "
            f"and {100 * self.left_over()[env]:.0f} cm from the green disc."
        )


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Handover(**settings), num_envs, nthread)
