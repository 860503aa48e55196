"""The oracle of blocks that need one, two or three agents: size by size into the goal, all at the same ones."""

from __future__ import annotations

import numpy as np

from ....envs.core import Arrays
from ....envs.unity.player import pushing
from ....envs.unity.player.cooperative_pushblock import CooperativePushBlock
from .oracle import Oracle


class BlocksOracle(Oracle):
    """Its scripts push blocks of one size: who is told to push them all, which takes several instructions, stays."""

    def __init__(self, world: CooperativePushBlock):
        super().__init__(world)
        self.game = world
        self._push = np.array([self.named("push", size=size) for size in pushing.SIZES])

    def next(self) -> np.ndarray:
        game = self.game
        first = np.where(game.there, game.block[..., 1] + pushing.EDGE, -np.inf).argmax(axis=1)  # nothing before it
        asked = np.where(game.there.any(axis=1), self._push[pushing.KIND[first]], self.goals[game.aim])
        return np.repeat(asked[:, None], len(game.agents), axis=1)

    def act(self, told: np.ndarray) -> Arrays:
        game = self.game
        choice = np.full(told.shape, pushing.STAY)
        for kind, place in enumerate(self._push):
            wanted = game.there & (kind == pushing.KIND)
            asked = pushing.script(game.place, game.velocity, game.yaw, game.block, wanted)
            choice = np.where(told == place, asked, choice)
        return {agent: choice[:, k] for k, agent in enumerate(game.agents)}
