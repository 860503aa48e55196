"""A picture of a scene and of the talk: cards with titles and lines above, what was said last below."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HEIGHT, WIDTH = 480, 640
PAPER, CARD, INK, GREY, EDGE, MARK = "#f7f6f2", "#ffffff", "#26282c", "#787a7e", "#c9c6bd", "#b3541e"
TALK_LINES, MARGIN = 6, 10


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
    for i, (name, lines) in enumerate(cards):
        left, top = MARGIN + (i % columns) * width, 36 + (i // columns) * height
        _card(pen, (left, top, left + width - MARGIN, top + height - MARGIN), name, lines)
    pen.line((MARGIN, bottom, WIDTH - MARGIN, bottom), EDGE)
    for i, line in enumerate(talk[-TALK_LINES:]):
        pen.text((MARGIN, bottom + 8 + 17 * i), fitted(line, 13, WIDTH - 2 * MARGIN), INK, _font(13))
    return np.asarray(image)


def _card(pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], name: str, lines: Sequence[str]) -> None:
    left, top, right, bottom = box
    pen.rounded_rectangle(box, 6, CARD, EDGE)
    pen.text((left + 8, top + 5), fitted(name, 13, right - left - 16), GREY, _font(13))
    room = max(0, int((bottom - top - 26) // 14))
    for i, line in enumerate(lines[:room]):
        colour = MARK if line.startswith("[") else INK
        pen.text((left + 8, top + 24 + 14 * i), fitted(line, 11, right - left - 16), colour, _font(11))


def fitted(line: str, size: int, width: float) -> str:
    """The line, cut with an ellipsis where it is too long."""
    font = _font(size)
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line + "…"
