"""Q-learning and SARSA over a table, for small discrete worlds: what a network ought to find, found without one.

Watkins and Dayan 1992, "Q-learning"; Rummery and Niranjan 1994, "On-line Q-learning using connectionist systems", which
is SARSA.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

FINE = 1000.0  # states whose observations agree to this fraction of a unit are one
HELD = ("keys", "values", "visits", "allowed")


class Table:
    """States by what is observed, kept in the order of their keys; rows grow as states are met.

    values (states, choices): of each choice; visits: how often it was made; allowed: whether it may be; likewise.
    """

    def __init__(self, choices: int):
        self.keys = np.zeros(0, np.uint64)
        self.values, self.visits = np.zeros((0, choices)), np.zeros((0, choices), np.int64)
        self.allowed = np.ones((0, choices), bool)

    def find(self, obs: np.ndarray) -> np.ndarray:
        """(n,) the rows of the states seen in obs (n, width); new ones begin at zeros."""
        keys = _keys(obs)
        if len(new := np.setdiff1d(keys, self.keys)):
            order = np.argsort(keys_all := np.concatenate([self.keys, new]))
            for name, empty in (("values", 0), ("visits", 0), ("allowed", True)):
                old = getattr(self, name)
                grown = np.concatenate([old, np.full((len(new), old.shape[1]), empty, old.dtype)])
                setattr(self, name, grown[order])
            self.keys = keys_all[order]
        return np.searchsorted(self.keys, keys)

    def worth(self, rows: np.ndarray) -> np.ndarray:
        """(n, choices) values of rows, -inf where nothing may be chosen."""
        return np.where(self.allowed[rows], self.values[rows], -np.inf)

    def toward(self, rows: np.ndarray, choices: np.ndarray, targets: np.ndarray, rate: float, fading: float) -> None:
        """Move values[rows, choices] towards targets (n,), as n updates one after the other would.

        Where k rows are the same pair, 1 - (1 - rate)^k of the way to the mean of their targets: exactly what k updates
        do whose targets agree. The rate falls with the number of visits to the power of fading.
        """
        width = self.values.shape[1]
        pairs, which, count = np.unique(rows * width + choices, return_inverse=True, return_counts=True)
        mean = np.bincount(which, targets) / count
        values, visits = self.values.reshape(-1), self.visits.reshape(-1)
        visits[pairs] += count
        step = rate / np.maximum(visits[pairs], 1) ** fading
        values[pairs] += (1 - (1 - step) ** count) * (mean - values[pairs])


class Tabular:
    """Chooses the best it knows, and in a share of its steps anything; see agents.outsider.Agent.

    rate: how far a value moves towards what was seen; fading: 0, it stays so; up to 1, it falls as visits to its power.
    gamma: the discount. random: the share of random choices, at a stage's first step and at its last.
    """

    def __init__(self, observation_space, action_space, seed, rate=0.5, fading=0.0, gamma=0.97, random=(1.0, 0.05)):
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"a table needs one choice among a few, not {action_space}")
        self.rate, self.fading, self.gamma, self.random = rate, fading, gamma, tuple(random)
        self.choices, self.table = int(action_space.n), Table(int(action_space.n))
        self.steps, self.behind = 0, 0  # of the stage, in rows
        self.waiting: dict[str, np.ndarray] = {}  # the last step, until its next choice is known

    def start(self, task: str, steps: int) -> None:
        self.steps, self.behind, self.waiting = steps, 0, {}

    def share(self) -> float:
        """Of random choices, now."""
        first, last = self.random
        return first + (last - first) * (min(1.0, self.behind / self.steps) if self.steps else 1.0)

    def act(self, obs: np.ndarray, masks: np.ndarray | None, explore: bool) -> np.ndarray:
        allowed = np.ones((len(obs), self.choices), bool) if masks is None else masks
        if not explore:  # what was never seen is not to be remembered for having been tried
            return np.where(allowed, self._known(obs), -np.inf).argmax(axis=1)
        rows = self.table.find(obs)
        self.table.allowed[rows] = allowed
        draws = np.random.random((2, *allowed.shape))  # of the global generator, which a run saves
        best = np.where(allowed, self.table.values[rows] + 1e-9 * draws[0], -np.inf)  # equals take turns
        anything = np.where(allowed, draws[1], -np.inf)
        wild = np.random.random(len(obs)) < self.share()
        return np.where(wild, anything.argmax(axis=1), best.argmax(axis=1))

    def _known(self, obs: np.ndarray) -> np.ndarray:
        """(n, choices) values of what is observed, zeros for states that nobody met."""
        if not len(self.table.keys):
            return np.zeros((len(obs), self.choices))
        at = np.minimum(np.searchsorted(self.table.keys, keys := _keys(obs)), len(self.table.keys) - 1)
        return np.where((self.table.keys[at] == keys)[:, None], self.table.values[at], 0.0)

    def _toward(self, obs: np.ndarray, choices: np.ndarray, targets: np.ndarray) -> None:
        self.table.toward(self.table.find(obs), choices, targets, self.rate, self.fading)

    def state(self) -> dict[str, np.ndarray]:
        held = {name: getattr(self.table, name) for name in HELD}
        held |= {f"waiting.{name}": array for name, array in self.waiting.items()}
        return held | {"stage": np.array([self.steps, self.behind])}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name in HELD:
            setattr(self.table, name, np.array(arrays[name]))
        self.waiting = {k.partition(".")[2]: np.array(v) for k, v in arrays.items() if k.startswith("waiting.")}
        self.steps, self.behind = (int(n) for n in arrays["stage"])


class QLearning(Tabular):
    """Targets r + gamma max Q(s', ·): what is best to do, whatever is done to find it."""

    def learn(self, experience: Any) -> None:
        e = experience
        best = self.table.worth(self.table.find(e.after)).max(axis=1)
        self._toward(e.obs, e.action, e.reward + self.gamma * np.where(e.terminated, 0.0, best))
        self.behind += len(e.obs)


class Sarsa(Tabular):
    """Targets r + gamma Q(s', a'), a' what is chosen next: what is best for one who keeps on exploring.

    Where an episode is cut off, or the world is another one, nothing is chosen next; the mean over what would be
    stands for it.
    """

    def learn(self, experience: Any) -> None:
        e = experience
        if self.waiting:
            w = self.waiting
            after = self.table.find(w["after"])
            elsewhere = (w["after"] != e.obs).any(axis=1)  # in another world, which nobody spoke of
            then = np.where(w["cut"] | elsewhere, self._mean(after), self.table.values[after, e.action])
            self._toward(w["obs"], w["action"], w["reward"] + self.gamma * np.where(w["dead"], 0.0, then))
        self.waiting = dict(
            obs=e.obs, action=e.action, reward=e.reward, after=e.after, dead=e.terminated, cut=e.truncated
        )
        self.behind += len(e.obs)

    def _mean(self, rows: np.ndarray) -> np.ndarray:
        """(n,) what a choice is worth on average, as choices are made now."""
        worth, allowed = self.table.worth(rows), self.table.allowed[rows]
        anything = np.where(allowed, worth, 0.0).sum(axis=1) / allowed.sum(axis=1)
        return (1 - self.share()) * worth.max(axis=1) + self.share() * anything


def _keys(obs: np.ndarray) -> np.ndarray:
    """(n,) uint64 of what is observed: a linear hash modulo 2^64, far wider than a table could be long."""
    return (np.rint(obs * FINE).astype(np.int64).view(np.uint64) * _odd(obs.shape[1])).sum(axis=1, dtype=np.uint64)


@functools.cache
def _odd(width: int) -> np.ndarray:
    """(width,) odd factors, always the same."""
    return np.random.default_rng(7).integers(0, 2**63, width, np.uint64) * np.uint64(2) + np.uint64(1)
