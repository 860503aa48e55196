"""Pictures of the games: a board seen from above, its things as coloured shapes, a line of score."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = Sequence[float] | np.ndarray

SKY, GROUND, WALL, INK = (214, 228, 240), (242, 240, 232), (120, 124, 132), (40, 44, 52)
BLUE, RED, GREEN, YELLOW, ORANGE, PURPLE = (
    (52, 120, 214), (214, 62, 54), (60, 160, 78), (240, 196, 48), (234, 134, 40), (134, 84, 190),
)  # fmt: skip
HEIGHT, WIDTH, TOP = 480, 640, 44


class Board:
    """A picture of 480 x 640 with a line of words on top; low and high are the corners in the game's own units."""

    def __init__(self, low: Point, high: Point, words: str, ground: Colour = GROUND):
        self.image = Image.new("RGB", (WIDTH, HEIGHT), SKY)
        self.pen = ImageDraw.Draw(self.image)
        self.low, self.high = np.asarray(low, float), np.asarray(high, float)
        self.scale = float(min((WIDTH, HEIGHT - TOP) / (self.high - self.low))) * 0.96
        self.centre = np.array([WIDTH / 2, (HEIGHT + TOP) / 2])
        self.polygon([low, (high[0], low[1]), high, (low[0], high[1])], ground)
        self.pen.text((12, 10), words, INK, font=_font(20))

    def at(self, point: Point) -> tuple[float, float]:
        """The pixel of a point; y grows upwards on the board."""
        x, y = (np.asarray(point, float) - (self.low + self.high) / 2) * self.scale * (1, -1) + self.centre
        return float(x), float(y)

    def polygon(self, points: Sequence[Point], colour: Colour, line: Colour | None = None) -> None:
        self.pen.polygon([self.at(p) for p in points], fill=colour, outline=line)

    def box(self, centre: Point, half: Point, colour: Colour, angle: float = 0.0) -> None:
        """A rectangle turned by angle (radians)."""
        corners = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * np.asarray(half, float)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        self.polygon((corners @ turn + np.asarray(centre, float)).tolist(), colour, INK)

    def disc(self, centre: Point, radius: float, colour: Colour) -> None:
        x, y = self.at(centre)
        r = radius * self.scale
        self.pen.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline=INK, width=2)

    def line(self, points: Sequence[Point], colour: Colour, width: int = 3) -> None:
        self.pen.line([self.at(p) for p in points], fill=colour, width=width, joint="curve")

    def words(self, point: Point, text: str, colour: Colour = INK, size: int = 18) -> None:
        self.pen.text(self.at(point), text, colour, font=_font(size), anchor="mm")

    def picture(self) -> np.ndarray:
        """(480, 640, 3) uint8."""
        return np.asarray(self.image, np.uint8).copy()


@functools.lru_cache(maxsize=8)
def _font(size: int):
    return ImageFont.load_default(size)
