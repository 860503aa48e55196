"""Worlds: registered, batched, multi-agent. Importing this registers every id with gymnasium and loads no engine."""

from __future__ import annotations

from typing import Any

from . import catalog as _catalog  # noqa: F401  registers every task
from .core import Step, World, Wrapper
from .registry import TaskSpec, UnknownName, ids, make, register, spec, tags


def parallel_env(id: str | World, render_mode: str | None = None, **settings: Any):
    """One copy of a task as a PettingZoo ParallelEnv; settings may be the view's, as partners= and instructed=True."""
    from .views.parallel import ParallelView

    return ParallelView(id, render_mode=render_mode, **settings)


def sb3_env(id: str | World, num_envs: int = 1, group: str | None = None, **settings: Any):
    """A task as a Stable-Baselines3 VecEnv with num_envs rows, one per agent of the group and copy.

    settings may be the view's: partners=, instructed=True (the instruction's vector behind every observation).
    """
    from .views.sb3 import Sb3View

    return Sb3View(id, num_envs, group=group, **settings)


__all__ = [
    "Step", "TaskSpec", "UnknownName", "World", "Wrapper",
    "ids", "make", "parallel_env", "register", "sb3_env", "spec", "tags",
]  # fmt: skip
