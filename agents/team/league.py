"""Self-play: the other side is played by past selves of the learner.

As in Unity's ghost trainer (ml-agents, trainers/ghost/trainer.py): every so many steps the policy is kept; who plays
next is the newest one with a given probability, else any of those kept, evenly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...envs.core import World
from ...envs.views.partners import LEAGUE, Partners, Policy
from ..algorithms import ALGORITHMS
from ..algorithms import algorithm as find
from ..interface import Body
from ..method import Method, drawing
from ..state import State


class League(Method):
    """Plays the groups of a stage whose partner is "league".

    every: rows stepped between two kept selves. latest: how likely the newest one is drawn; else one of all is, evenly.
    swap: rows after which another one is drawn. size: how many are kept; then the oldest goes, but for the very first.
    seed: of the draws, and of what past selves choose where their policies leave it to chance.
    """

    def __init__(self, every: int = 50_000, latest: float = 0.5, swap: int = 10_000, size: int = 20, seed: int = 0):
        if min(every, swap) < 1 or size < 2 or not 0 <= latest <= 1:
            raise ValueError(
                f"league: every and swap from 1, size from 2, latest in [0, 1]; not {every, swap, size, latest}"
            )
        self.every, self.latest, self.swap, self.size = every, latest, swap, size
        self.selves: list[dict[str, np.ndarray]] = []  # weights, the oldest first
        self.steps: list[int] = []  # when each was kept
        self.playing = 0  # which of them
        self._kept, self._drawn, self._acted = 0, 0, 0  # rows at the last of each; how often somebody acted
        self._draws, self._seed = np.random.default_rng([seed, 1]), seed
        self._learner: Any = None
        self._player: Any = None  # a policy of the learner's shape, with the weights of the self that plays

    # where it sits

    def on_birth(self, learner, settings):
        remembers_nothing(learner.algorithm)
        self._learner = learner
        return settings

    def on_task_start(self, learner, task):
        self._sit()
        self._keep()
        self._draw()

    def _sit(self) -> None:
        """Take the seats that are left to the league in the learner's env."""
        env = self._learner.model.get_env()
        for view in getattr(env, "views", [env]):
            if (table := _layer(view.world, Partners)) is not None:
                table.league = self.player(view.world)

    def player(self, world: World) -> Policy:
        """Who plays the seats of world that are left to a league; it is `masked` where the algorithm has masks."""
        body = _layer(world, Body)

        def play(obs: np.ndarray, *mask: np.ndarray | None) -> np.ndarray:
            return self._act(obs, *mask) if body is None else body.lend(obs, self._act, *mask)

        play.masked = self._learner.kind.masks
        return play

    # playing

    def _act(self, rows: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        now = self._learner.num_timesteps
        if now - self._kept >= self.every:
            self._keep()
            self._draw()
        elif now - self._drawn >= self.swap:
            self._draw()
        self._acted += 1
        with drawing(_mixed(self._seed, self._acted), self._learner.model.device):
            return self._player.predict(rows, deterministic=False, **_masked(masks))[0]

    def _keep(self) -> None:
        self.selves.append(self._learner.weights())
        self.steps.append(self._learner.num_timesteps)
        if len(self.selves) > self.size:
            del self.selves[1], self.steps[1]
        self._kept = self._learner.num_timesteps

    def _draw(self) -> None:
        newest = self._draws.random() < self.latest
        self.playing = len(self.selves) - 1 if newest else int(self._draws.integers(len(self.selves)))
        self._drawn = self._learner.num_timesteps
        self._load()

    def _load(self) -> None:
        if self._player is None:
            self._player = _twin(self._learner)
        self._player.load_state_dict({k: torch.from_numpy(v) for k, v in self.selves[self.playing].items()})

    # saving

    def state(self) -> State:
        arrays = {f"{i}.{k}": v for i, weights in enumerate(self.selves) for k, v in weights.items()}
        meta = {k: getattr(self, k) for k in ("steps", "playing", "_kept", "_drawn", "_acted", "_seed")}
        return State(arrays, meta | {"draws": self._draws.bit_generator.state})

    def restore(self, state: State) -> None:
        meta = dict(state.meta)
        self._draws.bit_generator.state = meta.pop("draws")
        for name, value in meta.items():
            setattr(self, name, list(value) if name == "steps" else value)
        self.selves = [{} for _ in self.steps]
        for name, array in state.arrays.items():
            index, key = name.split(".", 1)
            self.selves[int(index)][key] = np.array(array)
        self._sit()
        self._load()


class Frozen:
    """A learner's policy as it is now and stays. masked: whether it has to be told what it may choose."""

    def __init__(self, learner: Any):
        remembers_nothing(learner.algorithm)
        self._policy, self.masked = _twin(learner), learner.kind.masks
        self._policy.load_state_dict(learner.model.policy.state_dict())

    def __call__(self, obs: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """observations (n, …), and (n, choices) bool what is allowed (None: everything) -> deterministic actions."""
        return self._policy.predict(obs, deterministic=True, **_masked(masks if self.masked else None))[0]


def frozen(learner: Any) -> Frozen:
    """The learner's policy as it is now and stays: observations (n, …) -> deterministic actions (n, …)."""
    return Frozen(learner)


def remembers_nothing(algorithm: str) -> None:
    """Raises ValueError for an algorithm whose policies have a memory: past selves do not hear where episodes begin."""
    if find(algorithm).recurrent:
        able = ", ".join(name for name, kind in ALGORITHMS.items() if not kind.recurrent)
        raise ValueError(f"past selves play without a memory, and {algorithm} has one; a league is for {able}")


def _masked(masks: np.ndarray | None) -> dict[str, np.ndarray]:
    """Only policies with masks can be told of them."""
    return {} if masks is None else {"action_masks": masks}


def seats(partners: dict[str, Any]) -> bool:
    """Whether any group is left to a league."""
    return LEAGUE in partners.values()


def _layer(world: World, kind: type) -> Any:
    """The outermost layer of a world of that kind; None where there is none."""
    layer: Any = world
    while not isinstance(layer, kind):
        layer = layer.__dict__.get("world")
        if layer is None:
            return None
    return layer


def _twin(learner: Any) -> Any:
    """A policy made as the learner's was, to act with."""
    twin = learner.newborn()
    twin.set_training_mode(False)
    return twin


def _mixed(seed: int, count: int) -> int:
    return int(np.random.SeedSequence([seed, count]).generate_state(1, np.uint64)[0] >> np.uint64(1))
