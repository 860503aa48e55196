"""All copies of a world as one gymnasium.vector.VectorEnv: the batch itself, with nothing in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ..core import Arrays, World, check_actions, unbegun
from . import autoreset
from . import partners as team
from .joint import Joint, idle
from .view import View, check_options, drawn


class VectorView(View, VectorEnv):
    """Row i is copy i, seen as gym.GymView shows one copy; episodes end and restart by themselves.

    autoreset_mode: SAME_STEP restarts in the step that ends an episode, whose last observation and info
        stand in info["final_obs"] and info["final_info"]; NEXT_STEP restarts in the step after it, which
        ignores the action and pays 0; DISABLED leaves it to reset(options={"reset_mask": …}).
    partners, instructed, episode_steps: as there.
    """

    def __init__(
        self,
        world: str | World,
        num_envs: int = 1,
        render_mode: str | None = None,
        partners: Mapping[str, team.Policy | str] | None = None,
        instructed: bool = False,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **settings: Any,
    ):
        self.render_mode, self.mode = drawn(render_mode), _mode(autoreset_mode)
        self.world = team.together(world, num_envs, partners=partners, instructed=instructed, **settings)
        self.joint = Joint(self.world)
        self.num_envs = self.world.num_envs
        self.single_observation_space, self.single_action_space = self.joint.observation_space, self.joint.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        fps = self.world.render_fps
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": fps, "autoreset_mode": self.mode}
        self._ended = np.zeros(self.num_envs, bool)
        self._begun = False

    def reset(self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None):
        """seed: copy i gets seed + i, or its own from a list. options["reset_mask"]: (num_envs,) bool, which ones."""
        check_options(self.world, options, "reset_mask")
        mask = _mask((options or {}).get("reset_mask"), self.num_envs)
        seeds = [seed + i for i in range(self.num_envs)] if isinstance(seed, (int, np.integer)) else seed
        if seeds is not None and len(seeds) != self.num_envs:
            raise ValueError(f"{self.world.id}: {len(seeds)} seeds for {self.num_envs} copies")
        ids = np.flatnonzero(mask)
        self._ended[ids] = False
        obs, info = self.world.reset(ids, None if seeds is None else [seeds[i] for i in ids])
        self._begun = True
        return self.joint.join(obs), masked(self.joint.info(info, masks=self.joint.masks()), mask)

    def step(self, actions):
        if not self._begun:
            raise unbegun(self.world)
        parts = self.joint.split(actions)
        if self.mode == AutoresetMode.SAME_STEP:
            return self._restart_at_once(parts)
        if self.mode == AutoresetMode.NEXT_STEP and self._ended.any():
            return self._restart_now(parts)
        return self._advance(parts)

    def _advance(self, parts: Arrays):
        result = self.world.step(parts)
        self._ended = result.done
        now = self.joint.info(result.info, result.reward, self.joint.masks())
        info = masked(now, np.ones(self.num_envs, bool))
        reward = self.joint.reward(result.reward)
        return self.joint.join(result.obs), reward, result.done & ~result.truncated, result.truncated, info

    def _restart_at_once(self, parts: Arrays):
        result = self.world.step(parts)
        ending = self.joint.masks()
        obs, info = autoreset.restart(self.world, result)
        done, rewards, every = result.done, result.reward, np.ones(self.num_envs, bool)
        if not done.any():
            named = masked(self.joint.info(info, rewards, ending), every)
        else:
            paid = {a: np.where(done, 0, r) for a, r in rewards.items()}
            named = masked(self.joint.info(info, paid, self.joint.masks()), every)
            final = np.full(self.num_envs, None, dtype=object)
            last = self.joint.join(result.obs)
            for i in np.flatnonzero(done):
                final[i] = last[i]
            named |= masked({"final_info": self.joint.info(result.info, rewards, ending)}, done)
            named |= {"final_obs": final, "_final_obs": done.copy()}
        return self.joint.join(obs), self.joint.reward(rewards), done & ~result.truncated, result.truncated, named

    def _restart_now(self, parts: Arrays):
        """Copies that ended are stepped idly with the rest and then restarted: a world steps all of its copies."""
        ended, spaces = self._ended, self.world.action_spaces
        for agent, action in check_actions(self.world, parts).items():
            parts[agent] = autoreset.select(ended, idle(spaces[agent], self.num_envs), action)
        result = self.world.step(parts)
        obs, fresh = self.world.reset(np.flatnonzero(ended))
        rewards = {a: np.where(ended, 0, r) for a, r in result.reward.items()}
        info = self.joint.info(autoreset.merge(ended, fresh, result.info), rewards, self.joint.masks())
        truncated = result.truncated & ~ended
        terminated = result.done & ~result.truncated & ~ended
        self._ended = terminated | truncated
        named = masked(info, np.ones(self.num_envs, bool))
        return self.joint.join(obs), self.joint.reward(rewards), terminated, truncated, named

    def render(self):
        return tuple(self.world.render(i) for i in range(self.num_envs)) if self.render_mode else None

    def close_extras(self, **kwargs: Any):
        self._begun = False
        self.world.close()


def make(num_envs: int = 1, max_episode_steps: int | None = None, **kwargs: Any) -> VectorView:
    """Gymnasium's vector_entry_point: what gymnasium.make_vec(id, num_envs, …) calls."""
    return VectorView(num_envs=num_envs, max_episode_steps=max_episode_steps, **kwargs)


def masked(info: Mapping[str, Any], mask: np.ndarray) -> dict[str, Any]:
    """info the way gymnasium batches it: beside every name "_name", whose it is; zeros, or None, where nobody's."""
    named: dict[str, Any] = {}
    every = mask.all()
    for name, value in info.items():
        if isinstance(value, Mapping):
            named[name] = masked(value, mask)
        elif every:
            named[name] = value.copy()
        else:
            nothing = np.full_like(value, None) if value.dtype == object else np.zeros_like(value)
            named[name] = autoreset.select(mask, value, nothing)
        named[f"_{name}"] = mask.copy()
    return named


def _mode(mode: AutoresetMode | str) -> AutoresetMode:
    for known in AutoresetMode:
        if mode in (known, known.value, known.name, known.name.lower()):
            return known
    raise ValueError(f"autoreset_mode must be one of {', '.join(m.name for m in AutoresetMode)}, not {mode!r}")


def _mask(mask: Any, n: int) -> np.ndarray:
    if mask is None:
        return np.ones(n, bool)
    mask = np.asarray(mask)
    if mask.shape != (n,) or mask.dtype != bool or not mask.any():
        raise ValueError(f"reset_mask must be ({n},) bool with one True at least, not {mask.dtype} {mask.shape}")
    return mask
