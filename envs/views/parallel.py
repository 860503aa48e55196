"""One copy of a world as a PettingZoo ParallelEnv."""

from __future__ import annotations

from typing import Any

import numpy as np
from pettingzoo import ParallelEnv

from .. import registry
from ..core import Arrays, World
from .joint import idle


class ParallelView(ParallelEnv):
    """Every agent for itself; one that ended leaves `agents`, and nobody acts for it any more.

    infos: agent -> "is_success" bool, "action_mask" where some of its choices are not allowed now, and
        the world's other measures.
    """

    metadata = {"render_modes": ["rgb_array"], "is_parallelizable": True}

    def __init__(self, world: str | World, render_mode: str | None = None, **settings: Any):
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be None or 'rgb_array', not {render_mode!r}")
        self.world = registry.make(world, 1, **settings)
        if self.world.num_envs != 1:
            raise ValueError(f"{self.world.id}: one copy wanted, not {self.world.num_envs}")
        self.possible_agents, self.agents = list(self.world.agents), []
        self.observation_spaces = dict(self.world.observation_spaces)
        self.action_spaces = dict(self.world.action_spaces)
        self.render_mode = render_mode
        self.metadata = self.metadata | {"name": self.world.id, "render_fps": self.world.render_fps}

    def observation_space(self, agent: str):
        return self.observation_spaces[agent]

    def action_space(self, agent: str):
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict | None = None):
        obs, info = self.world.reset(np.arange(1), [seed])
        self.agents = list(self.possible_agents)
        return self._row(obs), self._infos(info)

    def step(self, actions):
        """actions: one for every agent in `agents`. Raises ValueError, naming the agent, for a missing or wrong one."""
        if not self.agents:
            return {}, {}, {}, {}, {}
        given = {a: np.asarray(actions[a])[None] for a in self.agents if a in actions}
        gone = {a: idle(self.action_spaces[a], 1) for a in self.possible_agents if a not in self.agents}
        result = self.world.step(given | gone)
        obs, infos = self._row(result.obs), self._infos(result.info)
        reward = {a: float(result.reward[a][0]) for a in self.agents}
        terminated = {a: bool(result.terminated[a][0]) for a in self.agents}
        truncated = {a: bool(result.truncated[0]) and not terminated[a] for a in self.agents}
        self.agents = [a for a in self.agents if not (terminated[a] or truncated[a])]
        return obs, reward, terminated, truncated, infos

    def render(self):
        return self.world.render() if self.render_mode else None

    def close(self):
        self.world.close()

    def _row(self, values: Arrays) -> dict[str, np.ndarray]:
        return {a: values[a][0] for a in self.agents}

    def _infos(self, info: Arrays) -> dict[str, dict[str, Any]]:
        masks = self.world.masks()

        def one(agent: str) -> dict[str, Any]:
            named = {"is_success" if k == "success" else k: v[0] for k, v in info.items()}
            named |= {} if masks is None else {"action_mask": masks[agent][0]}
            return {k: v.item() if v.ndim == 0 else v.copy() for k, v in named.items()}

        return {a: one(a) for a in self.agents}
