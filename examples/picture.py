"""The pictures of the docs: every robot task in the middle of its script.  python examples/picture.py docs/images"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import ludus.envs
from ludus.envs import registry
from ludus.envs.mujoco.render import Camera
from ludus.envs.mujoco.world import MujocoWorld

SIZE = (480, 360)
CELL, CAPTION, COLUMNS = (320, 240), 24, 5
MOMENT = 0.5  # of the episode, at which most tasks are at work
MOMENTS = {"Formation": 0.3, "PursuitEvasion": 0.2, "Handover": 0.65, "Convoy": 0.4}  # where another one shows more


def portrait(id: str) -> Image.Image:
    """The task at its moment of a scripted episode, drawn with shadows."""
    world = ludus.envs.make(id)
    assert isinstance(world, MujocoWorld)
    world.reset(np.arange(1), [2])
    for _ in range(round(MOMENTS.get(name(id), MOMENT) * world.max_episode_steps)):
        world.step(world.scripted())
    camera = Camera(world.sims, world.task.camera, SIZE[1], SIZE[0], pretty=True)
    picture = Image.fromarray(camera.picture(0))
    camera.close()
    return picture


def name(id: str) -> str:
    """'Lift' of 'ludus/Lift-v0'."""
    return id.split("/")[1].split("-")[0]


def grid(portraits: dict[str, Image.Image]) -> Image.Image:
    """All of them side by side, each over its name."""
    wide, high = CELL[0], CELL[1] + CAPTION
    rows = -(-len(portraits) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * wide, rows * high), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    for k, (title, picture) in enumerate(portraits.items()):
        x, y = k % COLUMNS * wide, k // COLUMNS * high
        page.paste(picture.resize((wide - 4, CELL[1]), Image.Resampling.LANCZOS), (x + 2, y))
        draw.text((x + wide / 2, y + CELL[1] + CAPTION / 2), title, "#333", font, anchor="mm")
    return page


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "tasks").mkdir(parents=True, exist_ok=True)
    portraits = {id: portrait(id) for id in ludus.envs.ids("mujoco")}
    for id, picture in portraits.items():
        picture.save(folder / "tasks" / f"{name(id)}.png", optimize=True)
    different = {name(id): p for id, p in portraits.items() if "sensing" not in registry.spec(id).settings}
    grid(different).save(folder / "tasks.png", optimize=True)
