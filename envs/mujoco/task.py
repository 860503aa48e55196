"""What a MuJoCo task says: its scene, its agents, what they see, what pays and what counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import mujoco
import numpy as np
from mujoco.batch import Batch

from ..core import Arrays
from ..instructions import Instruction, Skill
from ..registry import nearest
from ..streams import Draws

LARGEST = 1440  # pixels that a picture may have along a side: the scenes' off-screen buffers


class Entry(NamedTuple):
    """A stretch of an observation or action: its meaning, width, unit, and the largest value it takes."""

    meaning: str
    width: int
    unit: str
    bound: float


class Task:
    """Override what is below. Every array has one row per copy; draw randomness from `draw` alone.

    Settings replace numbers and words of the class, as in horizon=100; ValueError for a name that is none of them.
    goal="…" asks for that one of the goals in every episode.
    """

    agents: Mapping[str, str]  # agent -> prefix of its actuators
    groups: Mapping[str, tuple[str, ...]] | None = None  # None: all agents in one group
    entries: Mapping[str, tuple[Entry, ...]]  # group -> what its agents observe
    actions: Mapping[str, tuple[Entry, ...]]  # group -> what its agents decide
    skills: tuple[Skill, ...]
    goals: tuple[Instruction, ...]  # an episode is about one of them; several differ by their sentence alone
    aim: np.ndarray  # (n,) which one, set by the world before bind and drawn before reset
    horizon: int = 50  # control steps
    substeps: int = 5  # physics steps per control step
    camera: str = "front"

    # For every task; what is 0 costs nothing and changes no bit. See physics.Physics and docs/environments/physics.md.
    vary_mass: float = 0.0  # an episode's factor is drawn between 1/(1 + vary) and 1 + vary, log-uniform
    vary_friction: float = 0.0
    vary_gain: float = 0.0
    physics_drift: float = 0.0  # the three factors wander that far over a copy's life, a little at each episode
    latency: int = 0  # control steps that actions come late, up to so many, drawn for each episode
    noise: float = 0.0  # standard deviation of the sensors' noise, as a share of each entry's bound
    demo_starts: float = 0.0  # share of the episodes that begin where one of the script's was, from start to success
    demo_rate: float = 0.5  # such starts move on towards the script's start where more than this share of them succeeds
    obs: str = "state"  # or "rgb": pictures from the camera, or from an agent's own, 'agent/eye'
    size: int = 84  # height and width of those pictures

    def __init__(self, **settings: Any):
        self.given = dict(settings)
        self.fixed = None if (text := settings.pop("goal", None)) is None else self._goal(text)
        own = type(self)  # not self: properties may need what bind names
        names = [n for n in dir(own) if isinstance(getattr(own, n), (int, float, str)) and not n.startswith("_")]
        for name, value in settings.items():
            if name not in names:
                raise nearest(name, names, f"setting of {type(self).__name__}")
            kind = type(getattr(self, name))
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise ValueError(f"setting {name} of {type(self).__name__} must be {kind.__name__}, not {value!r}")
            setattr(self, name, kind(value))
        self._check()

    def _check(self) -> None:
        """Raises ValueError for a setting of every task that makes no sense."""
        for name in ("vary_mass", "vary_friction", "vary_gain", "physics_drift", "latency", "noise", "demo_starts"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"setting {name} must not be negative or infinite: {getattr(self, name)!r}")
        for name in ("horizon", "substeps"):
            if getattr(self, name) < 1:
                raise ValueError(f"setting {name} must be 1 or more, not {getattr(self, name)}")
        if self.demo_starts > 1:
            raise ValueError(f"setting demo_starts is a share, from 0 to 1: {self.demo_starts!r}")
        if not 0 < self.demo_rate < 1:
            raise ValueError(f"setting demo_rate is a share between 0 and 1: {self.demo_rate!r}")
        if self.obs not in ("state", "rgb"):
            raise nearest(self.obs, ["state", "rgb"], "kind of observation")
        if self.obs == "rgb" and self.noise:
            raise ValueError('noise disturbs numbers: it needs obs="state"')
        if not 1 <= self.size <= LARGEST:
            raise ValueError(f"setting size must be a number of pixels up to {LARGEST}, not {self.size}")

    def _goal(self, text: str) -> int:
        known = [goal.text for goal in self.goals]
        if text not in known:
            raise nearest(text, known, f"goal of {type(self).__name__}")
        return known.index(text)

    def turned(self) -> tuple[str, ...]:
        """The agents that see and act turned by half a turn, and whose pictures are turned so, too."""
        return ()

    def scene(self) -> mujoco.MjSpec:
        """The scene, built once."""
        raise NotImplementedError

    def bind(self, sims: Batch) -> None:
        """Name the live arrays that the functions below read and write."""

    def reset(self, ids: np.ndarray, draw: Draws) -> None:
        """Place copies ids at the start of an episode; draw has len(ids) rows."""

    def act(self, actions: Arrays) -> Arrays:
        """What is asked of the actuators, agent -> (n, width) in [-1, 1], when the agents decide on actions."""
        return actions

    def before_step(self) -> None:
        """Note what the functions below compare with; called before the physics of every step."""

    def measure(self) -> None:
        """Work out once what several functions below need; called whenever the simulations have changed."""

    def observe(self) -> Mapping[str, tuple[np.ndarray, ...]]:
        """agent -> its observation in parts, (n, width) each; side by side they are its group's entries."""
        raise NotImplementedError

    def reward(self) -> Arrays:
        """agent -> (n,), between 0 and 1 a step before bonuses and costs."""
        raise NotImplementedError

    def success(self) -> np.ndarray:
        """(n,) bool: what the episode is about is met now, whatever the reward pays for."""
        met = [goal.achieved(self) for goal in self.goals]  # type: ignore[arg-type]
        return met[0] if len(met) == 1 else np.choose(self.aim, met)

    def failure(self) -> np.ndarray | None:
        """(n,) bool: the copy must end now, failed (a crash, a fall); None where nothing can."""
        return None

    def info(self) -> Arrays:
        """More per-copy measures for info, such as collisions."""
        return {}

    def state(self) -> Arrays:
        """Live arrays of the task's own that MuJoCo's state does not hold, to be saved and restored."""
        return {}

    def scripted(self) -> Arrays:
        """agent -> (n, width) actions in [-1, 1] of a policy that solves the task."""
        raise NotImplementedError

    def describe(self, env: int, agent: str) -> str:
        """What the agent perceives in copy env, in words."""
        raise NotImplementedError

    def feasible(self, env: int, agent: str) -> list[Instruction]:
        return [i for skill in self.skills for i in skill.instructions()]
