"""The agents of a group, in every copy, as one Stable-Baselines3 VecEnv.

Rows run agent by agent: agents a and b of two copies give the rows a0, a1, b0, b1.
num_envs counts rows, because an SB3 algorithm keeps its number of rows for life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from .. import registry
from ..core import PARTIAL_RESET, Arrays, Step, World, unbegun
from . import autoreset
from . import partners as team
from .joint import everything
from .view import View, drawn


class Sb3View(View, VecEnv):
    """world: an id or a World; group: whose agents are the rows (None: the only group).

    partners: group -> policy, "idle" or "random": who plays the other groups; see partners.Partners.
    instructed: the vector of the instruction stands behind every observation; see partners.make.
    A row's episode is its copy's: an agent that ended early rests, at zeros, until the copy is over.
    seed(s) gives copy i the seed s + i at the next reset. Every info has "is_success", those of rows that ended
    also "instruction", what the episode was about; the others are shared between rows, and not to be written to.
    Raises ValueError for num_envs that is no multiple of the group's agents, and for groups left without a player.
    """

    def __init__(
        self,
        world: str | World,
        num_envs: int = 1,
        group: str | None = None,
        partners: Mapping[str, team.Policy | str] | None = None,
        instructed: bool = False,
        render_mode: str | None = "rgb_array",
        **settings: Any,
    ):
        drawn(render_mode)
        copies = num_envs if isinstance(world, World) else _copies(world, num_envs, group, partners, settings)
        self.world = team.make(world, copies, partners, instructed, **settings)
        self.group, self.members = _group(self.world, group)
        self.copies = self.world.num_envs
        self.render_mode = "rgb_array"
        self._begun = False
        first = self.members[0]
        spaces = self.world.observation_spaces[first], self.world.action_spaces[first]
        super().__init__(self.copies * len(self.members), *spaces)

    def reset(self):
        """Start anew everywhere; returns (num_envs, …) observations."""
        obs, info = self.world.reset(np.arange(self.copies), self._seeds[: self.copies])
        self._begun = True
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = _infos(self._tile(info["success"]))
        return self._rows(obs)

    def step_async(self, actions):
        if not self._begun:
            raise unbegun(self.world)
        rows = np.asarray(actions)
        if len(rows) != self.num_envs:
            raise ValueError(f"{self.world.id}: {len(rows)} actions for {self.num_envs} rows")
        self._actions = dict(zip(self.members, np.split(rows, len(self.members)), strict=True))

    def step_wait(self):
        result, obs, _ = autoreset.step(self.world, self._actions)
        infos = _infos(self._tile(result.info["success"]))
        done = self._tile(result.done)
        if done.any():
            self._end(infos, result, done)
        return self._rows(obs), self._rows(result.reward).astype(np.float32), done, infos

    def _end(self, infos: list[dict[str, Any]], result: Step, done: np.ndarray) -> None:
        """Give the rows that ended an info of their own."""
        last, ended = self._rows(result.obs), self._rows(result.terminated)
        cut = self._tile(result.truncated) & ~ended  # no value is left in an agent that ended before
        more = {name: self._tile(value) for name, value in result.info.items() if name != "success"}
        about, goals = more.get("goal", np.zeros(self.num_envs, int)), self.world.goals
        for i in np.flatnonzero(done):
            infos[i] = infos[i] | {name: value[i] for name, value in more.items()}
            infos[i] |= {"instruction": goals[about[i]].text}
            infos[i] |= {"terminal_observation": last[i], "TimeLimit.truncated": bool(cut[i])}

    def state(self) -> Arrays:
        """The world's state; the view has none of its own."""
        return self.world.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """Go back to state(); returns the observations there."""
        obs, _ = self.world.restore(state)
        self._begun = True
        return self._rows(obs)

    def _rows(self, values: Arrays) -> np.ndarray:
        if len(self.members) == 1:  # a world's observations are new arrays at every step
            return values[self.members[0]]
        return np.concatenate([values[a] for a in self.members])

    def _tile(self, array: np.ndarray) -> np.ndarray:
        return array if len(self.members) == 1 else np.concatenate([array] * len(self.members))

    def get_images(self):
        """One picture a copy: its agents share it."""
        return [self.world.render(i) for i in range(self.copies)]

    def close(self):
        self._begun = False
        self.world.close()

    def action_masks(self) -> np.ndarray:
        """(num_envs, choices) bool, True where a choice is allowed now: what sb3-contrib's MaskablePPO looks for."""
        masks = self.world.masks()
        return everything(self.action_space, self.num_envs) if masks is None else self._rows(masks)

    def get_attr(self, attr_name, indices=None):
        value = getattr(self, attr_name) if hasattr(self, attr_name) else getattr(self.world, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name, value, indices=None):
        """For all rows at once: they share one world."""
        setattr(self.world, attr_name, value)

    def env_method(self, method_name, *method_args, indices=None, **method_kwargs):
        """The world's method, called once; action_masks gives each row its own."""
        if method_name == "action_masks":
            masks = self.action_masks()
            return [masks[i] for i in self._get_indices(indices)]
        result = getattr(self.world, method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False for _ in self._get_indices(indices)]


def _infos(success: np.ndarray) -> list[dict[str, Any]]:
    """One of two dictionaries a row, new at every step."""
    both = {"is_success": False}, {"is_success": True}
    return [both[s] for s in success.tolist()]


def _copies(id: str, num_envs: int, group: str | None, partners: Mapping[str, Any] | None, settings: dict) -> int:
    """How many copies make num_envs rows."""
    probe = team.make(id, 1, partners, **settings)
    agents = len(_group(probe, group)[1])
    probe.close()
    if PARTIAL_RESET not in probe.capabilities and num_envs == agents:
        return num_envs  # somebody's build: its agents end one by one, so that each is a copy of its own
    copies, rest = divmod(num_envs, agents)
    if rest or copies < 1:
        what = "1 agent" if agents == 1 else f"{agents} agents"
        raise ValueError(f"{probe.id} has {what}: num_envs must be a positive multiple of {agents}, not {num_envs}")
    return copies


def _group(world: World, group: str | None) -> tuple[str, tuple[str, ...]]:
    """The group whose agents are rows; ValueError if it is unknown, or other groups have no player."""
    if group is not None and group not in world.groups:
        raise registry.nearest(group, dict(world.groups), f"group in {world.id}")
    if len(world.groups) > 1:
        raise ValueError(f"{world.id} has the groups {', '.join(world.groups)}: give all but one of them partners=")
    name = next(iter(world.groups))
    return name, world.groups[name]
