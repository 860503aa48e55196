"""Plans of houses drawn for many copies at once: which rooms are joined, how far apart they are."""

from __future__ import annotations

import math

import numpy as np

from ..streams import Draws

MOST = 8  # commands of the longest quest: a house has few starts from which one takes more


def span(steps: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    """(shortest, longest) from a number or a pair. Raises ValueError for what is neither, or not from 1 to MOST."""
    pair = tuple(steps) if isinstance(steps, (tuple, list)) else (steps, steps)
    whole = len(pair) == 2 and all(isinstance(n, (int, np.integer)) for n in pair)
    if not whole or not 1 <= pair[0] <= pair[1] <= MOST:
        raise ValueError(f"steps must be a number from 1 to {MOST}, or the shortest and the longest, not {steps!r}")
    return int(pair[0]), int(pair[1])


def drawn(draw: Draws, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Uniform numbers in [0, 1), an array (n, *shape) for each shape, all of one draw: few large draws are cheap."""
    ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
    flat = draw.random(ends[-1])
    starts = [0, *ends[:-1]]
    return [flat[:, i:j].reshape(len(flat), *shape) for i, j, shape in zip(starts, ends, shapes, strict=True)]


class Choices:
    """may (rows, choices) bool: what each row may be; pick(chance (..., rows)) -> (..., rows) one of them each."""

    def __init__(self, may: np.ndarray):
        self.count = may.sum(axis=1)
        self.table = np.argsort(~may, axis=1, kind="stable")

    def pick(self, chance: np.ndarray) -> np.ndarray:
        return self.table[np.arange(len(self.table)), (chance * self.count).astype(np.int64)]


def tree(passable: np.ndarray, order: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """(n, rooms, rooms) bool, symmetric: a random tree, grown from room 0 along passable (rooms, rooms) bool.

    order (n, rooms - 1), chance (n, rooms, rooms): uniform numbers, for when each room joins and whom it joins.
    Every room must be passable from room 0, so that there always is a room to join the next to.
    """
    rooms, n = len(passable), len(order)
    joins = 1 + np.argsort(order, axis=1, kind="stable")
    link, rows = np.zeros((n, rooms, rooms), bool), np.arange(n)
    inside = np.zeros((n, rooms), bool)
    inside[:, 0] = True
    for i, room in enumerate(joins.T):
        parent = np.argmax(np.where(inside & passable[room], chance[:, i], -1.0), axis=1)
        link[rows, room, parent] = link[rows, parent, room] = inside[rows, room] = True
    return link


def distances(link: np.ndarray) -> np.ndarray:
    """(n, rooms, rooms) int16: the fewest doors between rooms (Floyd 1962, "Algorithm 97: Shortest path")."""
    rooms = link.shape[1]
    far = np.where(link, 1, rooms).astype(np.int16)
    far[:, np.arange(rooms), np.arange(rooms)] = 0
    for via in range(rooms):
        far = np.minimum(far, far[:, :, via, None] + far[:, None, via, :])
    return far


def towards(link: np.ndarray, far: np.ndarray, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """(n,): the next room on the way from rooms here (n,) to rooms there (n,)."""
    rows = np.arange(len(here))
    nearer = link[rows, here] & (far[rows, :, there] == far[rows, here, there][:, None] - 1)
    return np.argmax(nearer, axis=1)


def ways(link: np.ndarray, far: np.ndarray, here: np.ndarray) -> np.ndarray:
    """(n, rooms, rooms) bool: [i, a, b] tells whether b is the next room on the way from here (n,) to room a."""
    rows = np.arange(len(here))
    return link[rows, here, None] & (far == far[rows, here][:, :, None] - 1)
