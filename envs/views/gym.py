"""One copy of a world as a gymnasium.Env."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from ..core import World, unbegun
from . import partners as team
from .joint import Joint, everything
from .view import View, check_options, drawn


class GymView(View, gymnasium.Env):
    """One agent in the place of all: joint spaces, mean reward; see joint.Joint.

    partners: group -> policy (observations (1, …) to actions (1, …)), "idle" or "random", for groups to leave out.
    instructed: the vector of the instruction stands behind the observation; see partners.make.
    episode_steps: the world's max_episode_steps. gymnasium.make keeps that name to itself, and cuts episodes that it
        cannot lengthen.
    info: "is_success" bool, "instruction" str, what the episode is about, "action_mask" (choices,) bool where some
        choices are not allowed now, and the world's other measures; "rewards", agent -> float, where there are several.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}

    def __init__(
        self,
        world: str | World,
        render_mode: str | None = None,
        partners: Mapping[str, team.Policy | str] | None = None,
        instructed: bool = False,
        episode_steps: int | None = None,
        num_envs: int = 1,
        **settings: Any,
    ):
        self.render_mode = drawn(render_mode)
        self.world = team.together(
            world, num_envs, partners=partners, instructed=instructed, episode_steps=episode_steps, **settings
        )
        if self.world.num_envs != 1:
            raise ValueError(
                f"{self.world.id}: gym.make makes one copy, not {self.world.num_envs}; use gym.make_vec(id, num_envs=…)"
            )
        self.joint = Joint(self.world)
        self.observation_space, self.action_space = self.joint.observation_space, self.joint.action_space
        self.metadata = self.metadata | {"render_fps": self.world.render_fps}
        self._begun, self._over, self._spec = False, False, None

    @property
    def spec(self):
        """Gymnasium's, with the world's max_episode_steps: wrappers that show the time ask for it here."""
        return self._spec

    @spec.setter
    def spec(self, spec):
        self._spec = spec
        if spec is not None:
            spec.max_episode_steps = self.world.max_episode_steps

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        super().reset(seed=seed)
        check_options(self.world, options)
        obs, info = self.world.reset(np.arange(1), [seed])
        self._begun, self._over = True, False
        return self.joint.join(obs)[0], _row(self.joint.info(info, masks=self.joint.masks()))

    def step(self, action):
        if self._over or not self._begun:
            raise unbegun(self.world)
        result = self.world.step(self.joint.split(self.joint.row(action)))
        truncated, self._over = bool(result.truncated[0]), bool(result.done[0])
        info = _row(self.joint.info(result.info, result.reward, self.joint.masks()))
        obs, reward = self.joint.join(result.obs)[0], float(self.joint.reward(result.reward)[0])
        return obs, reward, self._over and not truncated, truncated, info

    def action_masks(self) -> np.ndarray:
        """(choices,) bool, True where a choice is allowed now: what sb3-contrib's MaskablePPO looks for."""
        masks = self.joint.masks()
        return (everything(self.action_space, 1) if masks is None else masks)[0]

    def render(self):
        return self.world.render() if self.render_mode else None

    def close(self):
        self._begun = False
        self.world.close()


def _row(info: Mapping[str, Any]) -> dict[str, Any]:
    """Row 0 of every value, as plain numbers where it is one."""
    plain = {}
    for name, value in info.items():
        if isinstance(value, Mapping):
            plain[name] = _row(value)
        else:
            plain[name] = value.item(0) if value.ndim == 1 else value[0].copy()
    return plain
