"""Physics that differs from copy to copy: factors drawn per episode, a slow drift over a life, delay and noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch

from ..core import Arrays
from ..streams import Draws

FACTORS = ("mass", "friction", "gain")
PACE = 0.2  # a walk's longest step in an episode, as a share of its bound: about a hundred episodes from end to end


class Physics:
    """What a task's settings ask for: vary_mass, vary_friction, vary_gain, physics_drift, latency, noise.

    A copy's factor is exp(walk + u). For each episode u is drawn uniformly within ±log(1 + vary), and walk goes a step
    on: within ±log(1 + physics_drift), reflected at the bounds, and back at 0 where a seed begins a life.
    mass: of every body, and its inertia. friction: every coefficient of every geom. gain: what a command achieves: the
    force of a motor, the stiffness of a position servo, the speed of a velocity servo.

    factor, walk: (n, 3) float64, in the order of FACTORS. delay: (n,) int64, control steps.
    widths: agent -> (numbers observed, numbers decided on).
    """

    def __init__(self, task: Any, sims: Batch, widths: Mapping[str, tuple[int, int]]):
        self.agents, self.noise, n = tuple(widths), task.noise, sims.nsim
        self.vary = np.log1p([task.vary_mass, task.vary_friction, task.vary_gain])
        self.bound = np.full(len(FACTORS), np.log1p(task.physics_drift))
        self.varies = self.vary + self.bound > 0
        self.factor, self.walk = np.ones((n, len(FACTORS))), np.zeros((n, len(FACTORS)))
        self._sims, self._fields = sims, _fields(sims, self.varies)
        self.late, self.delay = task.latency > 0, np.zeros(n, np.int64)
        self._spread, self._rows = task.latency + 1, np.arange(n)
        self._sent = {a: np.zeros((n, self._spread, w)) for a, (_, w) in widths.items()}  # the newest first
        self._ends = np.cumsum([0, *(w for w, _ in widths.values())])
        self._unit = np.zeros((n, self._ends[-1] if self.noise else 0), np.float32)

    def begin(self, ids: np.ndarray, draw: Draws, born: np.ndarray) -> None:
        """An episode begins in copies ids; born (len(ids),) bool: a life does."""
        if self.varies.any():
            walk = np.where(born[:, None], 0, self.walk[ids] + PACE * draw.uniform(-self.bound, self.bound))
            self.walk[ids] = _reflected(walk, self.bound)
            self.factor[ids] = np.exp(self.walk[ids] + draw.uniform(-self.vary, self.vary))
            self._apply(ids)
        if self.late:
            self.delay[ids] = draw.integers(self._spread)
            for sent in self._sent.values():
                sent[ids] = 0
        self.blur(ids, draw)

    def blur(self, ids: np.ndarray, draw: Draws) -> None:
        """Draw what disturbs the next observation of copies ids."""
        if self.noise:
            self._unit[ids] = draw.normal(self._unit.shape[1])

    def sensed(self, agent: str, row: np.ndarray, bound: np.ndarray) -> None:
        """Add noise to observations (n, width), in place; bound (width,)."""
        if self.noise:
            i = self.agents.index(agent)
            row += np.float32(self.noise) * bound * self._unit[:, self._ends[i] : self._ends[i + 1]]

    def delayed(self, actions: Arrays) -> Arrays:
        """The actions that arrive when these are sent; before the first, zeros."""
        if not self.late:
            return actions
        for agent, sent in self._sent.items():
            sent[:, 1:] = sent[:, :-1]
            sent[:, 0] = actions[agent]
        return {agent: sent[self._rows, self.delay] for agent, sent in self._sent.items()}

    def info(self) -> Arrays:
        """The factors and delays that stand now, (n,) each, under 'physics/mass' and so on; only what is asked for."""
        factors = {f"physics/{name}": self.factor[:, i].copy() for i, name in enumerate(FACTORS) if self.varies[i]}
        return factors | ({"physics/latency": self.delay.copy()} if self.late else {})

    def state(self) -> Arrays:
        """The live arrays that restored() goes on from."""
        state = {"physics.factor": self.factor, "physics.walk": self.walk} if self.varies.any() else {}
        state |= {"physics.delay": self.delay} if self.late else {}
        state |= {f"physics.sent.{a}": sent for a, sent in self._sent.items()} if self.late else {}
        return state | ({"physics.noise": self._unit} if self.noise else {})

    def restored(self) -> None:
        """What state() names has been written to."""
        if self.varies.any():
            self._apply(self._rows)

    def _apply(self, ids: np.ndarray) -> None:
        for i, live, usual in self._fields:
            live[ids] = usual * self.factor[ids, i].reshape(-1, *[1] * usual.ndim)
        if self.varies[0]:  # what mj_setConst derives from masses
            self._sims.set_const(ids.astype(np.int32))


def asked(task: Any) -> bool:
    """Whether any setting of the task wants physics that varies."""
    return any((task.vary_mass, task.vary_friction, task.vary_gain, task.physics_drift, task.latency, task.noise))


def steady(task: Any, model: mujoco.MjModel) -> None:
    """Where masses vary, integrate the servos' own damping implicitly: explicitly, light bodies would break down."""
    if task.vary_mass or task.physics_drift:
        model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST


def _fields(sims: Batch, varies: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """What each factor multiplies: its index, the live (n, ...) values of the copies, those of the model."""
    named = [["body_mass", "body_inertia"], ["geom_friction"], ["actuator_gainprm", "actuator_biasprm"]]
    named[1] += ["pair_friction"] * (sims.model.npair > 0)
    fields = []
    for i in np.flatnonzero(varies):
        for name in named[i]:
            columns = slice(2) if name == "actuator_biasprm" else slice(None)  # force and stiffness, not damping
            fields.append((int(i), sims.expand(name)[..., columns], getattr(sims.model, name)[..., columns].copy()))
    return fields


def _reflected(walk: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """walk (n, 3) turned back at ±bound (3,); no step is longer than the bound."""
    beyond = np.abs(walk) > bound
    return np.where(beyond, np.copysign(2 * bound, walk) - walk, walk)
