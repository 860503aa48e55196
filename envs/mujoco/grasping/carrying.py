"""What one arm carries, and where to: shared by the tasks with things that have names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from ...instructions import Instruction
from .. import scenes
from ..rewards import approach, dist
from .holding import above, around, grasping, loose
from .workbench import Workbench, lost

# of a place: its part; its middle to its walls along x and y, m; the height where things are let go, m
PART: Final = 0
WALLS: Final = 1
DROP: Final = 2
PLACES = {"in the basket": ("basket", (0.055, 0.055), 0.06), "on the tray": ("tray", (0.075, 0.055), 0.015)}

REST, HALF = 0, 1  # height of a thing's frame when it rests on the table; half its width where it is held; m


class Carrying(Workbench):
    """Things are free bodies, whose frames are where they are best held; places stand where an episode puts them."""

    cargo: Mapping[str, tuple[float, float]]  # thing, a body 'thing/thing' -> see REST and HALF
    places: tuple[str, ...] = ()  # of PLACES
    clear = 0.15  # how high the script comes to a thing, m

    def furnish(self, scene):
        for name in self.cargo:
            scenes.put(scene, name, name)
        for where in self.places:
            scenes.put(scene, PLACES[where][PART], PLACES[where][PART])

    def bind(self, sims):
        super().bind(sims)
        self.arm = self.arms["arm"]
        self.spot = {name: sims.body(f"{name}/{name}").xpos for name in self.cargo}
        self.pose = {name: sims.joint(f"{name}/{name}").qpos for name in self.cargo}
        self.velocity = {name: sims.joint(f"{name}/{name}").qvel[:, :3] for name in self.cargo}
        mocap, model = sims.bind("mocap_pos"), sims.model
        parts = {where: PLACES[where][PART] for where in self.places}
        self.goal = {where: mocap[:, model.body(f"{part}/{part}").mocapid[0]] for where, part in parts.items()}

    def aimed(self, values) -> np.ndarray:
        """What belongs to each copy's goal; values: one array (n, ...) per goal."""
        picked = values[0].copy()
        for k, value in enumerate(values):
            picked[self.aim == k] = value[self.aim == k]
        return picked

    # What the skills ask

    def thing(self, name: str) -> np.ndarray:
        """(n, 3) where the thing is best held, m."""
        return self.spot[name]

    def rest(self, name: str) -> float:
        """The height of the thing when it rests on the table, m."""
        return self.cargo[name][REST]

    def grasped(self, name: str) -> np.ndarray:
        """(n,) bool: the thing is between the fingers, and they press on it."""
        return (dist(self.arm.grip, self.thing(name)) < 0.025) & (self.arm.closing > 0.02)

    def raised(self, name: str) -> np.ndarray:
        """(n,) how far the thing is above where it rests on the table, m."""
        return self.thing(name)[:, 2] - self.rest(name)

    def lifted(self, name: str) -> np.ndarray:
        """(n,) bool: the thing is raised by more than 10 cm, and nothing else by more than 5 cm."""
        others = [self.raised(other) < 0.05 for other in self.cargo if other != name]
        return np.logical_and.reduce([self.raised(name) > 0.1, *others])

    def free(self, name: str) -> np.ndarray:
        """(n,) bool: the thing lies still, and the fingers have let go of it."""
        still = dist(self.velocity[name], np.zeros(3)) < 0.05
        return still & ((self.arm.closing < 0.01) | (dist(self.arm.grip, self.thing(name)) > 0.06))

    def aside(self, name: str, where: str) -> np.ndarray:
        """(n,) how far the thing is from over the middle of the place, m."""
        return dist(self.thing(name)[:, :2], self.goal[where][:, :2])

    def inside(self, name: str, where: str) -> np.ndarray:
        """(n,) bool: the thing is inside the place, held or not."""
        return self.over(name, where) & (self.raised(name) < 0.025)

    def over(self, name: str, where: str) -> np.ndarray:
        """(n,) bool: the thing is between the walls of the place, at any height."""
        off = np.abs(self.thing(name) - self.goal[where])
        return (off[:, 0] < PLACES[where][WALLS][0]) & (off[:, 1] < PLACES[where][WALLS][1])

    def placed(self, name: str, where: str) -> np.ndarray:
        """(n,) bool: the thing rests inside the place, let go."""
        return self.inside(name, where) & self.free(name)

    # What the tasks ask

    def carried(self, name: str, where: str, low: float = 0.0, high: float = 0.08) -> np.ndarray:
        """(n,) in [0, 1]: 0.1 for coming to the thing, 0.1 for squeezing it, 0.1 for raising it by 8 cm and 0.25 for
        bringing it over the place, all so held; there 0.1 for lowering it, and nothing is lost by letting go; instead
        of all that 0.65 inside the place, 0.15 more as the fingers let go, and 1 once it lies there still and free."""
        reach, held = grasping(self.arm, self.thing(name))
        over = self.over(name, where)
        up = np.where(over, 1, np.clip((self.raised(name) - low) / (high - low), 0, 1))
        way = 0.1 + 0.25 * approach(self.aside(name, where), 0.5, 0.08)
        way += 0.1 * over * (1 - np.clip(self.raised(name) / 0.12, 0, 1))
        done = 0.65 + 0.15 * loose(self.arm) + 0.2 * self.free(name)
        return np.where(self.inside(name, where), done, 0.1 * reach + np.where(over, 1, held) * (0.1 + up * way))

    def carry(self, name: str, where: str, height: float = 0.12) -> np.ndarray:
        """(n, width) actions that take the thing, raise it by height, m, carry it over the place and let go there."""
        thing, goal = self.thing(name), self.goal[where]
        near, shut = around(self.arm, thing, closed=0.036 - self.cargo[name][HALF])
        target = above(self.arm, thing, self.clear)
        held, drop = near & shut, PLACES[where][DROP]
        over = dist(thing[:, :2], goal[:, :2]) < 0.015
        high = over | (self.raised(name) > height - 0.03)
        across = np.where(high[:, None], goal, thing)
        across[:, 2] = self.rest(name) + np.where(over, drop, height)
        target[held] = across[held]
        there = over & (self.raised(name) < drop + 0.01) | self.inside(name, where)
        target[there] = self.arm.grip[there] + np.array([0, 0, 0.05])
        return self.arm.go(target, np.where(near & ~there, 1.0, -1.0), gain=20)

    def failure(self):
        """A thing has left the table."""
        return np.logical_or.reduce([lost(spot) for spot in self.spot.values()]) if self.spot else None

    def says(self, env: int, name: str) -> str:
        """A sentence about the thing in copy env."""
        gap, high = (100 * float(value[env]) for value in (dist(self.thing(name), self.arm.grip), self.raised(name)))
        held = "between the fingers" if gap < 2.5 else f"{gap:.0f} cm from the fingertips"
        on = [where for where in self.places if self.inside(name, where)[env]]
        where = on[0] if on else f"raised {high:.0f} cm" if high > 1 else "on the table"
        ways = [f"{100 * self.aside(name, w)[env]:.0f} cm from {w.split()[-1]}" for w in self.places if w not in on]
        return f"The {name} is {where}, " + ", ".join([held, *ways]) + "."

    def handling(self, env: int) -> list[Instruction]:
        """To grasp each thing that is not held in copy env, and to lift each that is."""
        grasp, lift = (next(s for s in self.skills if s.name == name) for name in ("grasp", "lift"))
        return [(lift if self.grasped(name)[env] else grasp)(thing=name) for name in self.cargo]
