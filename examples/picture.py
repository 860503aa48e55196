"""The picture of the README: every task in the middle of its scripted policy.  python examples/picture.py OUT.png"""

import sys

import numpy as np
from PIL import Image

import ludus.envs
from ludus.envs.mujoco.render import Camera


def portrait(id: str, share: float = 0.7) -> np.ndarray:
    """(300, 400, 3): the task after that share of a scripted episode, drawn with shadows."""
    world = ludus.envs.make(id)
    world.reset(np.arange(1), [2])
    for _ in range(round(share * world.max_episode_steps)):
        world.step(world.scripted())
    camera = Camera(world.sims, world.task.camera, 300, 400, pretty=True)  # type: ignore[attr-defined]
    picture = camera.picture(0)
    camera.close()
    return picture


if __name__ == "__main__":
    pictures = [portrait(id) for id in ludus.envs.ids("mujoco")]
    Image.fromarray(np.concatenate(pictures, axis=1)).quantize(160).save(sys.argv[1], optimize=True)
