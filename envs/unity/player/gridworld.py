"""GridWorld: a green plus and a red cross on a grid; the goal signal says which of them to go to."""

from __future__ import annotations

import functools

import numpy as np

from ...instructions import Skill
from ...registry import nearest
from ..spec import Behaviour, Sensor
from . import draw as paint
from .game import Game, Played, sensors

STAY, UP, DOWN, LEFT, RIGHT = range(5)
MOVES = np.array([(0, 0), (0, 1), (0, -1), (-1, 0), (1, 0)])
STEP_COST = 0.01
HEIGHT, WIDTH = 64, 84
LARGEST = 5  # cells along a side
MARKS = ("green plus", "red cross")
AGENT, FLOOR, WALL = 2, 3, 4  # what a cell shows, beside the two marks
COLOURS = np.array([paint.GREEN, paint.RED, paint.BLUE, paint.GROUND, paint.WALL], np.uint8)


def _gap(world, arguments):
    game = world.unwrapped
    mark = game.marks[:, MARKS.index(arguments["mark"])]
    return np.abs(game.place - mark).sum(axis=1)


go = Skill(
    "visit",
    ("go to the {mark}", "move to the {mark}"),
    achieved=lambda world, arguments: _gap(world, arguments) == 0,
    progress=lambda world, arguments: np.clip(1 - _gap(world, arguments) / 8, 0, 1),  # the longest way
    held_out=("step onto the {mark}",),
    chinese=("去{mark}", "走到{mark}上"),
    arguments={"mark": MARKS},
    in_chinese={"green plus": "绿色加号", "red cross": "红色叉号"},
)


