"""CarryTray: two arms carry a tray to a mark in the air, level enough that the ball on it stays there."""

import numpy as np

from .. import scenes
from ..rewards import approach, closer, dist
from ..task import Entry
from ..world import MujocoWorld
from . import team_skills as skills
from .holding import OTHER, above, around, grasping
from .workbench import Workbench, lost


class CarryTray(Workbench):
    """Success: the tray's middle is within 3 cm of the mark, tilted by less than 8 degrees, the ball on it.

    What an arm sees is along its own axes, the other arm ahead along its x: one policy serves both.
    """

    things = (
        Entry("own post of the tray, seen from the fingertips", 3, "m", 0.6),
        Entry("other post, seen from the own post", 3, "m", 0.5),
        Entry("other fingertips, seen from their post", 3, "m", 0.6),
        Entry("opening of the other arm's fingers", 2, "m", 0.05),
        Entry("the mark, seen from the tray's middle", 3, "m", 0.5),
        Entry("the tray, velocity of its middle", 3, "m/s", 1.0),
        Entry("the tray's normal, upwards", 3, "1", 1.0),
        Entry("the ball, seen from the tray's middle", 3, "m", 0.3),
        Entry("the ball, velocity", 3, "m/s", 1.0),
    )
    goals = (skills.carry_level(),)
    skills = (skills.hold_tray, skills.lift_level, skills.carry_level)
    horizon = 80
    camera = "pair"
    half = 0.18  # from the middle of the tray to a post, m
    rest = 0.01  # height of the tray's frame when it lies on the table, m
    level = 8.0  # tilt that still is level, degrees
    close = 0.03  # a tray this near the mark has arrived, m

    @property
    def stands(self):
        return {"left": (-self.half, 0, 0), "right": (self.half, 0, 180)}

    def furnish(self, scene):
        scenes.put(scene, "platter", "tray")
        scenes.mark(scene, radius=0.05, height=0.003)

    def bind(self, sims):
        super().bind(sims)
        self.post = {side: sims.site(f"tray/{side}").xpos for side in self.arms}
        tray = sims.body("tray/platter")
        self.tray, self.normal = tray.xpos, tray.xmat[:, 2::3]
        self.ball = sims.body("tray/ball").xpos
        self.pose, self.velocity = sims.joint("tray/platter").qpos, sims.joint("tray/platter").qvel[:, :3]
        self.ball_pose, self.ball_velocity = sims.joint("tray/ball").qpos, sims.joint("tray/ball").qvel[:, :3]
        self.mark = sims.bind("mocap_pos")[:, sims.model.body("mark").mocapid[0]]

    def reset(self, ids, draw):
        for arm in self.arms.values():
            arm.place(ids, draw.uniform([-0.08, -0.1, -0.06], [0.08, 0.1, 0.04]))
        self.pose[ids, :2] = draw.uniform([-0.05, -0.05], [0.05, 0.05])
        turn = draw.uniform(-0.15, 0.15)
        self.pose[ids, 3], self.pose[ids, 6] = np.cos(turn / 2), np.sin(turn / 2)
        self.ball_pose[ids, :2] = self.pose[ids, :2] + draw.uniform([-0.04, -0.03], [0.04, 0.03])
        self.mark[ids] = draw.uniform([-0.12, -0.12, 0.12], [0.12, 0.12, 0.18])

    def raised(self):
        """(n,) how far the lower end of the tray is above its rest on the table, m."""
        ends = [self.post[side][:, 2] for side in self.arms]
        return np.minimum(*ends) - self.rest - 0.04

    def held(self):
        """(n,) bool: the fingers of both arms are closed around their posts."""
        return np.logical_and(*(near & shut for near, shut in (self._around(side) for side in self.arms)))

    def apart(self):
        """(n,) the worse of the two distances from a hand to its post, m."""
        return np.maximum(*(dist(arm.grip, self.post[side]) for side, arm in self.arms.items()))

    def is_level(self):
        """(n,) bool: the tray is tilted by less than `level`."""
        return self.normal[:, 2] > np.cos(np.radians(self.level))

    def to_go(self):
        """(n,) how far the tray's middle is from the mark, m."""
        return dist(self.tray, self.mark)

    def see(self, agent):
        own, other = self.arms[agent], self.arms[OTHER[agent]]
        return (
            own.own(self.post[agent] - own.grip),
            own.own(self.post[other.name] - self.post[agent]),
            own.own(other.grip - self.post[other.name]),
            other.fingers,
            own.own(self.mark - self.tray),
            own.own(self.velocity),
            own.own(self.normal),
            own.own(self.ball - self.tray),
            own.own(self.ball_velocity),
        )

    def reward(self):
        """0.15 for coming to the own post, 0.15 for squeezing it, 0.3 for the lower end rising to 10 cm, 0.4 for the
        raised tray coming to the mark; the last two as far as it is level."""
        level = closer(1 - self.normal[:, 2], 1 - np.cos(np.radians(20)))
        up = level * np.clip(self.raised() / 0.1, 0, 1)
        shared = up * (0.3 + 0.4 * approach(self.to_go(), 0.3, 0.06))
        own = {side: grasping(arm, self.post[side]) for side, arm in self.arms.items()}
        return {side: 0.15 * reach + 0.15 * held + shared for side, (reach, held) in own.items()}

    def success(self):
        return (self.to_go() < self.close) & self.is_level()

    def failure(self):
        """The ball has left the tray (2 cm above its middle is too low, 15 cm aside too far), or the tray the table."""
        off = self.ball - self.tray
        height = off[:, 0] * self.normal[:, 0] + off[:, 1] * self.normal[:, 1] + off[:, 2] * self.normal[:, 2]
        return (height < 0.02) | (dist(off, np.zeros(3)) > 0.15) | lost(self.tray, x=0.4, y=0.4)

    def scripted(self):
        """Both over their posts, down, close; then the same way for both, the lower end a little faster."""
        together = self.held()
        way = (self.mark - self.tray) * [8, 8, 20]  # z bears the weight
        way /= np.maximum(dist(way, np.zeros(3)) / 0.5, 1)[:, None]  # gently: what is jerked rolls
        return {side: self._arm(side, together, way) for side in self.arms}

    def _around(self, side):
        return around(self.arms[side], self.post[side], closed=0.016)

    def _arm(self, side, together, way):
        arm = self.arms[side]
        near, _ = self._around(side)
        target = above(arm, self.post[side], 0.12)
        higher = self.post[side][:, 2] - self.post[OTHER[side]][:, 2]
        step = way / 20
        step[:, 2] -= higher / 2
        target[together] = (arm.grip + step)[together]
        return arm.go(target, np.where(near, 1.0, -1.0), gain=20)

    def describe(self, env, agent):
        gap, other = (100 * dist(self.post[s], self.arms[s].grip)[env] for s in (agent, OTHER[agent]))
        tilt = np.degrees(np.arccos(min(float(self.normal[env, 2]), 1)))
        return (
            f"Your post of the tray is {gap:.0f} cm from your fingertips, the other {other:.0f} cm from the other's. "
            f"The tray's lower end is raised {100 * max(self.raised()[env], 0):.0f} cm, tilted by {tilt:.0f} degrees, "
            f"and {100 * self.to_go()[env]:.0f} cm from the mark. "
            f"The ball lies {100 * dist(self.ball[:, :2], self.tray[:, :2])[env]:.0f} cm from the tray's middle."
        )


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(CarryTray(**settings), num_envs, nthread)
