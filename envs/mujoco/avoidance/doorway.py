"""Doorway: two rovers pass a gate that a drone holds open for them, then the drone flies through the window above."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import scenes
from ..rewards import approach
from ..task import Entry, Task
from ..world import MujocoWorld
from . import air_skills as skills
from .arena import COLOURS
from .drone import Drone, norm
from .geometry import length

TALL = 0.16  # of the doorway, and how far the gate rises, m
WINDOW = np.array([0, 0, 0.5])[:, None]  # its middle
FACING = np.array([1, -1])  # what is red's lies on one side, what is blue's on the other
RADIUS = np.array([Drone.radius, 0.05, 0.05])[:, None]  # of the upright cylinders that stand for the three, m
HALF = np.array([0.03, 0.0375, 0.0375])[:, None]  # half their height, m
ONE, OTHER = np.triu_indices(3, 1)  # every pair once


class Doorway(Task):
    """Success: rovers and drone are within 6 cm of their goals beyond the wall, and nobody has touched anything.

    The gate is up only while the drone is within 12 cm of the switch, and the doorway lets one rover through at a time.
    What everybody sees is in the arena's frame; control="thrust" lets the drone's agent decide on its four motors.
    """

    agents = {"drone": "drone/", "red": "red/", "blue": "blue/"}
    groups = {"drone": ("drone",), "rovers": skills.ROVERS}
    goals = (skills.come_through(),)
    skills = (skills.come_through, skills.hold_open, skills.go_through, skills.fly_through)
    horizon = 150
    substeps = 8
    camera = "doorway/doorway"
    control = "velocity"  # of the drone
    close = 0.06  # who is this near the goal has arrived, m
    touch = 0.12  # how near the switch the drone must be, m
    lift = 0.04  # how far the gate moves in a step, m

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self.drone = Drone("drone", self.control)
        gate = Entry("how far the gate is up", 1, "m", 0.2)
        self.entries = {
            "drone": (
                Entry("place in the arena", 3, "m", 1.0),
                *self.drone.entries,
                Entry("switch, window and goal, each seen from the drone", 9, "m", 2.0),
                Entry("red and blue rover, seen from the middle of the doorway", 4, "m", 1.0),
                gate,
            ),
            "rovers": (
                Entry("place, seen from the middle of the doorway", 2, "m", 1.0),
                Entry("velocity", 2, "m/s", 1.0),
                Entry("goal, seen from the rover", 2, "m", 1.5),
                Entry("the other rover, seen from this one", 2, "m", 1.5),
                Entry("its velocity", 2, "m/s", 1.0),
                Entry("red (1) or blue (-1)", 1, "1", 1.0),
                Entry("drone, seen from the switch", 3, "m", 1.5),
                gate,
            ),
        }
        rover = Entry("velocity along x and y, as a share of 0.5 m/s", 2, "1", 1.0)
        self.actions = {"drone": self.drone.actions, "rovers": (rover,)}

    def scene(self):
        scene = scenes.arena({name: COLOURS[name] for name in skills.ROVERS})
        scenes.put(scene, "doorway", "doorway")
        self.drone.attach(scene)
        return scene

    def bind(self, sims):
        self.drone.bind(sims)
        self.place = sims.bind("qpos")[:, :4].reshape(-1, 2, 2)  # of the rovers, which the scene has first
        self.velocity = sims.bind("qvel")[:, :4].reshape(-1, 2, 2)
        model, mocap = sims.model, sims.bind("mocap_pos")
        self.disc = mocap[:, :2]
        names = ("doorway/gate", "doorway/switch", "doorway/target")
        self.gate, self.switch, self.target = (mocap[:, int(model.body(name).mocapid[0])] for name in names)
        walls = [g for g in map(model.geom, range(model.ngeom)) if g.name.startswith("doorway/wall.")]
        boxes = [*walls, model.geom("doorway/gate")]
        self._middle, self._half = (
            np.stack(v).T[:, :, None] for v in zip(*((g.pos, g.size) for g in boxes), strict=True)
        )

    def reset(self, ids, draw):
        """Each rover starts, and each goal lies, on a side of its own; switch and drone are on different sides."""
        side = np.where(draw.random(3) < 0.5, -1, 1)
        x, y = draw.uniform([[0.3] * 6, [0.15] * 6], [[0.55] * 6, [0.45] * 6]).swapaxes(0, 1)
        self.place[ids] = np.stack([-x[:, :2], y[:, :2] * side[:, :1] * FACING], axis=-1)
        self.disc[ids, :, 0], self.disc[ids, :, 1] = x[:, 2:4], y[:, 2:4] * side[:, 1:2] * FACING
        self.switch[ids, 0], self.switch[ids, 1] = -x[:, 4], y[:, 4] * side[:, 2]
        start = np.column_stack([-x[:, 5], -y[:, 5] * side[:, 2], draw.uniform(0.35, 0.5)])
        self.drone.put(ids, start)
        self.target[ids] = draw.uniform([0.3, -0.4, 0.3], [0.55, 0.4, 0.55])
        self.gate[ids, 2] = 0

    def act(self, actions):
        """The gate moves by where the drone is now."""
        moved = self.gate[:, 2] + np.where(self.hover < self.touch, self.lift, -self.lift)
        self.gate[:, 2] = np.clip(moved, 0, TALL)
        return dict(actions) | {"drone": self.drone.act(actions["drone"])}

    def measure(self):
        """x, y and z first, the copies last.

        here (3, 3, n): drone, red and blue; goal, those of the rovers (2, 2, n).
        hover, window (n,) and door (2, n): from the drone to the switch and to the window, from rovers to the doorway.
        through (2, n), flown (n,): who is beyond the wall.
        way (2, n), flight (n,): what is left to the goal, by the doorway or window for those who are not yet beyond.
        gaps (3, n): between two hulls; walls (3, 7, n): between a hull and a part of the wall or the gate, m.
        """
        self.here = np.empty((3, 3, len(self.place)))
        self.here[:, 0], self.here[:2, 1:] = self.drone.place.T, self.place.T
        self.here[2, 1:] = HALF[1:]
        fly, self.rovers, self.goal = self.here[:, 0], self.here[:2, 1:], self.disc[:, :, :2].T.copy()
        self.hover, self.window = norm(fly - self.switch.T), norm(fly - WINDOW)
        self.door = length(self.rovers)
        self.through, self.flown = self.rovers[0] > 0.08, fly[0] > 0.1
        self.way = np.where(self.through, length(self.goal - self.rovers), self.door + length(self.goal))
        beyond = self.target.T
        self.flight = np.where(self.flown, norm(beyond - fly), self.window + norm(beyond - WINDOW))
        self._touch()

    def _touch(self):
        apart = np.abs(self.here[:, ONE] - self.here[:, OTHER])
        self.gaps = _gap(length(apart[:2]) - RADIUS[ONE] - RADIUS[OTHER], apart[2] - HALF[ONE] - HALF[OTHER])
        middle = np.repeat(self._middle, len(self.place), axis=2)
        middle[2, -1] += self.gate[:, 2]
        away = np.maximum(np.abs(self.here[:, :, None] - middle[:, None]) - self._half[:, None], 0)
        self.walls = _gap(length(away[:2]) - RADIUS[:, None], away[2] - HALF[:, None])
        fly = self.here[:, 0]
        self.lost = (np.abs(fly[:2]).max(axis=0) > 0.7) | (fly[2] > 0.72) | (fly[2] < HALF[0])
        self.touching = (self.gaps <= 0).sum(axis=0) + (self.walls <= 0).any(axis=1).sum(axis=0) + self.lost

    def observe(self):
        fly, gate = self.drone.place, self.gate[:, 2:]
        seen = [self.switch - fly, WINDOW.T - fly, self.target - fly]
        drone = (fly, *self.drone.observe(), *seen, *self.rovers.transpose(1, 2, 0), gate)
        return {"drone": drone} | {name: self._seen(i) for i, name in enumerate(skills.ROVERS)}

    def _seen(self, i):
        mine, other = self.place[:, i], self.place[:, 1 - i]
        rank = np.full((len(mine), 1), 1.0 - 2 * i)
        moving = self.velocity[:, i], self.velocity[:, 1 - i]
        goal = self.goal[:, i].T - mine
        return mine, moving[0], goal, other - mine, moving[1], rank, self.drone.place - self.switch, self.gate[:, 2:]

    def before_step(self):
        self.came = self.come()

    def come(self):
        """(3, n) in [0, 1]: how far drone, red and blue have come, 0.8 by the own way and 0.2 by that of the others.

        The drone: 0.4 for coming to the switch until both rovers are through, then 0.4 and 0.6 for its own way.
        """
        drive = approach(self.way, furthest=1.4, margin=0.1)
        fly, hold = approach(self.flight, furthest=1.6, margin=0.1), approach(self.hover, furthest=1.2, margin=0.15)
        drone = np.where(self.through.all(axis=0), 0.4 + 0.6 * fly, 0.4 * hold)
        own = np.stack([drone, *drive])
        return 0.8 * own + 0.1 * (own.sum(axis=0) - own)

    def reward(self):
        """3 times what was gained of come in this step, 0.02 of it at every step, and 0.1 more for all once all is met;
        -1 for everybody as soon as anybody touches anything.

        Most is paid for coming, not for being there, as in the arenas: who would lose much by touching dares nothing.
        """
        come = self.come()
        paid = 3 * (come - self.came) + 0.02 * come + 0.1 * self.success() - (self.touching > 0)
        return dict(zip(self.agents, paid, strict=True))

    def failure(self):
        """Two have touched, or one the wall, the gate or the ground, or the drone has left the arena."""
        return self.touching > 0

    def info(self):
        return {"collisions": self.touching}

    def is_up(self):
        """(n,) bool: the gate is all the way up."""
        return self.gate[:, 2] >= TALL

    def describe(self, env, agent):
        gate = f"The gate is {100 * self.gate[env, 2] / TALL:.0f} % up."
        if agent == "drone":
            return (
                f"You are the drone, {100 * self.hover[env]:.0f} cm from the switch, {100 * self.window[env]:.0f} cm "
                f"from the window and {100 * self.flight[env]:.0f} cm of flight from your goal. {gate} "
                f"{self.through[:, env].sum()} of 2 rovers are through."
            )
        i = skills.ROVERS.index(agent)
        done = "through the doorway" if self.through[i, env] else f"{100 * self.door[i, env]:.0f} cm from the doorway"
        return (
            f"You are the {agent} rover, {done}, {100 * self.way[i, env]:.0f} cm of way from your goal. {gate} "
            f"The other rover is {100 * self.gaps[2, env]:.0f} cm away."
        )

    def feasible(self, env, agent):
        if agent != "drone":
            return [skills.come_through(), skills.go_through(robot=agent)]
        return [skills.come_through(), skills.hold_open(), skills.fly_through()]

    def scripted(self):
        """The drone holds the gate open, red goes first, blue waits beside the doorway, the drone flies last."""
        fly = self.drone.place.T
        aligned = (np.abs(fly[1]) < 0.1) & (np.abs(fly[2] - WINDOW[2]) < 0.04)
        ahead = np.array([[0.2], [0], [0]])
        leave = np.where(self.flown, self.target.T, WINDOW + np.where(aligned, ahead, -0.7 * ahead))
        target = np.where(self.through.all(axis=0), leave, self.switch.T)
        side = np.where(self.rovers[1, 1] > 0, 0.16, -0.16)
        wait = np.stack([np.full_like(side, -0.22), side])
        blue = np.where(self.through[0], self._pass(1), wait)
        return {"drone": self.drone.go(target.T)} | self._drive(np.stack([self._pass(0), blue], axis=1))

    def _pass(self, i):
        """(2, n): where rover i should drive to pass the doorway once the gate is up."""
        here, up = self.rovers[:, i], self.is_up()
        ready = (up & (np.abs(here[1]) < 0.02) & (here[0] > -0.2)) | (here[0] > -0.06)
        ahead = np.where(ready, [[0.3], [0]], [[-0.14], [0]])
        return np.where(here[0] > 0.15, self.goal[:, i], ahead)

    def straight(self):
        """Actions of a policy that goes straight to its goal and looks at nothing."""
        return {"drone": self.drone.go(self.target)} | self._drive(self.goal)

    def _drive(self, target):
        wish = 8 * (target - self.rovers)
        wish = wish / np.maximum(length(wish), 1)
        return {name: wish[:, i].T for i, name in enumerate(skills.ROVERS)}


def _gap(aside, above):
    """Between upright cylinders or boxes that are that far apart to the side and in height, m; 0 where they touch."""
    return np.hypot(np.maximum(aside, 0), np.maximum(above, 0))


def make(num_envs: int, nthread: int = 0, **settings):
    return MujocoWorld(Doorway(**settings), num_envs, nthread)
