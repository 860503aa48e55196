"""Elo ratings (Elo 1978, "The Rating of Chessplayers, Past and Present"): 400 points are ten to one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Numbers = Sequence[float] | np.ndarray

SCALE = 400 / np.log(10)
FIRST = 1.0  # a win and a loss of half this weight each are assumed before any game, so that all ratings are finite


def expected(rating: float | np.ndarray, other: float | np.ndarray) -> np.ndarray:
    """The points that a player should make in a game: 1 for a win, 1/2 for a draw."""
    return 1 / (1 + np.exp((np.asarray(other, float) - rating) / SCALE))


def rating(points: Numbers, games: Numbers, others: Numbers) -> float:
    """The rating under which a player was to be expected to make points in games against players of ratings others.

    It is the most likely one, found by halving, with FIRST games drawn against each of them beforehand.
    """
    made, played, met = (np.asarray(x, float) for x in (points, games, others))
    if not (len(made) == len(played) == len(met)) or (made > played).any() or (made < 0).any():
        raise ValueError(f"points {made} of games {played} against {len(met)} players")
    low, high = met.min() - 4000, met.max() + 4000
    for _ in range(60):
        middle = (low + high) / 2
        short = ((made + FIRST / 2) - (played + FIRST) * expected(middle, met)).sum() > 0
        low, high = (middle, high) if short else (low, middle)
    return float(low + high) / 2


def ratings(points: np.ndarray, games: np.ndarray) -> np.ndarray:
    """Ratings (k,) of players who met, the first one's 0. points[i, j]: what i made against j in games[i, j].

    Each in turn is given its most likely rating against the others', until nothing changes (Ford 1957).
    """
    found = np.zeros(len(points))
    for _ in range(200):
        before = found.copy()
        for i in range(1, len(found)):
            met = np.flatnonzero(games[i] > 0)
            found[i] = rating(points[i, met], games[i, met], found[met])
        if np.abs(found - before).max() < 0.01:
            break
    return found
