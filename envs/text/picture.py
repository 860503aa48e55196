"""A picture of a scene and of the talk: cards with titles and lines above, what was said last below."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 480, 640
PAPER, CARD, INK, GREY, EDGE, MARK = "#f7f6f2", "#ffffff", "#26282c", "#787a7e", "#c9c6bd", "#b3541e"
TALK_LINES, MARGIN, HEAD = 6, 10, 26  # HEAD: what a card's name takes, pixels
SIZES = (16, 14, 12, 11)  # of a card's lines, in pixels


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def draw(title: str, cards: Sequence[tuple[str, Sequence[str]]], talk: Sequence[str]) -> np.ndarray:
    """(480, 640, 3) uint8. Lines that begin with "[" are people, and marked."""
    image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((MARGIN, 8), fitted(title, 16, WIDTH - 2 * MARGIN), INK, _font(16))
    bottom = HEIGHT - TALK_LINES * 17 - 2 * MARGIN
    columns = min(3, max(1, len(cards)))
    rows = max(1, math.ceil(len(cards) / columns))
    width, height = (WIDTH - MARGIN) / columns, (bottom - 36) / rows
    size = _size(cards, width - MARGIN - 16, height - MARGIN - HEAD)
    for i, (name, lines) in enumerate(cards):
        left, top = MARGIN + (i % columns) * width, 36 + (i // columns) * height
        _card(pen, (left, top, left + width - MARGIN, top + height - MARGIN), name, lines, size)
    pen.line((MARGIN, bottom, WIDTH - MARGIN, bottom), EDGE)
    for i, line in enumerate(talk[-TALK_LINES:]):
        pen.text((MARGIN, bottom + 8 + 17 * i), fitted(line, 14, WIDTH - 2 * MARGIN), INK, _font(14))
    return np.asarray(image)


def _size(cards: Sequence[tuple[str, Sequence[str]]], wide: float, high: float) -> int:
    """The largest size at which every card's lines fit; what does not fit at the smallest is left out."""
    for size in SIZES:
        if all(_rows(lines, size, wide) * _step(size) <= high for _, lines in cards):
            return size
    return SIZES[-1]


def _rows(lines: Sequence[str], size: int, wide: float) -> int:
    return sum(len(_folded(line, size, wide)) for line in lines)


def _step(size: int) -> int:
    """From one row to the next, pixels."""
    return round(size * 1.25)


def _card(pen: ImageDraw.ImageDraw, box: tuple[float, ...], name: str, lines: Sequence[str], size: int) -> None:
    left, top, right, bottom = box
    pen.rounded_rectangle((left, top, right, bottom), 6, CARD, EDGE)
    pen.text((left + 8, top + 5), fitted(name, 14, right - left - 16), GREY, _font(14))
    rows = [(row, line.startswith("[")) for line in lines for row in _folded(line, size, right - left - 16)]
    for i, (row, marked) in enumerate(rows[: max(0, int((bottom - top - HEAD) // _step(size)))]):
        pen.text((left + 8, top + HEAD + _step(size) * i), row, MARK if marked else INK, _font(size))


def _folded(line: str, size: int, width: float) -> list[str]:
    """The line in rows that are no wider; only a word that is wider alone is cut."""
    rows, font = [""], _font(size)
    for word in line.split(" "):
        longer = f"{rows[-1]} {word}".strip()
        if font.getlength(longer) <= width or not rows[-1]:
            rows[-1] = longer
        else:
            rows.append(word)
    return [fitted(row, size, width) for row in rows]


def fitted(line: str, size: int, width: float) -> str:
    """The line, cut with an ellipsis where it is too long."""
    font = _font(size)
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line + "…"
