"""A tiny world that needs messages: ann sees a sign, bob must act it, and only her word tells him which."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from gymnasium import spaces

from ludus.envs.core import Step, World, check_actions
from ludus.envs.instructions import Skill
from ludus.envs.streams import Streams

say = Skill(
    "say",
    ("act the sign",),
    achieved=lambda world, arguments: cast(Any, world.unwrapped).right,
    progress=lambda world, arguments: cast(Any, world.unwrapped).right.astype(float),
)


class Whispers(World):
    """Every step has a new sign, which bob acts a step after ann saw it; both are paid when he acts it rightly."""

    agents = ("ann", "bob")
    max_episode_steps = 4
    skills = (say,)
    goals = (say(),)

    def __init__(self, num_envs: int, choices: bool = False, apart: bool = False):
        self.num_envs, self.streams, self.choices = num_envs, Streams(num_envs), choices
        self.groups = {"seers": ("ann",), "doers": ("bob",)} if apart else {"pair": self.agents}
        act = spaces.Discrete(2) if choices else spaces.Box(-1, 1, (1,), np.float32)
        self.observation_spaces = dict.fromkeys(self.agents, spaces.Box(-1, 1, (2,), np.float32))
        self.action_spaces = dict.fromkeys(self.agents, act)
        self.sign, self.asked = np.ones(num_envs), np.ones(num_envs)
        self.right, self.steps = np.zeros(num_envs, bool), np.zeros(num_envs, int)

    def reset(self, ids, seeds=None):
        self.sign[ids] = np.where(self.streams.begin(ids, seeds).random() < 0.5, -1, 1)
        self.right[ids], self.steps[ids] = False, 0
        return self._observe(), self._info()

    def step(self, actions):
        acted = check_actions(self, actions)["bob"].reshape(self.num_envs)
        told = self.steps > 0  # at the first step nobody has spoken yet
        self.right = told & ((acted > 0) == (self.asked > 0))
        everyone = np.arange(self.num_envs)
        self.asked = self.sign
        self.sign = np.where(self.streams.draw(everyone).random() < 0.5, -1.0, 1.0)
        self.steps += 1
        never = {a: np.zeros(self.num_envs, bool) for a in self.agents}
        reward = {a: np.where(self.right, 1.0, 0.0) - 0.5 for a in self.agents}
        return Step(self._observe(), reward, never, self.steps >= self.max_episode_steps, self._info())

    def _observe(self):
        one = np.ones(self.num_envs)
        rows = {"ann": [self.sign, one], "bob": [0 * one, -one]}
        return {a: np.stack(row, axis=1).astype(np.float32) for a, row in rows.items()}

    def _info(self):
        return {"success": self.right.copy()}

    def state(self):
        own = {"sign": self.sign, "asked": self.asked, "right": self.right, "steps": self.steps}
        return {k: v.copy() for k, v in own.items()} | {"streams": self.streams.table.copy()}

    def restore(self, state):
        self.sign, self.asked, self.right, self.steps = (state[k].copy() for k in ("sign", "asked", "right", "steps"))
        self.streams.table[:] = state["streams"]
        return self._observe(), self._info()

    def render(self, env=0):
        return np.zeros((8, 8, 3), np.uint8)

    def describe(self, env, agent):
        return f"{agent} sees {'a sign' if agent == 'ann' else 'nothing'}."


def make(num_envs: int, choices: bool = False, apart: bool = False) -> Whispers:
    return Whispers(num_envs, choices, apart)