class GridWorld(Game):
    """Success: on the mark that the episode is about.

    Actions: stay, up, down, left, right; those into a wall are masked, and stay. Every step costs 0.01; the right mark
    pays 1 and the wrong one -1 instead, and either ends the episode; it is cut off after 100 steps.
    obs: "camera", the official observation, 64 x 84 pixels from above; or "state", three planes of 5 x 5 cells.
    The parameter gridSize, 2 to 5, holds from an episode's start on; a smaller grid is a corner of the planes.
    The goal signal goes over the wire; in this process the instruction says it.
    """

    name = "GridWorld"
    groups = {"GridWorld": ("agent",)}
    saved = ("place", "marks", "size")
    defaults = {"gridSize": float(LARGEST)}
    skills = (go,)
    goals = tuple(go(mark=mark) for mark in MARKS)
    max_episode_steps = 100
    render_fps = 6

    def __init__(self, num_envs: int = 1, obs: str = "state", **settings):
        seeing = {"camera": Sensor("CameraSensor", (HEIGHT, WIDTH, 3)), "state": Sensor("StateSensor", (75,), 1.0)}
        if obs not in seeing:
            raise nearest(obs, dict(seeing), "kind of observation")
        signal = Sensor("VectorSensor", (2,), 1.0, goal=True)
        self.behaviours = {"GridWorld": Behaviour("GridWorld", sensors(seeing[obs], signal), branches=(5,))}
        self.obs = obs
        self.size = np.full((num_envs, 1), LARGEST)
        self.place, self.marks = np.zeros((num_envs, 2), np.int64), np.zeros((num_envs, 2, 2), np.int64)
        super().__init__(num_envs, **settings)

    def set_parameter(self, key, value):
        if key == "gridSize" and value not in range(2, LARGEST + 1):
            raise ValueError(f"GridWorld: gridSize is a number of cells, 2 to {LARGEST}, not {value}")
        super().set_parameter(key, value)

    def begin(self, ids, draw):
        self.size[ids] = self.parameters["gridSize"]
        cells = draw.permutation(LARGEST**2)
        spots = np.stack([cells // LARGEST, cells % LARGEST], axis=2)
        beyond = (spots >= self.size[ids, None]).any(axis=2)
        spots = np.take_along_axis(spots, np.argsort(beyond, axis=1, kind="stable")[:, :3, None], axis=1)
        self.marks[ids], self.place[ids] = spots[:, :2], spots[:, 2]

    def play(self, acts):
        self.place = np.clip(self.place + MOVES[acts["agent"][1][:, 0]], 0, self.size - 1)
        on = self.on
        right = on[np.arange(self.num_envs), self.aim]
        reached = np.asarray(on.any(axis=1))
        pay = np.where(reached, np.where(right, 1.0, -1.0), -STEP_COST)
        return Played({"agent": pay}, {"agent": reached})

    @property
    def on(self) -> np.ndarray:
        """(num_envs, 2) bool: on each of the marks."""
        return (self.place[:, None] == self.marks).all(axis=2)

    def masks(self):
        there = self.place[:, None] + MOVES
        return {"agent": ((there >= 0) & (there < self.size[:, None])).all(axis=2)}

    def sense(self):
        signal = np.arange(2) == self.aim[:, None]
        shown = {"CameraSensor": self._photograph()} if self.obs == "camera" else {"StateSensor": self._planes()}
        return {"agent": {"VectorSensor": signal, **shown}}

    def _planes(self) -> np.ndarray:
        spots = np.concatenate([self.place[:, None], self.marks], axis=1)
        cells = spots[..., 0] * LARGEST + spots[..., 1]
        return (np.arange(LARGEST**2) == cells[..., None]).reshape(self.num_envs, -1)

    def _photograph(self) -> np.ndarray:
        seen = np.empty((self.num_envs, HEIGHT, WIDTH, 3), np.uint8)
        for size in np.unique(self.size).tolist():
            rows = np.flatnonzero(self.size[:, 0] == size)
            seen[rows] = self._shot(rows, size)
        return seen

    def _shot(self, rows: np.ndarray, size: int) -> np.ndarray:
        """(rows, H, W, 3) pictures of copies whose grids have this size."""
        cell, looks = _camera(size)
        shown = np.full((len(rows), size**2 + 1), FLOOR)
        shown[:, -1] = WALL
        for k, spot in enumerate((self.marks[rows, 0], self.marks[rows, 1], self.place[rows])):
            shown[np.arange(len(rows)), spot[:, 0] * size + spot[:, 1]] = k
        return looks[shown[:, cell], np.arange(HEIGHT)[:, None], np.arange(WIDTH)]

    def success(self):
        return self.on[np.arange(self.num_envs), self.aim]

    def scripted(self):
        """Of the allowed moves, the one after which the way is shortest without crossing the other mark."""
        rows = np.arange(self.num_envs)
        target, other = self.marks[rows, self.aim], self.marks[rows, 1 - self.aim]
        there = self.place[:, None] + MOVES
        away = np.abs(there - target[:, None]).sum(axis=2)
        detour = 2 * _between(there, other[:, None], target[:, None])
        bad = ~self.masks()["agent"] | (there == other[:, None]).all(axis=2)
        return {"agent": np.argmin(away + detour + 99 * bad, axis=1)}

    def describe(self, env, agent):
        spots = [f"the {mark} at {tuple(spot)}" for mark, spot in zip(MARKS, self.marks[env].tolist(), strict=True)]
        size = int(self.size[env, 0])
        return (
            f"You stand at {tuple(self.place[env].tolist())} on a grid of {size} x {size} cells, {' and '.join(spots)}."
        )

    def feasible(self, env, agent):
        return list(go.instructions())

    def render(self, env=0):
        size = int(self.size[env, 0])
        end = size - 0.5
        words = f"GridWorld   step {self.steps[env]}   {self.aim_of(env).text}"
        board = paint.Board((-1.5, -1.5), (end + 1, end + 1), words, paint.WALL)
        board.polygon([(-0.5, -0.5), (end, -0.5), (end, end), (-0.5, end)], paint.GROUND)
        for i in range(size):
            board.line([(i - 0.5, -0.5), (i - 0.5, end)], paint.SKY, 2)
            board.line([(-0.5, i - 0.5), (end, i - 0.5)], paint.SKY, 2)
        plus, cross = self.marks[env]
        for angle in (0, np.pi / 2):
            board.box(plus, (0.35, 0.1), paint.GREEN, angle)
            board.box(cross, (0.38, 0.1), paint.RED, angle + np.pi / 4)
        board.box(self.place[env], (0.3, 0.3), paint.BLUE)
        return board.picture()


def _between(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """(...,) bool: b stands on the straight line of cells from a to c, in a row or a column."""
    line = ((a == b) & (b == c)).any(axis=-1)
    return line & (np.abs(a - b).sum(axis=-1) + np.abs(b - c).sum(axis=-1) == np.abs(a - c).sum(axis=-1))


@functools.lru_cache(maxsize=4)
def _camera(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The cell that each pixel shows, (H, W), the last one wall; and how each kind looks there, (5, H, W, 3)."""
    unit = HEIGHT / size  # orthographic, as high as the grid
    up = size - (np.arange(HEIGHT) + 0.5) / unit
    right = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / unit + size / 2
    x, z = np.floor(right).astype(int), np.floor(up).astype(int)
    inside = (x >= 0) & (x < size)
    cell = np.where(inside, x.clip(0, size - 1) * size + z[:, None], size**2)
    dx, dz = np.abs(right - x - 0.5)[None, :], np.abs(up - z - 0.5)[:, None]
    shapes = [np.minimum(dx, dz) < 0.15, np.abs(dx - dz) < 0.15, np.maximum(dx, dz) < 0.4]
    looks = np.broadcast_to(COLOURS[:, None, None], (5, HEIGHT, WIDTH, 3)).copy()
    for kind, shape in enumerate(shapes):
        looks[kind][~shape] = COLOURS[FLOOR]
    return cell, looks
