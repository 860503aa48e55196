"""Trying a policy: one batch of episodes with seeds of their own, in worlds of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..agents.acting import Act
from ..envs.core import World

FIRST_SEED = 1 << 40  # far from every training seed (those have 32 bits)


def evaluate(world: World, act: Act | Callable[..., np.ndarray]) -> dict[str, Any]:
    """One episode in every copy of world: the scores of a record's row.

    act: (obs (n, width), masks (n, choices) or None), agent by agent as in the SB3 view, -> actions (n, …). It begins
        with the episodes. The same seeds every time.
    success: share of episodes whose last step was a success; return: mean over agents and episodes.
    """
    n, agents = world.num_envs, world.agents
    obs, _ = world.reset(np.arange(n), [FIRST_SEED + i for i in range(n)])
    live, success, diverged = np.ones(n, bool), np.zeros(n, bool), np.zeros(n, bool)
    total, length = np.zeros(n), np.zeros(n, int)
    while live.any():
        masks = world.masks()
        rows = [np.concatenate([of[a] for a in agents]) for of in (obs, *([] if masks is None else [masks]))]
        actions = act(*rows)
        step = world.step(dict(zip(agents, np.split(actions, len(agents)), strict=True)))
        total += np.where(live, sum(step.reward[a] for a in agents) / len(agents), 0.0)
        length += live
        ended = live & (step.done | (length >= world.max_episode_steps))
        success |= ended & step.info["success"]
        diverged |= ended & step.info.get("diverged", False)
        live &= ~ended
        obs = step.obs
    rate = round(float(success.mean()), 6)
    return {
        "episodes": n,
        "success": rate,
        "return": round(float(total.mean()), 6),
        "length": round(float(length.mean()), 6),
        "diverged": int(diverged.sum()),
        "agents": dict.fromkeys(agents, rate),
    }
