"""Blocks and those who push them: where they start, how they move, what a grid sensor shows, who knows how to do it.

A block slides along an axis of the hall when enough agents push it that way, and never turns; another block in its way
stops it. It needs as many agents as it is wide: half an agent's strength less than that is its friction.
"""

from __future__ import annotations

import numpy as np

from . import walkers
from .walkers import AHEAD, COAST, DT, HALF, RADIUS, STAY, STRIDE, turned

SIZES = ("small", "large", "very large")
KIND = np.array([0, 0, 1, 1, 2, 2])
EDGE = np.array([0.5, 1.0, 1.5])[KIND]  # half the width (m); what is as wide as n agents needs n of them
NEED = np.array([0.5, 1.5, 2.5])[KIND]  # agents at full strength
GOAL = 9.5  # the goal is the strip from here to the wall
SPEED, PUSH = 7.0, 4.5  # of agents running, of a block that is pushed (m/s)
COLUMNS, ROWS, JITTER = 7.0, 6.5, 0.9  # nine cells, in whose middles agents and blocks start
SQUARE = 0.9  # the share of a push that goes straight into a block, from which on an agent does not slip along it


def spots(draw, one_a_column: bool) -> np.ndarray:
    """(n, 9, 2): three agents and six blocks, each in a cell of its own; or blocks 0, 2 and 4 in a column each."""
    order = draw.permutation(9)
    if one_a_column:
        column, row = draw.permutation(3), draw.integers(3, 3)
        taken = 3 * row + column
        free = (order[:, :, None] != taken[:, None]).all(axis=-1)
        rest = np.take_along_axis(order, np.argsort(~free, axis=1, kind="stable"), axis=1)
        order = np.stack([*rest[:, :3].T, taken[:, 0], rest[:, 3], taken[:, 1], rest[:, 4], taken[:, 2], rest[:, 5]], 1)
    middle = np.stack([(order % 3 - 1) * COLUMNS, (order // 3 - 1) * ROWS - 1.0], axis=-1)
    return middle + draw.uniform(-JITTER, np.full((9, 2), JITTER))


def fixed_step(place, velocity, yaw, block, there, choice):
    """Places, velocities and yaws of the agents and places of the blocks after one of Unity's fixed steps."""
    velocity, yaw = walkers.run(velocity, yaw, choice, SPEED)
    place = place + velocity * DT
    drive = turned(STRIDE[choice], yaw)
    out, depth = _contact(place, block, there)
    effort = np.maximum(-(drive[:, :, None] * out).sum(axis=-1), 0) * (depth > -0.02)
    force = sum(np.moveaxis(-effort[..., None] * out, 1, 0))
    block = _slide(block, there, np.sign(force) * (np.abs(force) >= NEED[:, None]) * PUSH * DT)
    out, depth = _contact(place, block, there)
    deepest = depth.argmax(axis=-1)[..., None]
    depth = np.take_along_axis(depth, deepest, -1)
    out = np.take_along_axis(out, deepest[..., None], 2)[:, :, 0]
    firm = np.take_along_axis(effort, deepest, -1) > SQUARE
    into = np.minimum((velocity * out).sum(axis=-1), 0)[..., None]
    velocity = np.where(depth > 0, np.where(firm, 0, velocity - into * out), velocity)
    place = place + np.maximum(depth, 0) * out
    return walkers.inside(walkers.apart(place, np.ones(place.shape[:2], bool))), velocity, yaw, block


def _contact(place, block, there):
    """The way out of each block, (n, a, b, 2) of length 1, and how deep an agent is in it; negative for outside."""
    gap = place[:, :, None] - block[:, None]
    beyond = gap - np.clip(gap, -EDGE[:, None], EDGE[:, None])
    distance = np.sqrt(beyond[..., 0] ** 2 + beyond[..., 1] ** 2)
    shallow = EDGE[:, None] - np.abs(gap)  # for a centre within the block: out by the nearer side
    across = (shallow[..., 0] < shallow[..., 1])[..., None] == np.array([True, False])
    side = np.where(across, np.copysign(1.0, gap), 0)
    within = distance < 1e-9
    out = np.where(within[..., None], side, beyond / np.maximum(distance, 1e-9)[..., None])
    depth = RADIUS + np.where(within, shallow.min(axis=-1), -distance)
    return out, np.where(there[:, None], depth, -np.inf)


def _slide(block, there, shift):
    """Blocks after their shifts (n, b, 2), those left out that would run into another block or a wall."""
    moved = np.clip(block + shift, EDGE[:, None] - HALF, HALF - EDGE[:, None])
    gap = block[:, None] - moved[:, :, None]  # from each to the others
    close = (np.abs(gap) < (EDGE[:, None] + EDGE)[..., None]).all(axis=-1)
    towards = (gap * shift[:, :, None]).sum(axis=-1) > 0
    other = there[:, None] & ~np.eye(len(EDGE), dtype=bool)
    return np.where((close & towards & other).any(axis=-1)[..., None], block, moved)


# Unity's grid sensor

CELLS = np.stack(np.meshgrid(np.arange(20) - 9.5, 19.5 - np.arange(20)), axis=-1).reshape(-1, 2)  # ahead is on top
CELL = 0.5


def grid(place, yaw, block, there):
    """(n, a, 20, 20, 6) uint8: cells of 1 m ahead of each agent, 255 for the kind of the thing that is nearest to it.

    The kinds: wall, agent, goal, blockSmall, blockLarge, blockVeryLarge (PushBlockCollabAreaGrid.prefab). A cell of the
    sensor is taken to lie along the hall's axes.
    """
    cell = place[:, :, None] + turned(CELLS, yaw[:, :, None])
    x, z = np.abs(cell[..., 0]), np.abs(cell[..., 1])
    wall = (np.maximum(x, z) > HALF - CELL) & (np.maximum(x, z) < HALF + 2 * CELL)
    goal = (cell[..., 1] > GOAL - CELL) & (np.maximum(x, z) < HALF + CELL)
    nearest = np.where(wall, (HALF - np.abs(place).max(axis=-1))[..., None], np.inf)
    kind = np.where(wall, 0, -1)
    for k in range(place.shape[1]):
        close = (np.abs(cell - place[:, None, [k]]) < RADIUS + CELL).all(axis=-1)
        nearest, kind = _nearer(nearest, kind, close, _far(place, place[:, [k]], RADIUS), 1, np.arange(3) != k)
    nearest, kind = _nearer(nearest, kind, goal, np.maximum(GOAL - place[..., 1], 0), 2, True)
    for b in range(block.shape[1]):
        close = (np.abs(cell - block[:, None, [b]]) < EDGE[b] + CELL).all(axis=-1)
        far = _far(place, block[:, [b]], EDGE[b])
        nearest, kind = _nearer(nearest, kind, close, far, 3 + KIND[b], there[:, [b]])
    return (255 * (kind[..., None] == np.arange(6))).astype(np.uint8).reshape(*place.shape[:2], 20, 20, 6)


def _far(place, thing, half):
    return np.maximum(np.abs(place - thing) - half, 0).max(axis=-1)


def _nearer(nearest, kind, close, far, mark, there):
    """The nearest thing of each cell and its kind, with one more thing (far: (n, a) from the agents)."""
    wins = close & (far[..., None] < nearest) & np.broadcast_to(there, far.shape)[..., None]
    return np.where(wins, far[..., None], nearest), np.where(wins, mark, kind)


# Who knows how to do it

SLOTS = np.array([(0, 0, 0), (-0.55, 0.55, 0), (-1.05, 0, 1.05)])  # along the block, for as many as it needs
LANE = 1.0  # below the block, where those who push it line up
TOP = 10.3  # beyond the last row, where columns can be crossed


def script(place, velocity, yaw, block, wanted):
    """(n, a) choices. The wanted block nearest to the goal is pushed straight ahead; agents walk between the cells.

    They face the goal first, then move sidewards and straight; blocks behind one another wait for their turn.
    """
    rows = np.arange(len(place))
    target = np.where(wanted, block[..., 1] + EDGE, -np.inf).argmax(axis=1)
    centre, edge, kind = block[rows, target], EDGE[target], KIND[target]
    slot, called = _places(place, centre, edge, kind)
    error = _way(place, centre, edge, slot) - place - COAST * velocity
    tilt = (yaw + np.pi) % (2 * np.pi) - np.pi
    face = np.where(tilt > 0, walkers.LEFTWARD, walkers.RIGHTWARD)
    choice = np.where(np.abs(tilt) > np.radians(10.1), face, walkers.steer(error, yaw, SPEED))
    straight = np.abs(tilt) <= np.radians(10.1)
    ready = (straight & _at_it(place, centre, edge, slot)) | ~called
    choice = np.where(straight & ready.all(axis=1)[:, None], AHEAD, choice)
    return np.where(called & wanted.any(axis=1)[:, None], choice, STAY)


def _places(place, centre, edge, kind):
    """Each agent's x along the block, and whether it is needed: those nearest to where they push, left to right."""
    lane = np.stack([centre[:, 0], centre[:, 1] - edge - LANE], axis=-1)[:, None]
    far = np.abs(place - lane).sum(axis=-1)
    rank = np.argsort(np.argsort(far, axis=1, kind="stable"), axis=1, kind="stable")
    called = rank <= kind[:, None]
    x = np.where(called, place[..., 0], np.inf)
    order = np.argsort(np.argsort(x, axis=1, kind="stable"), axis=1, kind="stable")
    return centre[:, :1] + SLOTS[kind[:, None], order], called


def _at_it(place, centre, edge, slot):
    """(n, a) bool: below the block and in line with where to push it, or in touch with its lower side."""
    below = (centre[:, 1] - edge)[:, None] - place[..., 1]
    lined = (np.abs(place[..., 0] - slot) < 0.35) & (below > 0.3) & (below < LANE + 0.6)
    touching = (np.abs(place[..., 0] - centre[:, :1]) < edge[:, None]) & (below > 0.3) & (below < 0.6)
    return lined | touching


def _way(place, centre, edge, slot):
    """(n, a, 2): where each agent walks to next."""
    column = (np.rint(centre[:, 0] / COLUMNS) * COLUMNS)[:, None]
    lane = (centre[:, 1] - edge)[:, None] - LANE
    aside = place[..., 0] - column
    corridor = column + np.copysign(COLUMNS / 2, aside)
    x, z = place[..., 0], place[..., 1]
    lined = (z - lane > -0.8) & (z - lane < 0.9) & (np.abs(aside) < 4.2)
    walking = np.abs(x - corridor) < 0.6
    far = np.abs(aside) > 1.5 * COLUMNS - 0.7  # a column lies between
    own = np.rint(x / COLUMNS) * COLUMNS
    out = np.clip(own + np.copysign(COLUMNS / 2, -aside), -COLUMNS / 2, COLUMNS / 2)
    over = z > TOP - 1.0
    goal_x = np.select(
        [lined, walking, over | ~far, np.abs(x - out) < 0.6],
        [np.where(z - lane > 0.4, x, slot), corridor, corridor, out],
        out,
    )
    goal_z = np.select([lined, walking, over & far, ~far, np.abs(x - out) < 0.6], [lane, lane, TOP, z, TOP], z)
    return np.stack([goal_x, goal_z], axis=-1)
