"""Agents that walk about a walled square by seven choices: how they turn, run, slow down and bump into things.

The choices, the turn and the drag are those of PushAgentCollab.cs, PushAgentEscape.cs and their prefabs in Unity's
ml-agents; the speed is not. Places are (x, z) in metres; yaw turns clockwise seen from above, in radians, and is 0
where an agent looks along z.
"""

from __future__ import annotations

import numpy as np

DT, PERIOD = 0.02, 5  # Unity's fixed step (s), and the steps from one decision to the next
HALF = 12.5  # from the middle of the square to its walls (m)
RADIUS = 0.5  # an agent is a cube of edge 1 that bumps like a disc (m)
STAY, AHEAD, BACK, RIGHTWARD, LEFTWARD, LEFT, RIGHT = range(7)  # the fourth and fifth turn
TURN = np.radians(200.0) * DT
SPIN = TURN * np.array([0, 0, 0, 1, -1, 0, 0])
STRIDE = np.array([(0, 0), (0, 1), (0, -1), (0, 0), (0, 0), (-0.75, 0), (0.75, 0)])  # (to the right, ahead)
DRAG = 4.0  # of the agents' rigid bodies (1/s)
COAST = 1 / DRAG - DT  # an agent that stays rolls on for as long as this, at the speed that it has (s)


def turned(stride: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """(..., 2) of an agent's own frame in the square's; yaw: (...)."""
    sine, cosine = np.sin(yaw), np.cos(yaw)
    right, ahead = stride[..., 0], stride[..., 1]
    return np.stack([right * cosine + ahead * sine, ahead * cosine - right * sine], axis=-1)


def seen(gap: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """(..., 2) of the square's frame in an agent's own: to the right, ahead."""
    return turned(gap, -yaw)


def run(velocity: np.ndarray, yaw: np.ndarray, choice: np.ndarray, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Velocity (n, a, 2) and yaw (n, a) after a fixed step of choice (n, a); speed: what ahead leads to (m/s)."""
    yaw = yaw + SPIN[choice]
    gain = speed * DRAG * DT / (1 - DRAG * DT)
    return (velocity + gain * turned(STRIDE[choice], yaw)) * (1 - DRAG * DT), yaw


def inside(place: np.ndarray, radius: float = RADIUS) -> np.ndarray:
    """Places with a disc kept within the walls."""
    return np.clip(place, radius - HALF, HALF - radius)


def apart(place: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Places (n, a, 2) of agents that no longer overlap, each having given way by half; there: (n, a) bool."""
    place = place.copy()
    for i in range(place.shape[1]):
        for j in range(i):
            aside = away(place[:, i], place[:, j], 2 * RADIUS) / 2 * (there[:, i] & there[:, j])[:, None]
            place[:, i] += aside
            place[:, j] -= aside
    return place


def away(place: np.ndarray, other: np.ndarray, reach: float) -> np.ndarray:
    """(..., 2) the way from place out of the circle of radius reach round other; zero outside of it."""
    gap = place - other
    distance = np.sqrt(gap[..., 0] ** 2 + gap[..., 1] ** 2)[..., None]
    return gap / np.maximum(distance, 1e-9) * np.maximum(reach - distance, 0)


def steer(error: np.ndarray, yaw: np.ndarray, speed: float) -> np.ndarray:
    """(n, a) the choice after which an agent that coasts on comes nearest to error (n, a, 2) from where it would end.

    error: from place + COAST * velocity, where the agent rolls if it stays.
    """
    reach = PERIOD * speed * DT * STRIDE  # how far a decision's run carries, its coasting included
    off = seen(error, yaw)[..., None, :] - reach
    return (off[..., 0] ** 2 + off[..., 1] ** 2).argmin(axis=-1)
