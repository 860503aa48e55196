"""Environments of others, of numbers, that live in a process with a Python of its own: for what needs other libraries.

    envs.make("ludus.envs.views.served:make", 4, kind="gymnasium", of={"id": "Pendulum-v1"})

Copies are stepped one after the other, all in the one process that a Python has here. They can be saved: what is kept
is each copy's seed and what it was told since, and restoring plays that again: the environment must do the same again.
"""

from __future__ import annotations

import atexit
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from ..core import Arrays, Step, World, check_actions
from ..instructions import Skill
from ..registry import nearest
from ..streams import Streams
from . import server

AGENT = "player"


class Far:
    """The process of one Python that serves environments; it ends with this one."""

    def __init__(self, python: str):
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self._errors}
        quiet = {"MUJOCO_GL": "egl"} | os.environ | {"OMP_NUM_THREADS": "1"}
        try:
            self.process = subprocess.Popen([python, server.__file__], env=quiet, **pipes)
        except OSError as error:
            raise ValueError(f"{python} cannot be run: {error.strerror}") from None
        self.numbers = itertools.count()
        atexit.register(self.end)

    def ask(self, do: str, /, arrays: Mapping[str, np.ndarray] | None = None, **fields: Any) -> Arrays:
        """The arrays that come back. Raises ValueError for what the environment refuses, RuntimeError when it died."""
        assert self.process.stdin and self.process.stdout
        try:
            server.send(self.process.stdin, {"do": do, **fields}, arrays)
            answer = server.receive(self.process.stdout)
        except BrokenPipeError:
            answer = None
        except BaseException:  # interrupted between question and answer: what came next would answer this one
            self.end()
            raise
        if answer is None:
            raise RuntimeError(f"the process of {self.process.args[0]} ended: {self._last_words()}")  # type: ignore[index]
        if "error" in answer[0]:
            raise ValueError(answer[0]["error"])
        return answer[1]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "without a word")[:300]


_FAR: dict[str, Far] = {}


def far(python: str) -> Far:
    """The one process of that Python; a new one where the last has ended."""
    if python not in _FAR or _FAR[python].process.poll() is not None:
        _FAR[python] = Far(python)
    return _FAR[python]


class Served(World):
    """num_envs environments of one kind (server.KINDS) and its settings `of`, each with one agent, "player".

    An episode is a success from the first step on that the environment calls one (info "success" or "is_success").
    goal: what to do, in a sentence; limit: steps of an episode; python: the interpreter that has the environments.
    """

    def __init__(self, num_envs: int, kind: str, of: Mapping[str, Any], goal: str, limit: int, python: str):
        self.num_envs, self.max_episode_steps, self._far = num_envs, limit, far(python)
        self._number = next(self._far.numbers)
        told = self._ask("make", kind=kind, settings=dict(of), copies=num_envs)
        low, high = (told[f"observation_{end}"] for end in ("low", "high"))
        act = spaces.Box(told["action_low"].astype(np.float32), told["action_high"].astype(np.float32))
        self.agents, self.groups = (AGENT,), {"players": (AGENT,)}
        self.observation_spaces = {AGENT: spaces.Box(low.astype(np.float32), high.astype(np.float32))}
        self.action_spaces = {AGENT: act}
        solved = lambda *_: self.won.copy()  # noqa: E731
        self.skills = (Skill("play", (goal,), solved, lambda *_: self.won.astype(float)),)
        self.goals = (self.skills[0](),)
        self.streams, self.seeds = Streams(num_envs), np.zeros(num_envs, np.int64)
        self.obs = np.zeros((num_envs, len(low)))
        self.told = np.zeros((num_envs, 0, *act.shape), np.float32)  # the actions of the episode
        self.steps, self.won = np.zeros(num_envs, np.int64), np.zeros(num_envs, bool)
        self.over = np.ones(num_envs, bool)

    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        self.seeds[ids] = self.streams.begin(ids, seeds).integers(2**31)
        self.obs[ids] = self._ask("reset", {"copies": np.asarray(ids, np.int64), "seeds": self.seeds[ids]})["obs"]
        self.steps[ids], self.won[ids], self.over[ids] = 0, False, False
        return self._observations(), {"success": self.won.copy()}

    def step(self, actions: Arrays) -> Step:
        acted = check_actions(self, actions)[AGENT].astype(np.float32)
        live = np.flatnonzero(~self.over & (self.steps < self.max_episode_steps))
        reward, cut = np.zeros(self.num_envs), np.zeros(self.num_envs, bool)
        if len(live):
            found = self._ask("step", {"copies": live, "actions": acted[live]})
            if more := max(0, self.max_episode_steps - self.told.shape[1]):  # it may have been set anew since
                self.told = np.pad(self.told, ((0, 0), (0, more), *[(0, 0)] * (self.told.ndim - 2)))
            self.told[live, self.steps[live]] = acted[live]
            self.obs[live], reward[live] = found["obs"], found["reward"]
            self.over[live], cut[live] = found["ended"], found["cut"]
            self.won[live] |= found["success"]
            self.steps[live] += 1
        truncated = (cut | (self.steps >= self.max_episode_steps)) & ~self.over
        ended = self.over.copy()
        return Step(self._observations(), {AGENT: reward}, {AGENT: ended}, truncated, {"success": self.won.copy()})

    def state(self) -> Arrays:
        own = {"seeds": self.seeds, "told": self.told, "steps": self.steps, "won": self.won, "over": self.over}
        return {k: v.copy() for k, v in own.items()} | {"streams": self.streams.table.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        for name in ("seeds", "steps", "won", "over"):
            getattr(self, name)[:] = state[name]
        self.told = state["told"].copy()
        self.streams.table[:] = state["streams"]
        self.obs[:] = self._ask("replay", {"seeds": self.seeds, "actions": self.told, "steps": self.steps})["obs"]
        return self._observations(), {"success": self.won.copy()}

    def render(self, env: int = 0) -> np.ndarray:
        return self._ask("render", copy=env)["picture"]

    def describe(self, env: int, agent: str) -> str:
        return f"{self.goal.text}: " + " ".join(f"{x:.2f}" for x in self.obs[env])

    def close(self) -> None:
        if self._far.process.poll() is None:
            self._ask("close")

    def _ask(self, do: str, arrays: Mapping[str, np.ndarray] | None = None, **fields: Any) -> Arrays:
        return self._far.ask(do, arrays, world=self._number, **fields)

    def _observations(self) -> Arrays:
        return {AGENT: self.obs.astype(np.float32)}


def make(
    num_envs: int = 1,
    kind: str = "gymnasium",
    of: Mapping[str, Any] | None = None,
    goal: str = "play to the end",
    limit: int = 200,
    python: str = sys.executable,
) -> Served:
    """kind: gymnasium (of: its id and keywords) or metaworld (of: its task); the rest as of Served."""
    if kind not in server.KINDS:
        raise nearest(kind, list(server.KINDS), "kind of environment to serve")
    return Served(num_envs, kind, of or {}, goal, limit, python)
