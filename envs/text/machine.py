"""A small machine, batched: a list, a place in it, a number held, and programs that are run on them."""

from __future__ import annotations

import numpy as np

OPERATIONS = ("next", "back", "home", "load", "store", "add", "larger", "rise", "fall", "swap", "repeat")
NEXT, BACK, HOME, LOAD, STORE, ADD, LARGER, RISE, FALL, SWAP, REPEAT = range(len(OPERATIONS))
LARGEST = 99  # numbers stop there
PACE = 10  # instructions that a run may take for each line that there is room for; it then ends where it is
_SIGN = np.array([1 if op == RISE else -1 if op == FALL else 0 for op in range(len(OPERATIONS) + 1)])


def run(programs: np.ndarray, lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lists (m, cells, k) that programs (m, lines) leave of k lists each, and the numbers held (m, k), all int64.

    programs: operations by number, -1 behind the last. A run begins at cell 0 with the number 0, and ends behind the
    last line. next, back, home move; load, store, add, larger are of the cell and the number held; rise, fall, swap
    exchange the cell with its right neighbour (rise: where it is larger, fall: where it is smaller, swap: always);
    repeat does everything above it again, as often in all as there are cells.
    Where a run goes does not depend on the numbers, so the k lists of a program share its way.
    """
    lists, rows, cells = lists.astype(np.int64), np.arange(len(lists)), lists.shape[1]
    padded = np.concatenate([programs, np.full((len(programs), 1), -1)], axis=1)
    held, rounds = np.zeros((len(lists), lists.shape[2]), np.int64), np.zeros(padded.shape, np.int64)
    line, place = np.zeros((2, len(lists)), np.int64)
    moves = _moves(cells)
    for _ in range(PACE * programs.shape[1]):
        op = padded[rows, line[rows]]
        rows, op = rows[op >= 0], op[op >= 0]  # most programs end long before the longest
        if not len(rows):
            break
        here, at = place[rows], line[rows]
        held[rows] = _work(op[:, None], lists, rows, here, moves[NEXT, here], held[rows])
        place[rows] = moves[op, here]
        done = rounds[rows, at] + (op == REPEAT)
        again = (op == REPEAT) & (done < cells)
        rounds[rows, at] = done * again
        line[rows] = np.where(again, 0, at + 1)
    return lists, held


def _moves(cells: int) -> np.ndarray:
    """(operations + 1, cells): the place after each operation at each place; the last row is of -1."""
    moves = np.tile(np.arange(cells), (len(OPERATIONS) + 1, 1))
    moves[NEXT, :-1] += 1
    moves[BACK, 1:] -= 1
    moves[HOME] = 0
    return moves


def _work(op, lists, rows, place, neighbour, held) -> np.ndarray:
    """One instruction's work on the lists, in place; the numbers held after it."""
    cell, right = lists[rows, place], lists[rows, neighbour]
    swaps = ((cell - right) * _SIGN[op] > 0) | (op == SWAP)
    lists[rows, neighbour] = np.where(swaps, cell, right)
    lists[rows, place] = np.where(op == STORE, held, np.where(swaps, right, cell))
    held = np.where(op == ADD, np.minimum(held + cell, LARGEST), held)
    return np.where((op == LOAD) | ((op == LARGER) & (cell > held)), cell, held)
