"""One copy of a world as a PettingZoo ParallelEnv."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pettingzoo import ParallelEnv

from .. import registry
from ..core import Arrays, World, unbegun
from . import partners as team
from .joint import idle, row
from .view import View, check_options, drawn


class ParallelView(View, ParallelEnv):
    """Every agent for itself; one that ended leaves `agents`, and nobody acts for it any more.

    partners: group -> policy, "idle" or "random", for groups to leave out; see partners.Partners.
    instructed: the vector of the instruction stands behind every observation; see partners.make.
    infos: agent -> "is_success" bool, "instruction" str, what the episode is about, "action_mask" where some of its
        choices are not allowed now, and the world's other measures.
    """

    metadata = {"render_modes": ["rgb_array"], "is_parallelizable": True}

    def __init__(
        self,
        world: str | World,
        render_mode: str | None = None,
        partners: Mapping[str, team.Policy | str] | None = None,
        instructed: bool = False,
        num_envs: int = 1,
        **settings: Any,
    ):
        self.render_mode = drawn(render_mode)
        self.world = team.make(world, num_envs, partners, instructed, **settings)
        if self.world.num_envs != 1:
            raise ValueError(f"{self.world.id}: a PettingZoo environment is one copy, not {self.world.num_envs}")
        self.possible_agents, self.agents = list(self.world.agents), []
        self.observation_spaces = dict(self.world.observation_spaces)
        self.action_spaces = dict(self.world.action_spaces)
        self.metadata = self.metadata | {"name": self.world.id, "render_fps": self.world.render_fps}
        self._begun = False

    def observation_space(self, agent: str):
        return self.observation_spaces[self._known(agent)]

    def action_space(self, agent: str):
        return self.action_spaces[self._known(agent)]

    def _known(self, agent: str) -> str:
        """The agent itself. Raises UnknownName for one that this world never has."""
        if agent not in self.action_spaces:
            raise registry.nearest(str(agent), self.possible_agents, f"agent of {self.world.id}")
        return agent

    def reset(self, seed: int | None = None, options: dict | None = None):
        check_options(
            self.world, {"goal"} & (options or {}).keys()
        )  # PettingZoo's own tests pass options of no meaning
        obs, info = self.world.reset(np.arange(1), [seed])
        self.agents, self._begun = list(self.possible_agents), True
        return self._row(obs), self._infos(info)

    def step(self, actions):
        """actions: one for every agent in `agents`; those of agents that ended are ignored.

        Raises ValueError, naming the agent, for a missing or wrong one and for an agent that there is not.
        """
        if not self._begun:
            raise unbegun(self.world)
        if not self.agents:  # PettingZoo's convention once everybody has ended
            return {}, {}, {}, {}, {}
        if not isinstance(actions, Mapping):
            raise ValueError(f"{self.world.id}: actions must be a mapping by agent, not {type(actions).__name__}")
        for agent in actions:
            self._known(agent)
        given = {a: row(self.world, repr(a), self.action_spaces[a], actions[a]) for a in self.agents if a in actions}
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
        self._begun = False
        self.world.close()

    def _row(self, values: Arrays) -> dict[str, np.ndarray]:
        return {a: values[a][0] for a in self.agents}

    def _infos(self, info: Arrays) -> dict[str, dict[str, Any]]:
        masks, about = self.world.masks(), int(info["goal"][0]) if "goal" in info else 0
        told = {"instruction": self.world.goals[about].text}

        def one(agent: str) -> dict[str, Any]:
            named = {"is_success" if k == "success" else k: v[0] for k, v in info.items()}
            named |= {} if masks is None else {"action_mask": masks[agent][0]}
            return told | {k: v.item() if v.ndim == 0 else v.copy() for k, v in named.items()}

        return {a: one(a) for a in self.agents}
