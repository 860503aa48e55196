"""A world without an engine, small enough to reason about: walkers on a line, chance in every step."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from ludus.envs.core import Step, World, check_actions
from ludus.envs.instructions import Skill
from ludus.envs.streams import Streams


def _gap(world, arguments):
    side = {"left": -1.0, "right": 1.0}[arguments["side"]]
    return np.abs(world.unwrapped.place[:, 0] - side * 0.5)


go = Skill(
    "go",
    ("go {side}", "walk to the {side}"),
    achieved=lambda world, arguments: _gap(world, arguments) < 0.2,
    progress=lambda world, arguments: np.clip(1 - _gap(world, arguments) / 2, 0, 1),
    held_out=("wander off to the {side} side",),
    chinese=("去{side}",),
    arguments={"side": ("left", "right")},
)


class Walkers(World):
    """Each agent moves a place in [-1, 1] by its action and by chance; who steps outside has ended (and failed)."""

    max_episode_steps = 12
    skills = (go,)
    goals = (go(side="right"),)
    render_fps = 7

    def __init__(self, num_envs: int, groups: dict[str, tuple[str, ...]], discrete: bool = False):
        self.num_envs, self.groups, self.discrete = num_envs, groups, discrete
        self.agents = tuple(a for members in groups.values() for a in members)
        action = spaces.MultiDiscrete([3, 2]) if discrete else spaces.Box(-1, 1, (2,), np.float32)
        self.action_spaces = dict.fromkeys(self.agents, action)
        self.observation_spaces = dict.fromkeys(self.agents, spaces.Box(-2, 2, (3,), np.float32))
        self.streams = Streams(num_envs)
        self.place = np.zeros((num_envs, len(self.agents)))
        self.alive = np.zeros((num_envs, len(self.agents)), bool)
        self.shown = np.zeros((num_envs, len(self.agents)), bool)  # alive before the last step
        self.steps = np.zeros(num_envs, int)

    def reset(self, ids, seeds=None):
        draw = self.streams.begin(ids, seeds)
        self.place[ids] = draw.uniform(-0.8, [0.8] * len(self.agents))
        self.alive[ids] = self.shown[ids] = True
        self.steps[ids] = 0
        return self._observe(), self._info()

    def step(self, actions):
        actions = check_actions(self, actions)
        kicks = self.streams.draw(np.arange(self.num_envs)).uniform(-0.2, [0.2] * len(self.agents))
        before = self.shown = self.alive.copy()
        for k, agent in enumerate(self.agents):
            push = np.clip(actions[agent][:, 0] - self.discrete, -1, 1)
            self.place[:, k] += np.where(before[:, k], 0.4 * push + kicks[:, k], 0)
        self.steps += 1
        self.alive = before & (np.abs(self.place) <= 1)
        reward = {a: np.where(before[:, k], self.place[:, k], 0.0) for k, a in enumerate(self.agents)}
        terminated = {a: ~self.alive[:, k] for k, a in enumerate(self.agents)}
        truncated = (self.steps >= self.max_episode_steps) & self.alive.any(axis=1)
        return Step(self._observe(), reward, terminated, truncated, self._info(sum(reward.values())))

    def _observe(self):
        time = self.steps / 12
        rows = {a: np.stack([self.place[:, k], time, time * self.place[:, k]], 1) for k, a in enumerate(self.agents)}
        return {a: np.where(self.shown[:, k, None], rows[a], 0).astype(np.float32) for k, a in enumerate(self.agents)}

    def _info(self, earned: np.ndarray | float = 0.0):
        """What a reset says of the copies it leaves alone, earned among it, is not what their last step said."""
        measures = {"steps": self.steps.copy(), "places": self.place.copy(), "earned": np.zeros(self.num_envs) + earned}
        return {"success": self.goal.achieved(self)} | measures

    def state(self):
        own = {"place": self.place, "alive": self.alive, "shown": self.shown, "steps": self.steps}
        return {name: array.copy() for name, array in own.items()} | {"streams": self.streams.table.copy()}

    def restore(self, state):
        for array, name in (self.place, "place"), (self.alive, "alive"), (self.shown, "shown"), (self.steps, "steps"):
            array[:] = state[name]
        self.streams.table[:] = state["streams"]
        return self._observe(), self._info()

    def render(self, env=0):
        return np.full((8, 8, 3), int(100 + 50 * self.place[env, 0]), np.uint8)

    def describe(self, env, agent):
        return f"{agent} stands at {self.place[env, self.agents.index(agent)]:.3f}."

    def feasible(self, env, agent):
        return list(go.instructions())

    def masks(self):
        """Choosers may not go right beyond 0.6."""
        table = np.ones((self.num_envs, len(self.agents), 5), bool)
        table[:, :, 2] = self.place <= 0.6
        return {a: table[:, k] for k, a in enumerate(self.agents)} if self.discrete else None

    def scripted(self):
        towards = np.repeat(np.sign(0.5 - self.place)[:, :, None], 2, axis=2)
        actions = np.stack([1 + towards[..., 0], np.zeros(self.place.shape)], 2) if self.discrete else 0.3 * towards
        return {a: actions[:, k] for k, a in enumerate(self.agents)}


TEAM = {"walkers": ("ann", "bob")}
RIVALS = {"walkers": ("ann", "bob"), "guards": ("cid",)}
VARIANTS = {
    "Alone": {"groups": {"walkers": ("ann",)}},
    "Team": {"groups": TEAM},
    "Choices": {"groups": TEAM, "discrete": True},
    "Rivals": {"groups": RIVALS},
}


def make(num_envs: int, variant: str = "Team") -> Walkers:
    return Walkers(num_envs, **VARIANTS[variant])
