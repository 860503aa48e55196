"""Two traders who value goods differently: offers, one piece for one piece, until nobody can gain more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import registry
from ..core import Arrays, World
from ..streams import Draws
from . import layout
from .lexicon import Lexicon, read
from .skills import skill
from .spoken import Spoken
from .world import Rows, TextWorld, one_hot

MOST = 3  # pieces of a good that a trader begins with
DEAR = 5  # what a piece is worth at most
ENOUGH = 0.9  # of the greatest gain possible counts as success
SCORINGS = ("cooperative", "competitive", "mixed")


class Bargain(TextWorld):
    """Each knows what both have, and what pieces are worth to itself alone. An offer stands until it is replaced.

    scoring: what a trader is paid for: the gain of both ("cooperative"), its own less the other's ("competitive"),
    its own ("mixed"), as a share of the greatest gain of both; and, unless competitive, 1 when the bargain is done.
    """

    def __init__(self, num_envs: int, data: dict[str, Any], scoring: str = "cooperative", **settings: Any):
        if scoring not in SCORINGS:
            raise registry.nearest(str(scoring), list(SCORINGS), "scoring")
        self.goods, self.scoring = list(data["goods"]), scoring
        lexicon = Lexicon(data["words"])
        verbs = {"offer": {"mine": self.goods, "yours": self.goods}, "accept": {}}
        deal = skill("bargain", {}, lexicon, _agreed, _agreed_progress)
        super().__init__(num_envs, data["agents"], lexicon, verbs, self.goods, [deal], [deal()], **settings)

    def make(self) -> None:
        count = len(self.goods)
        self.has = self.row("has", (2, count), np.int64)
        self.worth = self.row("worth", (2, count), np.int64)
        self.began = self.row("began", (2,), np.float64)  # worth of what each began with, to itself
        self.best = self.row("best", (), np.float64, 1)  # the greatest gain of both
        self.offer = self.row("offer", (2,), np.int64, -1)  # mine * goods + yours, of who offers; -1: none
        self.gained = self.row("gained", (2,), np.float64)  # at the last step

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        count, rows = len(self.goods), np.arange(len(ids))
        has, worth, order = layout.drawn(draw, (2, count), (2, count), (count,))
        self.aim[ids] = 0
        pieces, prices = (has * (MOST + 1)).astype(np.int64), 1 + (worth * DEAR).astype(np.int64)
        first, second = np.argsort(order, axis=1, kind="stable")[:, :2].T
        for k, dear, cheap in ((0, first, second), (1, second, first)):  # each has a piece that the other likes best
            prices[rows, k, dear], prices[rows, k, cheap] = DEAR, 1
            pieces[rows, k, cheap] = np.maximum(pieces[rows, k, cheap], 1)
        self.has[ids], self.worth[ids], self.offer[ids], self.gained[ids] = pieces, prices, -1, 0
        self.began[ids] = (pieces * prices).sum(axis=2)
        self.best[ids] = best(pieces, prices) - self.began[ids].sum(axis=1)

    def gains(self) -> np.ndarray:
        """(num_envs, 2): what each has gained, as a share of the greatest gain of both."""
        return ((self.has * self.worth).sum(axis=2) - self.began) / self.best[:, None]

    def advance(self, rows: Rows) -> np.ndarray:
        gain = self.gains()
        return np.clip((gain[:, 0] + gain[:, 1]) / ENOUGH, 0, 1)[rows]

    def earned(self, gain: np.ndarray, success: np.ndarray, failed: np.ndarray) -> Arrays:
        if self.scoring == "cooperative":
            return super().earned(gain, success, failed)
        more = self.gains() - self.gained
        self.gained += more
        if self.scoring == "competitive":
            return {a: more[:, k] - more[:, 1 - k] for k, a in enumerate(self.agents)}
        common = super().earned(np.zeros(self.num_envs), success, failed)
        return {a: self.pay * more[:, k] + common[a] for k, a in enumerate(self.agents)}

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        offers = self.offer[rows]
        return [
            self.has[rows][:, [k, 1 - k]] / (2 * MOST),
            self.worth[rows, k] / DEAR,
            one_hot(offers[:, [k, 1 - k]], len(self.goods) ** 2),
        ]

    def can_offer(self, k: int) -> np.ndarray:
        can = (self.has[:, k, :, None] > 0) & (self.has[:, 1 - k, None, :] > 0) & ~np.eye(len(self.goods), dtype=bool)
        return can.reshape(self.num_envs, -1) & ~one_hot(self.offer[:, k], len(self.goods) ** 2)

    def do_offer(self, k: int, rows: np.ndarray, mine: np.ndarray, yours: np.ndarray) -> None:
        self.offer[rows, k] = mine * len(self.goods) + yours

    def can_accept(self, k: int) -> np.ndarray:
        theirs, mine = np.divmod(np.maximum(self.offer[:, 1 - k], 0), len(self.goods))
        both = (self.has[self.every, 1 - k, theirs] > 0) & (self.has[self.every, k, mine] > 0)
        return both & (self.offer[:, 1 - k] >= 0)

    def do_accept(self, k: int, rows: np.ndarray) -> None:
        theirs, mine = np.divmod(self.offer[rows, 1 - k], len(self.goods))
        for who, gives, gets in ((k, mine, theirs), (1 - k, theirs, mine)):
            self.has[rows, who, gives] -= 1
            self.has[rows, who, gets] += 1
        self.offer[rows] = -1

    def plan(self) -> Arrays:
        """Ann offers the swap that gains most; bob accepts what gains anything."""
        count = len(self.goods)
        gap = self.worth[:, 0] - self.worth[:, 1]  # how much more a good is worth to ann
        give = np.argmin(np.where(self.has[:, 0] > 0, gap, 99), axis=1)
        get = np.argmax(np.where(self.has[:, 1] > 0, gap, -99), axis=1)
        useful = gap[self.every, get] > gap[self.every, give]
        standing = self.offer[:, 0] == give * count + get
        offer = np.where(useful & ~standing, self.table.number("offer", give, get), 0)
        theirs, mine = np.divmod(np.maximum(self.offer[:, 0], 0), count)
        good = self.can_accept(1) & (gap[self.every, mine] > gap[self.every, theirs])
        return dict(zip(self.agents, (offer, np.where(good, self.table.number("accept", offer), 0)), strict=True))

    def scene(self, env: int, k: int) -> list[str]:
        owned = [(a, self._listed(self.has[env, j])) for j, a in enumerate(self.agents)]
        said = [self.lexicon.say("owns", self.language, who=a, goods=goods) for a, goods in owned]
        prices = self._listed(self.worth[env, k])
        said.append(self.lexicon.say("values", self.language, goods=prices))
        for j, agent in enumerate(self.agents):
            if self.offer[env, j] >= 0:
                mine, yours = (self.goods[i] for i in divmod(int(self.offer[env, j]), len(self.goods)))
                said.append(self.lexicon.say("pending", self.language, who=agent, mine=mine, yours=yours))
        return said

    def _listed(self, numbers: np.ndarray) -> str:
        comma = "、" if self.language == "zh" else ", "
        return comma.join(
            f"{n} {self.lexicon.word(g, self.language)}" for n, g in zip(numbers, self.goods, strict=True)
        )

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        gains = self.gains()[env]
        cards = []
        for k, agent in enumerate(self.agents):
            goods = [f"{self.has[env, k, i]} {g}, worth {self.worth[env, k, i]}" for i, g in enumerate(self.goods)]
            cards.append((f"{agent}: {gains[k]:+.0%} of the best gain", goods))
        return cards


def best(pieces: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """(n,): the most that goods can be worth to both after any number of swaps, one piece for one.

    Swaps keep how many pieces each trader has: ann should hold those that are worth more to her, by the difference.
    """
    gap, every = prices[:, 0] - prices[:, 1], pieces.sum(axis=1)
    order = np.argsort(-gap, axis=1, kind="stable")
    units = np.take_along_axis(every, order, axis=1)
    before = np.cumsum(units, axis=1) - units
    hers = np.clip(pieces[:, 0].sum(axis=1, keepdims=True) - before, 0, units)
    return (every * prices[:, 1]).sum(axis=1) + (hers * np.take_along_axis(gap, order, axis=1)).sum(axis=1)


def _agreed(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    return _agreed_progress(world, arguments) >= 1


def _agreed_progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    market = world.unwrapped
    assert isinstance(market, Bargain)
    return market.advance(slice(None))


@registry.forwards(Bargain)
def make(num_envs: int = 1, file: str = "bargain", text: bool = False, **settings: Any) -> World:
    """num_envs markets. scoring: one of SCORINGS. file: "bargain", or the path of a YAML file of your own."""
    world = Bargain(num_envs, read(file, agents=list, goods=list, words=dict), **settings)
    return Spoken(world) if text else world
