"""A sheet with every task of a family, amid its script: python examples/sheet.py unity games.png 5"""

import sys

import numpy as np
from PIL import Image

import ludus.envs

WIDTH, GAP, STEPS = 1230, 6, 25


def picture(id: str, size: tuple[int, int]) -> Image.Image:
    """One copy after STEPS steps, or as its first episode ends."""
    world = ludus.envs.make(id)
    world.reset(np.arange(1), [3])
    for _ in range(STEPS):
        if world.step(world.scripted()).done[0]:
            world.reset(np.arange(1), [4])
    drawn = Image.fromarray(world.render())
    world.close()
    drawn.thumbnail(size, Image.Resampling.LANCZOS)
    return drawn


def sheet(ids: list[str], columns: int) -> Image.Image:
    wide, rows = WIDTH // columns, -(-len(ids) // columns)
    size = (wide, wide * 3 // 4)
    page = Image.new("RGB", (columns * (wide + GAP), rows * (size[1] + GAP)), (245, 246, 248))
    for i, id in enumerate(ids):
        page.paste(picture(id, size), (i % columns * (wide + GAP), i // columns * (size[1] + GAP)))
    return page


if __name__ == "__main__":
    tag, out, columns = sys.argv[1:]
    found = [id for id in ludus.envs.ids(tag) if "needs-build" not in ludus.envs.spec(id).tags]
    sheet([id for id in found if not id.endswith("Goal-v0")], int(columns)).save(out, optimize=True)
