"""What a task may ask of a body that grasps, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import mujoco
import numpy as np
from mujoco.batch import Batch

from ..task import Entry


class Arm(ABC):
    """A hand with two fingers that close along its own x, at (x, y) in metres, turned by `turn` degrees about z.

    name: of the agent; its joints, sites and actuators are named 'name/part'.
    control: one of `controls`: what its actions mean.

    After bind, live arrays with one row per copy:
        grip: (n, 3), the middle between the fingertips, m, in the world's frame.
        fingers: (n, 2), how far each finger has come from open (0) towards the middle, m.
        closing: (n,), how far the fingers are asked to close, m; what is more than they can do is squeeze.
    """

    controls: ClassVar[tuple[str, ...]] = ("ee",)
    entries: tuple[Entry, ...]  # what the arm tells of itself
    actions: tuple[Entry, ...]
    reach: ClassVar[float] = 0.3  # how far the fingertips come from `middle` along x and along y, m
    opening: ClassVar[float] = 0.05  # from the middle to an open finger, m
    grip: np.ndarray
    fingers: np.ndarray
    closing: np.ndarray

    def __init__(self, name: str, x: float = 0, y: float = 0, turn: float = 0, control: str = "ee"):
        self.name, self.x, self.y, self.turn, self.control = name, x, y, turn, control
        self._cos, self._sin = (round(float(f(np.radians(turn))), 12) for f in (np.cos, np.sin))

    @abstractmethod
    def attach(self, scene: mujoco.MjSpec) -> None:
        """Add the body to a scene with a table, whose top is z = 0."""

    @abstractmethod
    def bind(self, sims: Batch) -> None: ...

    @abstractmethod
    def place(self, ids: np.ndarray, offset: np.ndarray) -> None:
        """Put the fingertips of copies ids at offset (len(ids), 3), m, along the world's axes, from (x, y, 0.24)."""

    @abstractmethod
    def observe(self) -> tuple[np.ndarray, ...]:
        """The parts of `entries`, (n, width) each."""

    @abstractmethod
    def act(self, action: np.ndarray) -> np.ndarray:
        """(n, actuators) in [-1, 1] that are asked when the agent decides on action (n, width)."""

    @abstractmethod
    def go(self, target: np.ndarray, closed: np.ndarray | float, gain: float = 12.0) -> np.ndarray:
        """Actions (n, width) that move the fingertips towards target (n, 3), fingers closed (1) or open (-1)."""

    def own(self, vector: np.ndarray) -> np.ndarray:
        """(n, 3) along the world's axes, as the arm has them."""
        x, y, z = vector.T
        return np.column_stack([self._cos * x + self._sin * y, self._cos * y - self._sin * x, z])

    def world(self, vector: np.ndarray) -> np.ndarray:
        """(n, 3) along the arm's own axes, as the world has them."""
        x, y, z = vector.T
        return np.column_stack([self._cos * x - self._sin * y, self._sin * x + self._cos * y, z])
