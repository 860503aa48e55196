"""The agents of a group, in every copy, as one Stable-Baselines3 VecEnv.

Rows run agent by agent: agents a and b of two copies give the rows a0, a1, b0, b1.
num_envs counts rows, because an SB3 algorithm keeps its number of rows for life.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

from .. import registry
from ..core import Arrays, World
from . import autoreset


class Sb3View(VecEnv):
    """world: an id or a World; group: whose agents are the rows (None: the only group)."""

    def __init__(self, world: str | World, num_envs: int = 1, group: str | None = None, **settings: Any):
        if not isinstance(world, World):
            probe = registry.make(world, 1, **settings)
            agents = len(_group(probe, group)[1])
            probe.close()
            copies, rest = divmod(num_envs, agents)
            if rest or not copies:
                raise ValueError(f"{world} has {agents} agents: num_envs must be a multiple of that, not {num_envs}")
            world = registry.make(world, copies, **settings)
        self.world = world
        self.group, self.members = _group(world, group)
        if len(world.groups) > 1:
            raise ValueError(f"{world.id} has groups {', '.join(world.groups)}: an SB3 view holds one")
        self.copies = world.num_envs
        self.render_mode = "rgb_array"
        first = self.members[0]
        super().__init__(
            self.copies * len(self.members), world.observation_spaces[first], world.action_spaces[first]
        )

    def reset(self):
        seeds = self._seeds[: self.copies]
        obs, self.reset_info = self.world.reset(np.arange(self.copies), seeds)
        self._reset_seeds()
        return self._rows(obs)

    def step_async(self, actions):
        self._actions = dict(zip(self.members, np.split(np.asarray(actions), len(self.members)), strict=True))

    def step_wait(self):
        result, obs, _ = autoreset.step(self.world, self._actions)
        over = result.done
        done = self._tile(over)
        success = self._tile(result.info["success"]).tolist()
        infos: list[dict] = [{"is_success": s} for s in success]
        if over.any():
            final, cut = self._rows(result.obs), self._tile(result.truncated)
            more = {k: self._tile(v) for k, v in result.info.items()}
            for i in np.flatnonzero(done):
                infos[i] |= {k: v[i] for k, v in more.items()}
                infos[i]["terminal_observation"] = final[i]
                infos[i]["TimeLimit.truncated"] = bool(cut[i])
        return self._rows(obs), self._rows(result.reward).astype(np.float32), done, infos

    def _rows(self, arrays: Arrays) -> np.ndarray:
        return np.concatenate([arrays[a] for a in self.members])

    def _tile(self, array: np.ndarray) -> np.ndarray:
        return np.concatenate([array] * len(self.members))

    def get_images(self):
        return [self.world.render(i % self.copies) for i in range(self.num_envs)]

    def close(self):
        self.world.close()

    def get_attr(self, attr_name, indices=None):
        value = getattr(self, attr_name) if hasattr(self, attr_name) else getattr(self.world, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name, value, indices=None):
        setattr(self.world, attr_name, value)

    def env_method(self, method_name, *args, indices=None, **kwargs):
        result = getattr(self.world, method_name)(*args, **kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False for _ in self._get_indices(indices)]


def _group(world: World, group: str | None) -> tuple[str, tuple[str, ...]]:
    if group is None:
        if len(world.groups) > 1:
            raise ValueError(f"{world.id} has groups {', '.join(world.groups)}: say which with group=")
        group = next(iter(world.groups))
    if group not in world.groups:
        raise registry.nearest(group, dict(world.groups), f"group in {world.id}")
    return group, world.groups[group]
