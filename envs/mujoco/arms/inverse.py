"""From a wanted velocity of the hand to velocities of the joints, for a whole batch.

Element-wise operations and sums in a fixed order alone, so that a copy's numbers do not depend on how many there are.
The copies are the last axis: NumPy is several times faster on long rows than on many short ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def damped(jacobian: np.ndarray, velocity: np.ndarray, pull: np.ndarray, damping: float) -> np.ndarray:
    """(k, n) joint velocities that give the hand velocity (6, n), under jacobian (6, k, n), as nearly as is sensible.

    Damped least squares, q' = z + Jᵀ(JJᵀ + λ²I)⁻¹(v − Jz), with λ the damping: near a singular posture the joints
    keep finite speeds and the hand lags (Wampler 1986; Nakamura and Hanafusa 1986; Buss 2004). What freedom
    is left follows the pull z (k, n), which moves the hand no more than the damping lets it (Liégeois 1977).
    """
    square = _sum(jacobian[:, None, i] * jacobian[None, :, i] for i in range(len(pull)))
    rows = np.arange(len(square))
    square[rows, rows] += damping**2
    missing = velocity - _sum(jacobian[:, i] * pull[i] for i in range(len(pull)))
    share = solve(square, missing)
    return pull + _sum(jacobian[i] * share[i] for i in range(len(share)))


def _sum(terms: Iterator[np.ndarray]) -> np.ndarray:
    total = next(terms)
    for term in terms:
        total += term
    return total


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(k, n): x of matrix (k, k, n) x = right (k, n), both used up.

    Gauss's elimination without pivoting, which is safe for what is positive definite
    (Golub and Van Loan, Matrix Computations).
    """
    size = len(right)
    for i in range(size):
        share = matrix[i + 1 :, i] / matrix[i, i]
        matrix[i + 1 :, i + 1 :] -= share[:, None] * matrix[i, None, i + 1 :]
        right[i + 1 :] -= share * right[i]
    for i in reversed(range(size)):
        right[i] /= matrix[i, i]
        right[:i] -= matrix[:i, i] * right[i]
    return right
