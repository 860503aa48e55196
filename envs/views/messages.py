"""A world in which agents also talk: every action carries a message, which the others hear one step later."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from ..core import Arrays, World, Wrapper, check_actions


class Messages(Wrapper):
    """world, with messages of `width` from each of its agents to all the others.

    An action of a Box gets width numbers more, heard as they are, cut to [-1, 1]; an action of choices gets one choice
    more, of width words, heard as a one-hot. An observation gets what each other agent, in order, said in the last
    step: zeros at an episode's start, and from who had ended. mute: the same spaces, but nothing is ever heard.
    Raises ValueError for an agent that is alone, a width that says nothing, and observations that are no flat Box.
    """

    def __init__(self, world: World, width: int, mute: bool = False):
        super().__init__(world)
        agents = list(world.agents)
        if len(agents) < 2:
            raise ValueError(f"{world.id}: messages need two agents; {agents[0]!r} is alone")
        if not isinstance(width, int) or width < 1:
            raise ValueError(f"{world.id}: messages must be a whole number from 1, not {width!r}")
        self._width, self._mute = width, mute
        self._own = {a: int(np.prod(world.action_spaces[a].shape or (1,))) for a in world.agents}
        self.action_spaces = {a: _speaking(world, a, width) for a in world.agents}
        heard = width * (len(world.agents) - 1)
        self.observation_spaces = {a: _hearing(world, a, heard) for a in world.agents}
        if cut := getattr(world, "cuts", None):  # a hybrid Box's thresholds: a message has none
            self.cuts = {a: (*cuts, *[0] * width) for a, cuts in cut.items()}
        pairs = len(agents), world.num_envs
        self._said = np.zeros((*pairs, width), np.float32)
        self._alive, self._shown = np.ones(pairs, bool), np.ones(pairs, bool)  # after, and before the step

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        self._said[:, ids] = 0
        self._alive[:, ids] = self._shown[:, ids] = True
        return self._listen(obs), info

    def step(self, actions):
        checked = check_actions(self, actions)
        step = self.world.step({a: self._done(a, checked[a]) for a in self.agents})
        for k, agent in enumerate(self.agents):
            said = self._message(agent, checked[agent])
            self._said[k] = np.where(self._alive[k, :, None] & (not self._mute), said, 0)
        self._shown = self._alive
        self._alive = np.stack([~step.terminated[a] for a in self.agents])
        return step._replace(obs=self._listen(step.obs))

    def masks(self):
        """Every word may be said at any time."""
        inner = self.world.masks()
        words = np.ones((self.num_envs, self._width), bool)
        return None if inner is None else {a: np.concatenate([m, words], axis=1) for a, m in inner.items()}

    def scripted(self):
        """The world's script, which says nothing (of words: the first)."""
        return {a: self._silent(a, action) for a, action in self.world.scripted().items()}

    def state(self):
        own = {"said": self._said, "alive": self._alive, "shown": self._shown}
        return self.world.state() | {f"messages.{k}": v.copy() for k, v in own.items()}

    def restore(self, state):
        self._said, self._alive, self._shown = (state[f"messages.{k}"].copy() for k in ("said", "alive", "shown"))
        obs, info = self.world.restore(state)
        return self._listen(obs), info

    def _done(self, agent: str, action: np.ndarray) -> np.ndarray:
        """What the action does, without what it says."""
        shape = self.world.action_spaces[agent].shape or ()
        return action[:, : self._own[agent]].reshape(self.num_envs, *shape)

    def _message(self, agent: str, action: np.ndarray) -> np.ndarray:
        """(num_envs, width) what the action says."""
        said = action[:, self._own[agent] :]
        if isinstance(self.action_spaces[agent], spaces.Box):
            return np.clip(said, -1, 1)
        return (said == np.arange(self._width)).astype(np.float32)

    def _silent(self, agent: str, action: np.ndarray) -> np.ndarray:
        space: Any = self.action_spaces[agent]
        more = np.zeros((self.num_envs, space.shape[0] - self._own[agent]), action.dtype)
        return np.concatenate([action.reshape(self.num_envs, -1), more], axis=1)

    def _listen(self, obs: Arrays) -> Arrays:
        heard = {}
        for k, agent in enumerate(self.agents):
            others = [self._said[j] for j in range(len(self.agents)) if j != k]
            told = np.where(self._shown[k, :, None], np.concatenate(others, axis=1), 0)
            heard[agent] = np.concatenate([obs[agent], told], axis=1, dtype=obs[agent].dtype)
        return heard


def _speaking(world: World, agent: str, width: int) -> spaces.Space:
    space: Any = world.action_spaces[agent]
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        low, high = np.append(space.low, [-1.0] * width), np.append(space.high, [1.0] * width)
        return spaces.Box(low.astype(space.dtype), high.astype(space.dtype), dtype=space.dtype.type)
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and len(space.shape or ()) < 2:
        if width < 2:
            raise ValueError(f"{world.id}: of one word {agent} cannot choose; messages must be 2 or more")
        count = space.n if isinstance(space, spaces.Discrete) else space.nvec
        return spaces.MultiDiscrete(np.append(count, width), start=np.append(space.start, 0))
    raise ValueError(f"{world.id}: {agent} acts in {space}; messages need a flat Box or choices")


def _hearing(world: World, agent: str, width: int) -> spaces.Box:
    space: Any = world.observation_spaces[agent]
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ValueError(f"{world.id}: {agent} observes {space}; messages need a flat Box")
    low, high = np.append(space.low, [-1.0] * width), np.append(space.high, [1.0] * width)
    return spaces.Box(low.astype(space.dtype), high.astype(space.dtype), dtype=space.dtype.type)
