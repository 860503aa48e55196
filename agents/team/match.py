"""Games between policies: who wins, and how strong that makes them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...envs.core import World
from ...envs.streams import Streams
from ...envs.views.joint import idle
from ...envs.views.partners import Policy, chance
from .ratings import rating, ratings

SEED = 1 << 41  # of the first game: far from every training seed
Player = Policy | str


def points(world: World, players: Mapping[str, Player]) -> np.ndarray:
    """(num_envs,) what the first group of world makes in one game a copy: 1 if it earned more than the others, else 0.

    players: group -> a policy (one that is `masked` is told what it may choose, too), or "idle", "random" or
    "scripted". An even game is half a point. Always the same games.
    """
    n, first = world.num_envs, next(iter(world.groups))
    seeds = [SEED + i for i in range(n)]
    obs, _ = world.reset(np.arange(n), seeds)
    streams = Streams(n)
    streams.begin(np.arange(n), [s + 2**63 for s in seeds])  # not the numbers that the world draws
    total, live = {a: np.zeros(n) for a in world.agents}, np.ones(n, bool)
    while live.any():
        step = world.step(_actions(world, players, obs, streams))
        for agent, reward in step.reward.items():
            total[agent] += np.where(live, reward, 0)
        obs, live = step.obs, live & ~step.done
    mean = {g: np.add.reduce([total[a] for a in members]) / len(members) for g, members in world.groups.items()}
    best = np.maximum.reduce([m for g, m in mean.items() if g != first])
    return np.where(mean[first] == best, 0.5, np.where(mean[first] > best, 1.0, 0.0))


def _actions(world: World, players: Mapping[str, Player], obs, streams: Streams) -> dict[str, np.ndarray]:
    draw = streams.draw(np.arange(world.num_envs))
    script = world.scripted() if "scripted" in players.values() else {}
    masks, given = world.masks() or {}, {}
    for group, members in world.groups.items():
        for agent in members:
            space, player = world.action_spaces[agent], players[group]
            if callable(player):
                told = (masks.get(agent),) if getattr(player, "masked", False) else ()
                given[agent] = player(obs[agent], *told)
            elif player == "scripted":
                given[agent] = script[agent]
            else:
                given[agent] = chance(space, draw) if player == "random" else idle(space, world.num_envs)
    return given


def against(world: World, one: Player, other: Player) -> tuple[float, int]:
    """(points of one, games): one plays the first group and then, where it can, the second one too."""
    first, second = world.groups
    made = [points(world, {first: one, second: other})]
    spaces = [[s[m[0]] for m in world.groups.values()] for s in (world.observation_spaces, world.action_spaces)]
    if all(a == b for a, b in spaces):  # either side can be played by either
        made.append(1 - points(world, {first: other, second: one}))
    return float(sum(m.sum() for m in made)), sum(len(m) for m in made)


class Pool:
    """Players of fixed strength, to measure others by: name -> player; the first one's rating is 0.

    They have met each other once in every copy of world. ratings: name -> Elo.
    """

    def __init__(self, world: World, players: Mapping[str, Player]):
        self.world, self.players = world, dict(players)
        names, k = list(players), len(players)
        made, games = np.zeros((k, k)), np.zeros((k, k))
        for i in range(k):
            for j in range(i):
                made[i, j], games[i, j] = against(world, players[names[i]], players[names[j]])
                made[j, i], games[j, i] = games[i, j] - made[i, j], games[i, j]
        self.ratings = dict(zip(names, ratings(made, games).tolist(), strict=True))

    def rate(self, player: Player) -> tuple[float, dict[str, float]]:
        """(Elo, name -> share of the points) of a player against each of the pool."""
        met = {name: against(self.world, player, other) for name, other in self.players.items()}
        elo = rating([p for p, _ in met.values()], [g for _, g in met.values()], list(self.ratings.values()))
        return elo, {name: made / games for name, (made, games) in met.items()}
