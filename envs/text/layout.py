"""Plans of houses drawn for many copies at once: which rooms are joined, how far apart they are."""

from __future__ import annotations

import numpy as np

from ..streams import Draws


def span(steps: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    """(shortest, longest) from a number or a pair. Raises ValueError for what is neither, or less than 1."""
    pair = (steps, steps) if isinstance(steps, (int, np.integer)) else tuple(steps)
    if len(pair) != 2 or not 1 <= pair[0] <= pair[1]:
        raise ValueError(f"steps must be a number from 1, or the shortest and the longest, not {steps!r}")
    return int(pair[0]), int(pair[1])


def pick(may: np.ndarray, draw: Draws) -> np.ndarray:
    """(n, ...) int64: for each row of may (n, ..., choices) bool one of the choices that it allows."""
    return np.argmax(np.where(may, draw.random(*may.shape[1:]), -1.0), axis=-1)


def tree(passable: np.ndarray, draw: Draws) -> np.ndarray:
    """(n, rooms, rooms) bool, symmetric: a random tree, grown from room 0 along passable (rooms, rooms) bool.

    Every room must be passable from room 0, so that there always is a room to join the next to.
    """
    rooms, n = len(passable), len(draw)
    order = np.concatenate([np.zeros((n, 1), np.int64), 1 + draw.permutation(rooms - 1)], axis=1)
    chance, link, rows = draw.random(rooms, rooms), np.zeros((n, rooms, rooms), bool), np.arange(n)
    inside = np.zeros((n, rooms), bool)
    inside[:, 0] = True
    for i in range(1, rooms):
        room = order[:, i]
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
