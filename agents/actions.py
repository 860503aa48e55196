"""How one policy's actions become those of a body: taken as they are, one choice, or several choices side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from ..envs import registry
from .algorithms import BRANCHES, CONTINUOUS, DISCRETE

KINDS = (CONTINUOUS, DISCRETE, BRANCHES)
AUTO = "auto"


def kind(of: Iterable[spaces.Space]) -> str:
    """Continuous where all are Boxes, discrete where each is one choice, else branches."""
    of = list(of)
    if all(isinstance(s, spaces.Box) for s in of):
        return CONTINUOUS
    return DISCRETE if all(_single(s) for s in of) else BRANCHES


def chosen(asked: str, of: Sequence[spaces.Space], whose: str) -> str:
    """The kind that was asked for, or that the spaces have (auto). Raises ValueError where that cannot be."""
    if asked not in (AUTO, *KINDS):
        raise registry.nearest(asked, [AUTO, *KINDS], "kind of actions")
    found = kind(of)
    if asked in (AUTO, found, BRANCHES):
        return found if asked == AUTO else asked
    raise ValueError(
        f"{whose}: the tasks act in {found} actions, not in {asked}; ask for {found}, {BRANCHES} or {AUTO}"
    )


def width(space: spaces.Space, kind: str, bins: int, cuts: Sequence[int] | None = None) -> int:
    """What a body of this space needs: continuous actions, values of its choice, or branches."""
    if kind == CONTINUOUS:
        return int(np.prod(space.shape or ()))
    sizes = branches(space, bins, cuts)
    return sizes[0] if kind == DISCRETE else len(sizes)


def branches(space: spaces.Space, bins: int, cuts: Sequence[int] | None = None) -> tuple[int, ...]:
    """How many values each choice has that a space is made of, in order; a continuous entry has bins.

    cuts: (entries of a Box,) how many equal parts an entry's range is cut into by the world; 0: it is continuous.
    Raises ValueError for an unbounded Box, and for spaces that are no actions.
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        return tuple(n for part in _parts(space) for n in branches(part, bins))
    if isinstance(space, spaces.Discrete):
        return (int(space.n),)
    if isinstance(space, spaces.MultiDiscrete):
        return tuple(int(n) for n in space.nvec.ravel())
    if isinstance(space, spaces.MultiBinary):
        return (2,) * int(np.prod(space.shape))
    if isinstance(space, spaces.Box) and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return tuple(int(cut) or bins for cut in (cuts or [0] * int(np.prod(space.shape))))
    raise ValueError(f"{space} cannot be cut into choices: a bounded Box, choices, or a Dict or Tuple of them can")


class Direct:
    """Continuous actions, from [-1, 1] to the bounds of the space where it has any; beyond the body's own, ignored."""

    def __init__(self, space: spaces.Box):
        self._own = space.shape[0]
        bounded = np.isfinite(space.low) & np.isfinite(space.high)
        low, high = np.where(bounded, space.low, -1), np.where(bounded, space.high, 1)
        self._same = bool(np.all((low == -1) & (high == 1)))
        self._middle, self._reach = (low + high) / 2, (high - low) / 2

    def translate(self, actions: np.ndarray) -> np.ndarray:
        """(n, width) as (n, own) float32."""
        own = actions[:, : self._own]
        return own if self._same else (self._middle + self._reach * own).astype(np.float32)


class Choice:
    """One choice among width values; those that the body does not have are masked, and mean its first.

    space: a Discrete, or a MultiDiscrete or MultiBinary of one choice.
    """

    def __init__(self, space: spaces.Space, width: int):
        (self._count,), self._start, self._shape = branches(space, 2), _start(space), space.shape or ()
        self._has = np.arange(width) < self._count

    def translate(self, actions: np.ndarray) -> np.ndarray:
        """(n,) numbers as (n, *shape of the space) int64."""
        own = np.where(actions < self._count, actions, 0).astype(np.int64)
        return own.reshape(-1, *self._shape) + self._start

    def mask(self, inner: np.ndarray | None, copies: int) -> np.ndarray:
        """(copies, width) bool; inner: (copies, values of the body) or None."""
        mask = np.tile(self._has, (copies, 1))
        if inner is not None:
            mask[:, : self._count] = inner
        return mask


class Branches:
    """A choice for each branch; branches and values that the body does not have are masked, and mean the first.

    sizes: of the branches of the curriculum. A continuous entry's bins lie evenly from its low to its high, the middle
    of an odd number in the middle; an entry that the world cuts gets the middle of the part chosen.
    """

    def __init__(self, space: spaces.Space, sizes: Sequence[int], bins: int, cuts: Sequence[int] | None = None):
        own = branches(space, bins, cuts)
        self._space, self._own = space, np.array(own, np.int64)
        self._bins, self._cuts = bins, cuts
        starts = np.cumsum([0, *sizes[:-1]])
        counts = [*own, *[1] * (len(sizes) - len(own))]
        self._has = np.concatenate([np.arange(size) < n for size, n in zip(sizes, counts, strict=True)])
        columns = [start + np.arange(n) for start, n in zip(starts, own, strict=False)]
        given = [c for c, ask in zip(columns, _asked(space), strict=True) if ask]
        self._columns = np.concatenate(given) if given else np.zeros(0, int)

    def translate(self, actions: np.ndarray) -> Any:
        """(n, branches) numbers as actions of the space: an array (n, …), or a dict or tuple of them."""
        own = actions[:, : len(self._own)]
        return _made(self._space, np.where(own < self._own, own, 0), self._bins, self._cuts)

    def mask(self, inner: np.ndarray | None, copies: int) -> np.ndarray:
        """(copies, sum of sizes) bool; inner: (copies, values of the body's own choices) or None."""
        mask = np.tile(self._has, (copies, 1))
        if inner is not None and len(self._columns):
            mask[:, self._columns] = inner
        return mask


def _parts(space: spaces.Dict | spaces.Tuple) -> list[spaces.Space]:
    return list(space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces)


def _single(space: spaces.Space) -> bool:
    return (
        isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary) and len(branches(space, 2)) == 1
    )


def _start(space: spaces.Space) -> Any:
    return getattr(space, "start", 0)


def _asked(space: spaces.Space) -> list[bool]:
    """For each branch, whether it was a choice from the start: those are what a world's masks speak of."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        return [ask for part in _parts(space) for ask in _asked(part)]
    return [not isinstance(space, spaces.Box)] * len(branches(space, 2))


def _made(space: spaces.Space, numbers: np.ndarray, bins: int, cuts: Sequence[int] | None) -> Any:
    """Actions of the space from the numbers of its choices (n, branches)."""
    if isinstance(space, spaces.Dict | spaces.Tuple):
        parts = _parts(space)
        ends = np.cumsum([len(branches(p, bins)) for p in parts])[:-1]
        made = [_made(p, part, bins, None) for p, part in zip(parts, np.split(numbers, ends, axis=1), strict=True)]
        return dict(zip(space.spaces, made, strict=True)) if isinstance(space, spaces.Dict) else tuple(made)
    if isinstance(space, spaces.Box):
        return _values(space, numbers, bins, cuts)
    return numbers.astype(np.int64).reshape(len(numbers), *(space.shape or ())) + _start(space)


def _values(space: spaces.Box, numbers: np.ndarray, bins: int, cuts: Sequence[int] | None) -> np.ndarray:
    cut = np.array(cuts or [0] * numbers.shape[1])
    share = np.where(cut > 0, (numbers + 0.5) / np.maximum(cut, 1), numbers / (bins - 1))
    low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
    return (low + (high - low) * share).astype(space.dtype).reshape(-1, *space.shape)
