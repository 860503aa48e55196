"""Random streams, one per copy, whose draws do not depend on which other copies draw with you.

Counter-based (Philox4x32-10: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
bits are a function of (seed, episode, counter), computed for all copies at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
AHEAD = 512  # pairs of numbers that are made at once, of all copies together


def philox(counter: Sequence[np.ndarray], key: Sequence[np.ndarray], rounds: int = 10) -> list[np.ndarray]:
    """Four uint64 arrays of 32 random bits each, from four counter words and two key words of 32 bits."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return [c0, c1, c2, c3]


class Streams:
    """num_envs streams; `table` (num_envs, 3) uint64 holds seed, episode and counter, and is all their state."""

    def __init__(self, num_envs: int):
        entropy = np.random.SeedSequence().generate_state(1, np.uint64)
        self.table = np.zeros((num_envs, 3), np.uint64)
        self.table[:, 0] = entropy + np.arange(num_envs, dtype=np.uint64)

    def begin(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> Draws:
        """Turn to the next episode of copies ids: a seed restarts the stream, None goes on with it.

        Raises ValueError where there are not as many seeds as copies.
        """
        self.table[ids, 1] += np.uint64(1)
        self.table[ids, 2] = 0
        if seeds is not None:
            if len(ids) != len(seeds):
                raise ValueError(f"{len(ids)} copies to reset but {len(seeds)} seeds")
            for i, seed in zip(ids, seeds, strict=True):
                if seed is not None:
                    self.table[i] = int(seed) % 2**64, 0, 0
        return self.draw(ids)

    def draw(self, ids: np.ndarray) -> Draws:
        """Draws for copies ids, going on where each one's stream stands."""
        return Draws(self.table, ids)


class Draws:
    """Random numbers, one row per copy.

    A draw of a few numbers costs as much as one of a hundred, so that some are made ahead; which ones they are, the
    table alone says.
    """

    def __init__(self, table: np.ndarray, ids: np.ndarray):
        self._table, self._ids = table, np.asarray(ids, int)
        self._ready, self._from = np.empty((len(self._ids), 0)), np.empty(0, np.uint64)

    def __len__(self) -> int:
        return len(self._ids)

    def random(self, *shape: int) -> np.ndarray:
        """(n, *shape) float64, uniform in [0, 1)."""
        size = int(np.prod(shape))
        blocks, counter = (size + 1) // 2, self._table[self._ids, 2]
        if self._ready.shape[1] < 2 * blocks or not np.array_equal(counter, self._from):
            self._ready = self._made(counter, max(blocks, AHEAD // max(len(self), 1)))
        drawn, self._ready = self._ready[:, :size], self._ready[:, 2 * blocks :]
        self._from = counter + np.uint64(blocks)
        self._table[self._ids, 2] = self._from
        return drawn.reshape(len(self), *shape)

    def _made(self, counter: np.ndarray, blocks: int) -> np.ndarray:
        """(n, 2 * blocks) float64, from the streams' counters (n,) on."""
        at = counter[:, None] + np.arange(blocks, dtype=np.uint64)
        seed, episode = (self._table[self._ids, i][:, None] for i in range(2))
        key = np.broadcast_to(seed & _LOW, at.shape), np.broadcast_to(seed >> _32, at.shape)
        words = philox((at & _LOW, at >> _32, episode & _LOW, episode >> _32), key)
        pairs = np.stack([words[0] << _32 | words[1], words[2] << _32 | words[3]], axis=-1)
        return (pairs.reshape(len(at), 2 * blocks) >> np.uint64(11)) * 2.0**-53

    def uniform(self, low, high) -> np.ndarray:
        """(n, *shape) float64 in [low, high), with shape that of the bounds."""
        low, high = np.broadcast_arrays(np.asarray(low, float), np.asarray(high, float))
        return low + (high - low) * self.random(*low.shape)

    def normal(self, *shape: int) -> np.ndarray:
        """(n, *shape) float64, standard normal (Box and Muller 1958)."""
        u = self.random(2, *shape)
        return np.sqrt(-2 * np.log1p(-u[:, 0])) * np.cos(2 * np.pi * u[:, 1])

    def integers(self, high: int, *shape: int) -> np.ndarray:
        """(n, *shape) int64 in [0, high)."""
        return (self.random(*shape) * high).astype(np.int64)

    def permutation(self, count: int) -> np.ndarray:
        """(n, count) int64: each row a random order of 0 … count-1."""
        return np.argsort(self.random(count), axis=1, kind="stable")
