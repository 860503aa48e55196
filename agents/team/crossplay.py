"""Cross-play: how those who learnt together do with partners whom they never met."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...envs.core import World
from .team import by_group

FIRST_SEED = 1 << 42  # of the first episode: far from every training seed
Act = Callable[..., np.ndarray]  # (obs (n, width), masks or None) -> actions (n, …)


def crossplay(world: World, players: Sequence[Act], partners: Sequence[Act] | None = None) -> np.ndarray:
    """(players, partners) the share of episodes that succeed, one episode in every copy of world.

    Row j, column k: player j acts for the agents of the first group (of a team without groups: for its first agent),
    partner k for all others; None: the players are the partners, and the diagonal is who learnt together. Always the
    same episodes. Raises ValueError where there is nobody to be partnered with.
    """
    own = _own(world)
    return np.array([[_success(world, one, other, own) for other in partners or players] for one in players])


def _own(world: World) -> set[str]:
    agents = list(world.agents)
    if len(agents) < 2:
        raise ValueError(f"{world.id}: {agents[0]} is alone; cross-play needs two agents")
    groups = by_group(world)
    if len(set(groups)) == 1:
        return {world.agents[0]}
    return {agent for agent, group in zip(world.agents, groups, strict=True) if group == 0}


def _success(world: World, one: Act, other: Act, own: set[str]) -> float:
    n = world.num_envs
    obs, _ = world.reset(np.arange(n), [FIRST_SEED + i for i in range(n)])
    live, success, steps = np.ones(n, bool), np.zeros(n, bool), 0
    while live.any():
        masks, steps = world.masks() or {}, steps + 1
        step = world.step({a: (one if a in own else other)(obs[a], masks.get(a)) for a in world.agents})
        ended = live & (step.done | (steps >= world.max_episode_steps))
        success |= ended & step.info["success"]
        obs, live = step.obs, live & ~ended
    return float(success.mean())
