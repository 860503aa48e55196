"""The oracle of one arm at a table: grasp what is asked for, then lift it, put it down, stack it or pull it open."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....envs.core import Arrays, World
from ....envs.mujoco.rewards import dist
from .oracle import Oracle

BESIDE = 0.06  # a thing this near to the fingertips can be lifted, carried or pulled at once, m
HIGH = 0.25  # how high a thing is lifted, m
AJAR = 0.8  # of what counts as open: the hand may brush the door on its way in


class ArmOracle(Oracle):
    """Lifting, placing, stacking and opening begin with the thing, or the handle, in the hand; else the arm waits."""

    def __init__(self, world: World):
        super().__init__(world)
        self.task: Any = world.task  # type: ignore[attr-defined]
        self.arm = self.task.arm

    def next(self) -> np.ndarray:
        aims = [self._next(goal.skill.name, dict(goal.arguments)) for goal in self.world.goals]
        return np.choose(self.world.aim, aims)[:, None]

    def _next(self, skill: str, words: dict[str, str]) -> np.ndarray:
        """(n,): the next instruction towards one goal."""
        if skill == "fetch":
            inside = self._next("place", {"thing": "apple", "where": "in the basket"})
            return np.where(self.task.opened("fridge") > AJAR, inside, self._next("open", {"thing": "fridge"}))
        thing = self._held(skill, words)
        ready = self.task.grasped(thing) | self._begun(skill, words)
        return np.where(ready, self.named(skill, **words), self.named("grasp", thing=thing))

    def _held(self, skill: str, words: dict[str, str]) -> str:
        """What must be in the hand for a skill."""
        if skill == "open":
            return words["thing"].replace(" drawer", "") + " handle"
        return words["thing"]

    def _begun(self, skill: str, words: dict[str, str]) -> np.ndarray:
        """(n,) bool: the skill has brought the thing where it belongs, so that the hand may let go."""
        if skill == "place":
            return self.task.inside(words["thing"], words["where"])
        if skill == "stack":
            return self.task.on(words["thing"])
        return self.task.is_open(words["thing"]) if skill == "open" else np.zeros(self.world.num_envs, bool)

    def act(self, told: np.ndarray) -> Arrays:
        actions = self._wait()
        for place in np.unique(told[:, 0]):
            if place >= 0:
                instruction = self.vocabulary[place]
                asked = self._carry_out(instruction.skill.name, dict(instruction.arguments))
                actions = np.where((told[:, 0] == place)[:, None], asked, actions)
        return {self.world.agents[0]: actions}

    def _wait(self) -> np.ndarray:
        return self.arm.go(self.arm.grip, np.where(self.arm.closing > 0.02, 1.0, -1.0))

    def _carry_out(self, skill: str, words: dict[str, str]) -> np.ndarray:
        """(n, width) actions of one instruction in every copy."""
        if skill in ("reach", "grasp"):
            return self._approach(words["thing"], close=skill == "grasp")
        if skill not in ("lift", "place", "stack", "open"):
            return self._wait()  # a goal of several steps: nobody does it in one
        thing = self._held(skill, words)
        beside = (dist(self.arm.grip, self.task.thing(thing)) < BESIDE) | self._begun(skill, words)
        return np.where(beside[:, None], self._go_on(skill, words), self._wait())

    def _go_on(self, skill: str, words: dict[str, str]) -> np.ndarray:
        task = self.task
        if skill == "place":
            return task.carry(words["thing"], words["where"], height=HIGH - 0.02 if hasattr(task, "part") else 0.12)
        if skill == "stack":
            return task._build(words["thing"])
        if skill == "open":
            return task.pull(words["thing"])
        up = self.arm.grip.copy()
        up[:, 2] = HIGH
        return self.arm.go(up, 1.0)

    def _approach(self, thing: str, close: bool) -> np.ndarray:
        """Up where the hand is low and elsewhere, over the thing, down, and close the fingers."""
        from ....envs.mujoco.grasping.holding import above, around

        spot, grip = self.task.thing(thing), self.arm.grip
        near, _ = around(self.arm, spot, closed=0)
        target = above(self.arm, spot, self.task.clear)
        low = (np.abs(grip - spot)[:, :2].max(axis=1) > 0.03) & (grip[:, 2] < self.task.clear - 0.03)
        target[low] = grip[low] + [0, 0, 0.1]
        come = self.arm.go(target, np.where(near & close & ~low, 1.0, -1.0), gain=20)
        return self._past_the_door(come) if thing == "apple" and hasattr(self.task, "part") else come

    def _past_the_door(self, come: np.ndarray) -> np.ndarray:
        """A door that is still in the hand is first pulled out of the way."""
        from ....envs.mujoco.grasping.fetch_from_fridge import WIDE

        held = self.task.grasped("fridge handle") & (self.task.moved["fridge"] < WIDE)
        return np.where(held[:, None], self.task.pull("fridge"), come)
