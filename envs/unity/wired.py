"""A named game through a player: the bundled one, or a build that stands for it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .games import build, game, table
from .launch import bundled
from .world import UnityWorld

OWN = set(inspect.signature(UnityWorld.__init__).parameters) - {"self", "num_envs", "player", "ours"}


def make(name: str, num_envs: int = 1, **settings: Any) -> UnityWorld:
    """Settings of UnityWorld go to it, the others to the game. A build is a real player: it has no capabilities."""
    ours = {key: value for key, value in settings.items() if key in OWN}
    theirs = {key: value for key, value in settings.items() if key not in OWN}
    real = build(name)
    if real is not None:
        return UnityWorld(num_envs, real, **ours)
    return WiredGame(name, num_envs, theirs, **ours)


class WiredGame(UnityWorld):
    """A bundled game behind Unity's own client. What words, pictures and scripts need is read from a game of the same
    state in this process, brought up to date when somebody asks. The player is started when it is first needed."""

    def __init__(self, name: str, num_envs: int, settings: Mapping[str, Any], **wire: Any):
        parameters = {"parameters": wire["parameters"]} if "parameters" in wire else {}
        usual = inspect.signature(game(name)).parameters  # the player's own choice may be another
        settings = {key: usual[key].default for key in table()[name].get("official", {})} | dict(settings)
        self.mirror = game(name)(num_envs, **settings, **parameters)
        self.skills, self.goals, self.render_fps = self.mirror.skills, self.mirror.goals, self.mirror.render_fps
        self.max_episode_steps = self.mirror.max_episode_steps
        chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
        arguments = [name, "--areas", str(num_envs), *chosen, *wire.pop("arguments", ())]
        super().__init__(num_envs, bundled(), arguments, ours=True, goal_signal=False, **wire)

    def _describe(self) -> None:
        """As the game itself describes its agents: they are the same."""
        game = self.mirror
        self.agents, self.groups, self.behaviours, self.watched = (
            game.agents, game.groups, dict(game.behaviours), game.watched,
        )  # fmt: skip
        self.observation_spaces, self.action_spaces = game.observation_spaces, game.action_spaces
        self._of = game.behaviour_of

    def _current(self):
        self.mirror.restore(self.state())
        self.mirror.max_episode_steps = self.max_episode_steps
        return self.mirror

    @property
    def unwrapped(self):
        return self._current()

    def masks(self):
        return super().masks() if self.mirror.masks() is not None else None

    def scripted(self):
        return self._current().scripted()

    def describe(self, env: int, agent: str) -> str:
        return self._current().describe(env, agent)

    def feasible(self, env: int, agent: str):
        return self._current().feasible(env, agent)

    def render(self, env: int = 0) -> np.ndarray:
        return self._current().render(env)

    def restore(self, state):
        return super().restore(state)
