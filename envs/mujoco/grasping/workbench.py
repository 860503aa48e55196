"""A table with one or several arms and things on it: what grasping tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from ...registry import nearest
from .. import scenes
from ..arms import ARMS
from ..arms.arm import Arm
from ..task import Entry, Task


class Workbench(Task):
    """Override furnish, things, see and the rest of Task.

    body: which arm, of arms.ARMS; control: what its actions mean, of the arm's controls.
    """

    stands: Mapping[str, tuple[float, float, float]] = {"arm": (0, 0, 0)}  # agent -> x, y in metres, turn in degrees
    things: tuple[Entry, ...]  # what an agent sees beside its own arm
    body = "gripper"
    control = "ee"

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        if self.body not in ARMS:
            raise nearest(self.body, list(ARMS), "body")
        kind = ARMS[self.body]
        if self.control not in kind.controls:
            raise nearest(self.control, list(kind.controls), f"control of the {self.body}")
        self.agents = {name: f"{name}/" for name in self.stands}
        self.arms: dict[str, Arm] = {name: kind(name, *at, control=self.control) for name, at in self.stands.items()}
        arm = next(iter(self.arms.values()))
        self.entries = {"agents": (*arm.entries, *self.things)}
        self.actions = {"agents": arm.actions}

    def scene(self):
        scene = scenes.part("table")
        for arm in self.arms.values():
            arm.attach(scene)
        self.furnish(scene)
        return scene

    def furnish(self, scene: mujoco.MjSpec) -> None:
        """Put the task's things into the scene."""
        raise NotImplementedError

    def bind(self, sims):
        for arm in self.arms.values():
            arm.bind(sims)

    def act(self, actions):
        return {name: arm.act(actions[name]) for name, arm in self.arms.items()}

    def observe(self):
        return {name: (*arm.observe(), *self.see(name)) for name, arm in self.arms.items()}

    def see(self, agent: str) -> tuple[np.ndarray, ...]:
        """The parts of `things` as the agent sees them, (n, width) each."""
        raise NotImplementedError


def lost(place: np.ndarray, x: float = 0.45, y: float = 0.45) -> np.ndarray:
    """(n,) bool: a thing at place (n, 3) has left the table: that far from the middle, or below the top."""
    return (np.abs(place[:, 0]) > x) | (np.abs(place[:, 1]) > y) | (place[:, 2] < 0)
