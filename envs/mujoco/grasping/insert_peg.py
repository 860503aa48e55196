"""InsertPeg: take a peg out of its rack and put it into the socket that is asked for."""

import numpy as np

from .. import scenes
from ..rewards import closer, dist, near
from ..task import Entry
from ..world import MujocoWorld
from . import team_skills as skills
from .holding import above, around, grasping
from .workbench import Workbench, lost

COLOURS = {"red": (0.84, 0.24, 0.20, 1), "blue": (0.20, 0.42, 0.78, 1)}
WALLS = {"east": (1, 0), "west": (-1, 0), "north": (0, 1), "south": (0, -1)}


class InsertPeg(Workbench):
    """Success: the peg's tip is less than 1 cm above the bottom of the right socket.

    The peg is 12 cm long and 3.6 cm thick, the sockets are square holes 3.6 cm deep; what an episode is about, the red
    socket or the blue one, only the instruction says.
    """

    things = (
        Entry("where the peg is best held, seen from the fingertips", 3, "m", 0.5),
        Entry("the peg's axis, upwards", 3, "1", 1.0),
        Entry("the peg, velocity", 3, "m/s", 1.0),
        Entry("the bottom of the red socket, seen from the peg's tip", 3, "m", 0.5),
        Entry("the bottom of the blue socket, seen from the peg's tip", 3, "m", 0.5),
    )
    goals = tuple(skills.insert(socket=colour) for colour in skills.SOCKETS)
    skills = (skills.take_peg, skills.insert)
    horizon = 70
    radius = 0.018  # of the peg, m
    clearance = 0.006  # between the peg and each wall of a socket, m
    depth = 0.036  # of a socket, m

    def furnish(self, scene):
        for name, rgba in {"rack": (0.62, 0.64, 0.68, 1), **COLOURS}.items():
            scenes.put(scene, "socket", name)
            for wall, side in WALLS.items():
                geom = scene.geom(f"{name}/{wall}")
                geom.pos[:2] = np.multiply(side, self.radius + self.clearance + 0.008)
                geom.rgba = rgba
        scenes.put(scene, "peg", "peg")

    def bind(self, sims):
        super().bind(sims)
        mocap = sims.bind("mocap_pos")
        self.socket = {name: mocap[:, sims.model.body(f"{name}/socket").mocapid[0]] for name in ("rack", *COLOURS)}
        self.tip, self.hold = (sims.site(f"peg/{name}").xpos for name in ("tip", "hold"))
        self.axis = sims.body("peg/peg").xmat[:, 2::3]
        self.peg, self.peg_velocity = sims.joint("peg/peg").qpos, sims.joint("peg/peg").qvel[:, :3]

    def reset(self, ids, draw):
        self.arms["arm"].place(ids, draw.uniform([-0.12, -0.12, -0.06], [0.12, 0.12, 0.06]))
        self.socket["rack"][ids, :2] = draw.uniform([-0.18, -0.1], [-0.08, 0.1])
        self.peg[ids, :2] = self.socket["rack"][ids, :2]
        side = np.where(draw.random() < 0.5, 1, -1)
        for colour, sign in zip(COLOURS, (side, -side), strict=True):
            self.socket[colour][ids, :2] = draw.uniform([0.06, 0.07], [0.18, 0.15])
            self.socket[colour][ids, 1] *= sign

    def inserted(self, colour):
        """(n,) bool: the peg stands in this socket."""
        return (self.aside(colour) < self.radius + self.clearance) & (self.tip[:, 2] < 0.01)

    def taken(self):
        """(n,) in [0, 1]: the fingers are closed around the peg, and it is raised by 3 cm."""
        near, shut = around(self.arms["arm"], self.hold, closed=0.036 - self.radius)
        return near * shut * np.clip(self.tip[:, 2] / 0.03, 0, 1)

    def aside(self, colour):
        """(n,) how far the peg's tip is from over the middle of this socket, m."""
        return dist(self.tip[:, :2], self.socket[colour][:, :2])

    def short_of(self, colour):
        """(n,) how far the peg's tip is from the bottom of this socket, m."""
        return dist(self.tip, self.socket[colour])

    def see(self, agent):
        gap = (self.socket[colour] - self.tip for colour in COLOURS)
        return (self.hold - self.arms[agent].grip, self.axis, self.peg_velocity, *gap)

    def aimed(self, values):
        """(n, …): what belongs to the socket that each copy's episode is about."""
        red, blue = values
        return np.where(self.aim.reshape(-1, *[1] * (red.ndim - 1)) == 0, red, blue)

    def reward(self):
        """0.1 for coming to the peg, 0.1 for squeezing it, 0.15 for raising it, 0.35 over the socket, 0.3 deep in."""
        reach, held = grasping(self.arms["arm"], self.hold)
        aside = self.aimed([self.aside(colour) for colour in COLOURS])
        over = aside < self.radius + self.clearance
        up = np.where(over, 1, held * np.clip(self.tip[:, 2] / (self.depth + 0.01), 0, 1))
        deep = over * np.clip(1 - self.tip[:, 2] / (self.depth + 0.02), 0, 1)
        there = 0.15 * closer(aside, 0.4) + 0.2 * near(aside, 0.03)
        return {"arm": 0.1 * reach + 0.1 * held + up * (0.15 + there) + 0.3 * deep}

    def failure(self):
        """The peg has left the table, or lies on its side: then nobody can insert it any more."""
        return lost(self.peg[:, :3]) | (self.axis[:, 2] < 0.3)

    def scripted(self):
        """Over the peg, down, close; up, over the socket, and down into it."""
        arm = self.arms["arm"]
        near, shut = around(arm, self.hold, closed=0.036 - self.radius)
        target = above(arm, self.hold, 0.145)
        goal = self.aimed([self.socket[colour] for colour in COLOURS])
        gap = goal - self.tip
        over = dist(goal[:, :2], self.tip[:, :2]) < 0.006
        gap[~over, 2] = self.depth + 0.025 - self.tip[~over, 2]
        low = ~over & (self.tip[:, 2] < self.depth + 0.005)
        gap[low, :2] = 0
        carried = near & shut
        target[carried] = (arm.grip + gap)[carried]
        return {"arm": arm.go(target, np.where(near, 1.0, -1.0), gain=25)}

    def describe(self, env, agent):
        gap = 100 * dist(self.hold, self.arms[agent].grip)[env]
        held = "between the fingers" if gap < 2 else f"{gap:.0f} cm from the fingertips"
        seen = f"The peg is {held}, its tip {100 * max(self.tip[env, 2], 0):.0f} cm above the table."
        for colour in COLOURS:
            seen += f" The {colour} socket is {100 * self.aside(colour)[env]:.0f} cm aside of the tip."
        return seen

    def feasible(self, env, agent):
        return [*self.goals, skills.take_peg()]


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(InsertPeg(**settings), num_envs, nthread)
