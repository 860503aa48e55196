"""A small machine, batched: a list, a place in it, a number held, and programs that are run on them."""

from __future__ import annotations

import numpy as np

OPERATIONS = ("next", "back", "home", "load", "store", "add", "larger", "rise", "fall", "swap", "repeat")
NEXT, BACK, HOME, LOAD, STORE, ADD, LARGER, RISE, FALL, SWAP, REPEAT = range(len(OPERATIONS))
LARGEST = 99  # numbers stop there
LIMIT = 200  # instructions that a run may take; it then ends where it is


def run(programs: np.ndarray, lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists (m, cells) that programs (m, lines) leave, and the numbers held (m,), all int64.

    programs: operations by number, -1 behind the last. A run begins at cell 0 with the number 0, and ends behind the
    last line. next, back, home move; load, store, add, larger are of the cell and the number held; rise, fall, swap
    exchange the cell with its right neighbour (rise: where it is larger, fall: where it is smaller, swap: always);
    repeat does everything above it again, as often in all as there are cells.
    """
    lists, rows, last = lists.astype(np.int64), np.arange(len(lists)), lists.shape[1] - 1
    padded = np.concatenate([programs, np.full((len(programs), 1), -1)], axis=1)
    line, place, held = np.zeros((3, len(lists)), np.int64)
    rounds = np.zeros(padded.shape, np.int64)
    for _ in range(LIMIT):
        op = padded[rows, line]
        if (op < 0).all():
            break
        held = _exchange(op, lists, rows, place, held, last)
        place = np.select(
            [op == NEXT, op == BACK, op == HOME], [np.minimum(place + 1, last), np.maximum(place - 1, 0), 0], place
        )
        rounds[rows, line] += op == REPEAT
        again = (op == REPEAT) & (rounds[rows, line] <= last)
        rounds[rows, line] *= again
        line = np.where(again, 0, line + (op >= 0))
    return lists, held


def _exchange(op, lists, rows, place, held, last) -> np.ndarray:
    """One instruction's work on the lists, in place; the numbers held after it."""
    neighbour = np.minimum(place + 1, last)
    cell, right = lists[rows, place], lists[rows, neighbour]
    swaps = (op == SWAP) | ((op == RISE) & (cell > right)) | ((op == FALL) & (cell < right))
    lists[rows, neighbour] = np.where(swaps, cell, right)
    lists[rows, place] = np.where(op == STORE, held, np.where(swaps, right, cell))
    more = [cell, np.minimum(held + cell, LARGEST), np.maximum(held, cell)]
    return np.select([op == LOAD, op == ADD, op == LARGER], more, held)
