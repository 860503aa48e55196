"""A tiny game for two: both see a number, and who names the nearer one wins. Learnt in seconds, never in one step."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from ludus.envs.core import Step, World, check_actions
from ludus.envs.instructions import Skill
from ludus.envs.streams import Streams

ROUNDS = 4


def _lead(world, arguments):
    game = world.unwrapped
    return (game.score if arguments["side"] == "left" else -game.score) / ROUNDS


lead = Skill(
    "lead",
    ("lead on the {side}",),
    achieved=lambda world, arguments: _lead(world, arguments) > 0,
    progress=lambda world, arguments: np.clip(_lead(world, arguments), 0, 1),
    held_out=("be ahead on the {side}",),
    chinese=("{side}领先",),
    arguments={"side": ("left", "right")},
)


class Duel(World):
    """Each round pays the nearer one 1 and the other -1; the script is 0.2 wrong."""

    groups = {"left": ("ann",), "right": ("bob",)}
    agents = ("ann", "bob")
    max_episode_steps = ROUNDS
    skills = (lead,)
    goals = (lead(side="left"),)

    def __init__(self, num_envs: int, wide: bool = False):
        self.num_envs, self.streams = num_envs, Streams(num_envs)
        box = {a: spaces.Box(-1, 1, (2 + (wide and a == "bob"),), np.float32) for a in self.agents}
        self.observation_spaces = box
        self.action_spaces = dict.fromkeys(self.agents, spaces.Box(-1, 1, (1,), np.float32))
        self.asked, self.steps, self.score = np.zeros(num_envs), np.zeros(num_envs, int), np.zeros(num_envs)

    def _ask(self, ids, draw):
        self.asked[ids] = draw.uniform(-1.0, 1.0)

    def reset(self, ids, seeds=None):
        self._ask(ids, self.streams.begin(ids, seeds))
        self.steps[ids] = self.score[ids] = 0
        return self._observe(), self._info()

    def step(self, actions):
        acts = check_actions(self, actions)
        off = {a: np.abs(np.clip(acts[a][:, 0], -1, 1) - self.asked) for a in self.agents}
        gain = np.sign(off["bob"] - off["ann"])
        self.score += gain
        self.steps += 1
        everyone = np.arange(self.num_envs)
        self._ask(everyone, self.streams.draw(everyone))
        never = {a: np.zeros(self.num_envs, bool) for a in self.agents}
        late = self.steps >= self.max_episode_steps
        return Step(self._observe(), {"ann": gain.copy(), "bob": -gain}, never, late, self._info())

    def _observe(self):
        row = np.stack([self.asked, self.steps / 10, self.asked], axis=1).astype(np.float32)
        return {a: row[:, : s.shape[0]].copy() for a, s in self.observation_spaces.items()}  # type: ignore[index]

    def _info(self):
        return {"success": self.score > 0}

    def state(self):
        return {
            "asked": self.asked.copy(),
            "steps": self.steps.copy(),
            "score": self.score.copy(),
            "streams": self.streams.table.copy(),
        }

    def restore(self, state):
        self.asked[:], self.steps[:], self.score[:] = state["asked"], state["steps"], state["score"]
        self.streams.table[:] = state["streams"]
        return self._observe(), self._info()

    def render(self, env=0):
        return np.zeros((8, 8, 3), np.uint8)

    def describe(self, env, agent):
        return f"The number is {self.asked[env]:.2f}."

    def scripted(self):
        return {a: (0.8 * self.asked + 0.2)[:, None] for a in self.agents}


def make(num_envs: int, wide: bool = False) -> Duel:
    return Duel(num_envs, wide)
