"""A task over a batch of MuJoCo simulations."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
from gymnasium import spaces
from mujoco.batch import Batch, SimulationError

from ..core import Arrays, Step, World, check_actions
from ..streams import Streams
from .demonstrations import EPISODES, RUNGS, Demonstrations
from .physics import Physics, asked, steady
from .task import Entry, Task

_NONE, _VEL = int(mujoco.mjtStage.mjSTAGE_NONE), int(mujoco.mjtStage.mjSTAGE_VEL)
_WARNING = mujoco.mjtWarning  # the engine's, in its order: contacts dropped for want of memory, numbers that are none
_BAD = slice(int(_WARNING.mjWARN_CONTACTFULL), int(_WARNING.mjWARN_BADQACC) + 1)
PLAIN = {"demo_starts": 0.0, "obs": "state"}  # of those worlds in which the script is watched
ARENA = 2**20 + 4160  # bytes a copy for contacts and the solver, of which tasks use 60 KB; no power of two, or the
# copies would crowd the same few lines of the cache


class MujocoWorld(World):
    """num_envs copies of a task's scene, on nthread threads; the numbers do not depend on it.

    nthread 0: as many as LUDUS_THREADS says, or else one a CPU.
    """

    def __init__(self, task: Task, num_envs: int = 1, nthread: int = 0):
        self.task, self.num_envs, self._nthread = task, num_envs, nthread
        self.agents = tuple(task.agents)
        self.groups = task.groups or {"agents": self.agents}
        self.skills, self.goals, self.max_episode_steps = task.skills, task.goals, task.horizon
        task.aim = self.aim
        self.aim[:] = task.fixed or 0
        scene = task.scene()
        scene.memory = ARENA
        model = scene.compile()
        steady(task, model)
        # persistent: a step goes on from where measuring the last one came to, instead of working that out anew
        self.sims = Batch(model, num_envs, nthread or int(os.environ.get("LUDUS_THREADS", 0)), persistent=True)
        self.streams = Streams(num_envs)
        self._every = np.arange(num_envs)
        self.steps = np.zeros(num_envs, np.int64)
        self.diverged = np.zeros(num_envs, np.int64)  # how often, over the copy's whole life
        self.rung = np.full(num_envs, RUNGS - 1.0)  # where on the script's way its next episode there begins
        self.climbs = np.zeros(num_envs, bool)  # this episode began at the rung
        self.won = np.zeros(num_envs, bool)  # this episode has had a success, which noise may have undone since
        self.step_seconds = float(model.opt.timestep * task.substeps)
        self.render_fps = round(1 / self.step_seconds)
        self._camera: Any = None

        self._ctrl = self.sims.bind("ctrl")
        self._bind_actuators(model)
        task.bind(self.sims)
        self.sims.forward(stage=_VEL)
        group_of = {a: g for g, members in self.groups.items() for a in members}
        self._bounds = {a: _bound(task.entries[group_of[a]]) for a in self.agents}
        full = {a: np.tile(b, (num_envs, 1)) for a, b in self._bounds.items()}  # clipping is twice as fast by these
        self._limits = {a: (-b, b) for a, b in full.items()}
        self.observation_spaces = {a: spaces.Box(-b, b, dtype=np.float32) for a, b in self._bounds.items()}
        widths = {g: sum(e.width for e in entries) for g, entries in task.actions.items()}
        self.action_spaces = {a: spaces.Box(-1, 1, (widths[group_of[a]],), np.float32) for a in self.agents}
        seen_and_done = {a: (len(self._bounds[a]), widths[group_of[a]]) for a in self.agents}
        self.physics = Physics(task, self.sims, seen_and_done) if asked(task) else None
        self._eyes: Any = self._open_eyes() if task.obs == "rgb" else None
        self._last = self._observe()

    def _open_eyes(self) -> Any:
        """Let agents observe pictures. Raises RenderingUnavailable where there is no OpenGL."""
        from .render import Eyes

        eyes = Eyes(self.sims, self.agents, self.task.camera, self.task.size, self.task.turned())
        shape = (self.task.size, self.task.size, 3)
        self.observation_spaces = {a: spaces.Box(0, 255, shape, np.uint8) for a in self.agents}
        return eyes

    def _bind_actuators(self, model: mujoco.MjModel) -> None:
        """Actuators 'agent/grip.left' and 'agent/grip.right' obey one column of what is asked, 'agent/grip'."""
        low, high = model.actuator_ctrlrange.T
        self._middle, self._half = (np.tile(m, (self.num_envs, 1)) for m in ((high + low) / 2, (high - low) / 2))
        entries = [model.actuator(i).name.split(".")[0] for i in range(model.nu)]
        flat = list(dict.fromkeys(e for p in self.task.agents.values() for e in entries if e.startswith(p)))
        self._route = np.array([flat.index(e) for e in entries])  # actuator -> column of all actions side by side
        self._straight = self._route.tolist() == list(range(len(flat)))

    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        ids = np.asarray(ids, np.int32)
        self.sims.reset(ids, stage=_NONE)
        draw = self.streams.begin(ids, seeds)
        if len(self.goals) > 1 and self.task.fixed is None:
            self.aim[ids] = (draw.random() * len(self.goals)).astype(np.int64)
        self.task.reset(ids, draw)
        if self.task.demo_starts:
            self._climb(ids)
        self.climbs[ids] = self.won[ids] = False
        if self.task.demo_starts:
            self._demonstrations.put(self, ids, draw)
        if self.physics:
            self.physics.begin(ids, draw, born=self.streams.table[ids, 1] == 0)
        self.sims.forward(ids, stage=_VEL)
        self.steps[ids] = 0
        self._last = self._observe(ids)
        return self._last, self._info(np.zeros(self.num_envs, bool))

    def step(self, actions: Arrays) -> Step:
        actions = check_actions(self, actions)
        if self.physics:
            actions = self.physics.delayed(actions)
            self.physics.blur(self._every, self.streams.draw(self._every))
        wanted = self.task.act(actions)
        flat = np.concatenate([wanted[a] for a in self.agents], axis=1, dtype=float)
        np.maximum(np.minimum(flat, 1, out=flat), -1, out=flat)
        flat = flat if self._straight else flat[:, self._route]
        flat *= self._half
        flat += self._middle
        self._ctrl[:] = flat
        self.task.before_step()
        diverged = self._simulate()
        self.steps += 1
        obs, reward = self._observe(), self.task.reward()
        reward = {a: np.asarray(r, float) for a, r in reward.items()}
        failed = self.task.failure()
        failed = np.zeros(self.num_envs, bool) if failed is None else failed & ~diverged
        info = self._info(diverged)
        info["success"] = info["success"] & ~failed
        self.won |= info["success"]
        if diverged.any():  # what the engine left there is not this episode: show the last state that was
            for agent in self.agents:
                obs[agent][diverged] = self._last[agent][diverged]
                reward[agent][diverged] = 0
            for name in info.keys() - {"diverged", "goal"}:
                if not name.startswith("physics/"):
                    info[name][diverged] = 0
        terminated = {a: failed.copy() for a in self.agents}
        truncated = ~failed & (diverged | (self.steps >= self.max_episode_steps))
        self._last = obs
        return Step(obs, reward, terminated, truncated, info)

    def _simulate(self) -> np.ndarray:
        """Advance the physics; (num_envs,) bool, the copies in which it broke down."""
        broken = np.zeros(self.num_envs, bool)
        try:
            self.sims.step(nstep=self.task.substeps, stage=_VEL)
        except SimulationError as error:
            broken[error.ids] = True
        warned = self.sims.warning[:, _BAD, 1]
        if warned.any():
            broken |= (warned != 0).any(axis=1)
        if broken.any():
            self.diverged += broken
            ids = np.flatnonzero(broken).astype(np.int32)
            self.sims.reset(ids, stage=_NONE)
            self.sims.forward(ids, stage=_VEL)
        return broken

    def _observe(self, ids: np.ndarray | None = None) -> Arrays:
        """agent -> (n, ...); only copies ids, None for all, have changed since the last time."""
        self.task.measure()
        if self._eyes:
            return self._eyes.look(self._every if ids is None else ids)
        obs = {}
        for agent, parts in self.task.observe().items():
            bound = self._bounds[agent]
            row = np.empty((self.num_envs, len(bound)), np.float32)  # fresh: callers keep what they were given
            np.concatenate(parts, axis=1, out=row, casting="same_kind")
            if self.physics:
                self.physics.sensed(agent, row, bound)
            low, high = self._limits[agent]
            np.minimum(row, high, out=row)
            obs[agent] = np.maximum(row, low, out=row)
        return obs

    def _info(self, diverged: np.ndarray) -> Arrays:
        about = {"goal": self.aim.copy()} if len(self.goals) > 1 else {}
        about |= self.physics.info() if self.physics else {}
        return {"success": self.task.success(), "diverged": diverged} | about | self.task.info()

    def state(self) -> Arrays:
        own = {name: array.copy() for name, array in self._own().items()}
        return own | {
            "sims": self.sims.state.copy(),
            "streams": self.streams.table.copy(),
            "steps": self.steps.copy(),
            "aim": self.aim.copy(),
            "diverged": self.diverged.copy(),
        }

    def _own(self) -> Arrays:
        """The live arrays to save beside MuJoCo's."""
        own = {f"task.{k}": v for k, v in self.task.state().items()}
        if self.task.demo_starts:
            own |= {"demo.rung": self.rung, "demo.climbs": self.climbs, "demo.won": self.won}
        return own | (self.physics.state() if self.physics else {})

    def _climb(self, ids: np.ndarray) -> None:
        """Move the rungs of copies ids by what came of their episodes; with a seed a new life begins, at the last."""
        rate = self.task.demo_rate
        up = np.where(self.won[ids], -1, rate / (1 - rate)) * self.climbs[ids]
        self.rung[ids] = np.clip(self.rung[ids] + up, 0, RUNGS - 1)
        born = self.streams.table[ids, 1] == 0
        self.rung[ids[born]] = RUNGS - 1

    def place(self, ids: np.ndarray, state: Mapping[str, np.ndarray]) -> None:
        """Put copies ids where state() has been, name -> (len(ids), …): the scene, the task's numbers and the aim."""
        self.sims.state[ids], self.aim[ids] = state["sims"], state["aim"]
        for name, array in self.task.state().items():
            array[ids] = state[f"task.{name}"]

    @functools.cached_property
    def _demonstrations(self) -> Demonstrations:
        made = MujocoWorld(type(self.task)(**self.task.given | PLAIN), EPISODES, self._nthread)
        made.id = self.id
        return Demonstrations(made)

    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        self.sims.state[:] = state["sims"]
        self.streams.table[:] = state["streams"]
        self.steps[:], self.diverged[:], self.aim[:] = state["steps"], state["diverged"], state["aim"]
        for name, array in self._own().items():
            array[:] = state[name]
        if self.physics:
            self.physics.restored()
        self.sims.forward(stage=_VEL)
        self.task.measure()
        self._last = self._observe()
        return self._last, self._info(np.zeros(self.num_envs, bool))

    def scripted(self) -> Arrays:
        return self.task.scripted()

    def describe(self, env: int, agent: str) -> str:
        return self.task.describe(env, agent)

    def feasible(self, env: int, agent: str):
        return self.task.feasible(env, agent)

    def render(self, env: int = 0) -> np.ndarray:
        if self._camera is None:
            from .render import Camera

            self._camera = Camera(self.sims, self.task.camera)
        return self._camera.picture(env)

    def close(self) -> None:
        for drawer in (self._camera, self._eyes):
            if drawer is not None:
                drawer.close()
        self._camera = None


def _bound(entries: Sequence[Entry]) -> np.ndarray:
    return np.concatenate([np.full(e.width, e.bound, np.float32) for e in entries])
