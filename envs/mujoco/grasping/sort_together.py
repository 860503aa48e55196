"""SortTogether: a pusher shoves a block that no gripper moves, and a gripper lifts a cube over a wall into a bin."""

import numpy as np

from .. import scenes
from ..rewards import approach, closer, dist
from ..task import Entry
from ..world import MujocoWorld
from . import team_skills as skills
from .holding import above, around, grasping
from .workbench import Workbench, lost


class SortTogether(Workbench):
    """Success: the block's middle is within 3 cm of its zone's, and the cube lies in the bin.

    Two bodies, each with spaces of its own: the gripper, and a sled that is strong, low, and never turns.
    """

    stands = {"gripper": (0, 0, 0)}
    groups = {"gripper": ("gripper",), "pusher": ("pusher",)}
    things = (
        Entry("cube, seen from the fingertips", 3, "m", 0.5),
        Entry("cube, velocity", 3, "m/s", 1.0),
        Entry("bottom of the bin, seen from the cube", 3, "m", 0.6),
        Entry("pusher, seen from the fingertips", 2, "m", 0.8),
    )
    pusher = (
        Entry("place on the table", 2, "m", 0.5),
        Entry("velocity", 2, "m/s", 0.5),
        Entry("block, seen from the pusher", 2, "m", 0.6),
        Entry("block, velocity", 2, "m/s", 0.5),
        Entry("zone, seen from the block", 2, "m", 0.6),
        Entry("cube, seen from the pusher", 2, "m", 0.8),
        Entry("fingertips of the gripper, seen from the pusher", 3, "m", 0.8),
    )
    goals = (skills.sort(),)
    skills = (skills.push_block, skills.put_in_bin, skills.sort)
    horizon = 80
    edge = 0.04  # of the cube, m
    close = 0.03  # a block this near its zone's middle has arrived, m
    wide = 0.065  # from the bin's middle to its walls, m
    wall = 0.06  # height of the bin's walls, m

    def __init__(self, **settings):
        super().__init__(**settings)
        arm = self.arms["gripper"]
        self.agents = {"gripper": "gripper/", "pusher": "pusher/"}
        self.entries = {"gripper": (*arm.entries, *self.things), "pusher": self.pusher}
        drive = Entry("velocity along x and y, as a share of 0.3 m/s", 2, "1", 1.0)
        self.actions = {"gripper": arm.actions, "pusher": (drive,)}

    def furnish(self, scene):
        for part in ("pusher", "block", "bin"):
            scenes.put(scene, part, part)
        scenes.cube(scene, half=self.edge / 2)
        scenes.mark(scene, name="zone", radius=0.06, height=0.002)

    def bind(self, sims):
        super().bind(sims)
        self.cube, self.block, self.sled = (sims.body(name).xpos for name in ("cube", "block/block", "pusher/sled"))
        self.cube_pose, self.block_pose = sims.joint("cube").qpos, sims.joint("block/block").qpos
        self.cube_velocity = sims.joint("cube").qvel[:, :3]
        self.block_velocity = sims.joint("block/block").qvel[:, :2]
        slide = sims.model.joint("pusher/x")
        at, dof = slide.qposadr[0], slide.dofadr[0]
        self.sled_pose, self.sled_velocity = sims.bind("qpos")[:, at : at + 2], sims.bind("qvel")[:, dof : dof + 2]
        mocap = sims.bind("mocap_pos")
        self.bin, self.zone = (mocap[:, sims.model.body(name).mocapid[0]] for name in ("bin/bin", "zone"))

    def reset(self, ids, draw):
        self.arms["gripper"].place(ids, draw.uniform([-0.15, -0.12, -0.1], [0.05, 0.12, 0.02]))
        self.cube_pose[ids, :2] = draw.uniform([-0.22, -0.18], [-0.06, -0.04])
        self.bin[ids, :2] = draw.uniform([-0.2, 0.1], [-0.1, 0.16])
        self.block_pose[ids, :2] = draw.uniform([0.1, -0.08], [0.2, 0.0])
        self.sled_pose[ids] = draw.uniform([0.06, -0.3], [0.24, -0.24])
        self.zone[ids, :2] = self.block_pose[ids, :2] + draw.uniform([-0.07, 0.15], [0.07, 0.25])
        self.zone[ids, 2] = 0.001

    def act(self, actions):
        return {**super().act(actions), "pusher": actions["pusher"]}

    def to_push(self):
        """(n,) how far the block's middle is from its zone's, m."""
        return dist(self.block[:, :2], self.zone[:, :2])

    def over(self):
        """(n,) bool: the cube is between the bin's walls, at any height."""
        off = np.abs(self.cube - self.bin)
        return (off[:, 0] < self.wide) & (off[:, 1] < self.wide)

    def inside(self):
        """(n,) bool: the cube is in the bin."""
        return self.over() & (self.cube[:, 2] < self.wall - self.edge / 2)

    def observe(self):
        return {**super().observe(), "pusher": self._seen_by_pusher()}

    def see(self, agent):
        grip = self.arms[agent].grip
        return (self.cube - grip, self.cube_velocity, self.bin - self.cube, (self.sled - grip)[:, :2])

    def _seen_by_pusher(self):
        here = self.sled[:, :2]
        return (
            here,
            self.sled_velocity,
            self.block[:, :2] - here,
            self.block_velocity,
            (self.zone - self.block)[:, :2],
            self.cube[:, :2] - here,
            self.arms["gripper"].grip - self.sled,
        )

    def reward(self):
        """0.8 for the own part, 0.2 for the other's. The gripper's: 0.1 for coming to the cube, 0.1 for squeezing it,
        0.2 for raising it, 0.4 for coming over the bin, 0.2 in it; the pusher's: 0.2 for coming to the block, 0.8 for
        the block coming to its zone."""
        reach, held = grasping(self.arms["gripper"], self.cube + np.array([0, 0, 0.01]))  # fingers stay off the table
        up = np.where(self.over(), 1, held * np.clip((self.cube[:, 2] - self.edge / 2) / 0.09, 0, 1))
        aside = approach(dist(self.cube[:, :2], self.bin[:, :2]), 0.5, 0.08)
        cube = np.where(self.inside(), 1, 0.1 * reach + 0.1 * held + up * (0.2 + 0.4 * aside))
        touch = closer(np.maximum(dist(self.sled[:, :2], self.block[:, :2]) - 0.09, 0), 0.4)
        block = 0.2 * touch + 0.8 * approach(self.to_push(), 0.4, 0.08)
        return {"gripper": 0.8 * cube + 0.2 * block, "pusher": 0.8 * block + 0.2 * cube}

    def failure(self):
        """The cube or the block has left the table."""
        return lost(self.cube) | lost(self.block)

    def scripted(self):
        return {"gripper": self._lift(), "pusher": self._push()}

    def _lift(self):
        """Over the cube, down, close; up, over the bin, and let go."""
        arm = self.arms["gripper"]
        near, shut = around(arm, self.cube, closed=0.036 - self.edge / 2)
        target = above(arm, self.cube, 0.12)
        held = near & shut
        aside = dist(self.cube[:, :2], self.bin[:, :2])
        over = aside < 0.02
        way = self.bin - self.cube
        way[:, 2] = 0.13 - self.cube[:, 2]
        way[~over & (self.cube[:, 2] < 0.09), :2] = 0
        target[held] = (arm.grip + way)[held]
        there = self.over() & (over | (self.cube[:, 2] < 0.1))
        target[there] = arm.grip[there]
        return arm.go(target, np.where(near & ~there, 1.0, -1.0), gain=20)

    def _push(self):
        """Behind the block, as seen from its zone but never beside it, then along the line to the zone."""
        block, here, zone = self.block[:, :2], self.sled[:, :2], self.zone[:, :2]
        way = zone - block
        behind = block + np.column_stack([-0.1 * way[:, 0], np.full(len(way), -0.09)]) - here
        pushing = (np.abs(behind[:, 0]) < 0.03) & (behind[:, 1] < 0.03)
        move = np.where(pushing[:, None], way, behind) * 15
        move /= np.maximum(np.abs(move).max(axis=1), 1)[:, None]  # straight, though each axis has its own limit
        move[self.to_push() < 0.008] = 0
        return move

    def describe(self, env, agent):
        gap = 100 * dist(self.cube, self.arms["gripper"].grip)[env]
        held = "in the bin" if self.inside()[env] else "over the bin" if self.over()[env] else "outside the bin"
        return (
            f"You are the {agent}. The cube is {held}, {gap:.0f} cm from the gripper's fingertips. "
            f"The pusher is {100 * dist(self.sled[:, :2], self.block[:, :2])[env]:.0f} cm from the heavy block, "
            f"which has {100 * self.to_push()[env]:.0f} cm to go to the green zone."
        )

    def feasible(self, env, agent):
        own = skills.put_in_bin() if agent == "gripper" else skills.push_block()
        return [*self.goals, own]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(SortTogether(**settings), num_envs, nthread)
