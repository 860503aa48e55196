"""A world in which some groups are played by given policies, so that the others have it to themselves."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
from gymnasium import spaces

from .. import registry
from ..core import Arrays, Step, World, Wrapper, check_actions
from ..streams import Draws, Streams
from .instructed import Instructed
from .joint import idle

# observations (n, …) of one agent -> its actions (n, …); one with the attribute masked = True is also given what the
# agent may choose, (n, choices) bool, None for everything
Policy = Callable[..., np.ndarray]
LEAGUE = "league"
NAMED = ("idle", "random", "scripted", LEAGUE)


class Partners(Wrapper):
    """world without the groups in partners: group -> a Policy, "idle", "random", "scripted" or "league".

    league: the Policy of the groups that are left to one; None: nobody has come, and the script plays them.
    Raises ValueError for a group that is not there, and where no group is left.
    """

    def __init__(self, world: World, partners: Mapping[str, Policy | str]):
        super().__init__(world)
        for group, policy in partners.items():
            if group not in world.groups:
                raise registry.nearest(group, dict(world.groups), f"group in {world.id}")
            if not callable(policy) and policy not in NAMED:
                known = ", ".join(repr(name) for name in NAMED)
                raise ValueError(f"{world.id}: partner {group!r} must be a function or one of {known}, not {policy!r}")
        self.groups = {g: members for g, members in world.groups.items() if g not in partners}
        if not self.groups:
            raise ValueError(f"{world.id}: partners play every group; leave one out")
        self._played = {a: p for g, p in partners.items() for a in world.groups[g]}
        self.league: Policy | None = None
        self.agents = tuple(a for a in world.agents if a not in self._played)
        self.observation_spaces = {a: world.observation_spaces[a] for a in self.agents}
        self.action_spaces = {a: world.action_spaces[a] for a in self.agents}
        self._chance = Streams(world.num_envs)
        self._seen: Arrays = {}

    def reset(self, ids, seeds=None):
        self._chance.begin(ids, None if seeds is None else [None if s is None else int(s) + 2**63 for s in seeds])
        return self._show(*self.world.reset(ids, seeds))

    def step(self, actions):
        actions = check_actions(self, actions)  # before anything is drawn: who is refused changes nothing
        draw = self._chance.draw(np.arange(self.num_envs))
        played = {a: (self.league or "scripted") if p == LEAGUE else p for a, p in self._played.items()}
        script = self.world.scripted() if "scripted" in played.values() else {}
        partners = {
            a: script[a] if policy == "scripted" else self._act(a, policy, draw) for a, policy in played.items()
        }
        result = self.world.step({**actions, **partners})
        obs, info = self._show(result.obs, result.info)
        return Step(obs, self._own(result.reward), self._own(result.terminated), result.truncated, info)

    def masks(self):
        every = self.world.masks()
        return None if every is None else self._own(every)

    def scripted(self):
        return self._own(self.world.scripted())

    def state(self):
        return self.world.state() | {"partners": self._chance.table.copy()}

    def restore(self, state):
        self._chance.table[:] = state["partners"]
        return self._show(*self.world.restore(state))

    def _act(self, agent: str, policy: Policy | str, draw: Draws) -> np.ndarray:
        space = self.world.action_spaces[agent]
        if callable(policy):
            told = ((self.world.masks() or {}).get(agent),) if getattr(policy, "masked", False) else ()
            return policy(self._seen[agent], *told)
        return idle(space, self.num_envs) if policy == "idle" else chance(space, draw)

    def _show(self, obs: Arrays, info: Arrays) -> tuple[Arrays, Arrays]:
        self._seen = {a: obs[a] for a in self._played}
        return self._own(obs), info

    def _own(self, values: Arrays) -> Arrays:
        return {a: values[a] for a in self.agents}


def chance(space: spaces.Space, draw: Draws) -> np.ndarray:
    """(n, …) random actions that the space has. Raises ValueError for a space that is no Box and has no choices."""
    if isinstance(space, spaces.Box):
        return draw.uniform(space.low, space.high)
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        count = space.n if isinstance(space, spaces.Discrete) else space.nvec
        return space.start + (draw.random(*(space.shape or ())) * count).astype(np.int64)
    raise ValueError(f"no random action in {space}")


def make(
    world: str | World,
    num_envs: int = 1,
    partners: Mapping[str, Policy | str] | None = None,
    instructed: bool = False,
    episode_steps: int | None = None,
    **settings,
) -> World:
    """registry.make, with what every view takes beside it.

    instructed: the vector of what the agent is told, its episode's goal, stands behind its observation; partners, who
        may be policies that never saw one, observe what they always did.
    episode_steps: another name of max_episode_steps.
    """
    if episode_steps is not None:
        settings["max_episode_steps"] = episode_steps
    made = registry.make(world, num_envs, **settings)
    made = Partners(made, partners) if partners else made
    return Instructed(made) if instructed else made


def together(world: str | World, num_envs: int = 1, **settings) -> World:
    """make, for a view that has one agent in the place of all; warns where an id's sides play against each other."""
    made = make(world, num_envs, **settings)
    if isinstance(world, str) and len(made.groups) > 1 and "competitive" in registry.spec(world).tags:
        groups = list(made.groups)
        told = f"{made.id}: {' and '.join(groups)} play against each other, and are one agent here, paid their mean"
        warnings.warn(f"{told}: give all but one of them partners=, as in {{{groups[1]!r}: 'scripted'}}", stacklevel=4)
    return made
