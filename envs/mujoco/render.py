"""Pictures of one simulation of a batch, drawn off-screen."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Collection, Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch

REMEDIES = {
    "egl": "install libegl1 and libgl1-mesa-dri (Debian, Ubuntu: apt install libegl1 libgl1-mesa-dri)",
    "osmesa": "install libosmesa6 (Debian, Ubuntu: apt install libosmesa6), or set MUJOCO_GL=egl",
    "glfw": "there is no display to open a window on; set MUJOCO_GL=egl",
    "off": "drawing is switched off; set MUJOCO_GL=egl",
}
ALIASES = {"": "glfw", "glx": "glfw", "disable": "off", "disabled": "off", "false": "off", "0": "off"}


class RenderingUnavailable(RuntimeError):
    """This machine cannot draw; the message says in one line what to install or to set."""

    def __init__(self):
        asked = os.environ.get("MUJOCO_GL", "")
        name = asked.lower().strip()
        unknown = "MUJOCO_GL may be egl, osmesa or glfw; set MUJOCO_GL=egl"
        remedy = REMEDIES.get(ALIASES.get(name, name), unknown)
        super().__init__(f"cannot draw with MUJOCO_GL={asked!r}: {remedy}; `ludus doctor` checks it")


class Camera:
    """Draws simulations of a batch from a named camera of the scene.

    pretty: with shadows, reflections and smooth edges, as for a page; without a GPU that takes ten times as long.
    Raises RenderingUnavailable where there is no OpenGL.
    """

    def __init__(self, sims: Batch, camera: str, height: int = 480, width: int = 640, pretty: bool = False):
        self._sims, self._name = sims, camera
        self._model = copy.copy(sims.model)
        self._model.vis.quality.offsamples = 8 if pretty else 0
        if height <= 128:  # rounder cylinders would not show, and take twice as long
            self._model.vis.quality.numslices, self._model.vis.quality.numstacks = 12, 6
        self._data = mujoco.MjData(self._model)
        try:
            with warnings.catch_warnings():  # GLFW warns of what it then fails at
                warnings.simplefilter("ignore")
                self._renderer = mujoco.Renderer(self._model, height, width)
        except Exception as error:  # whatever the OpenGL loader raised
            raise RenderingUnavailable from error
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._renderer.scene.flags[flag] = pretty

    def picture(self, env: int) -> np.ndarray:
        """(height, width, 3) uint8."""
        return self.pictures(env, [self._name])[0]

    def pictures(self, env: int, cameras: Sequence[str]) -> list[np.ndarray]:
        """One picture from each of the cameras."""
        self._sims.get_model(env, self._model)
        self._sims.get_data(env, self._data)
        mujoco.mj_forward(self._model, self._data)
        taken = []
        for name in cameras:
            self._renderer.update_scene(self._data, camera=name)
            taken.append(self._renderer.render().copy())
        return taken

    def close(self) -> None:
        self._renderer.close()


class Eyes:
    """What each agent sees in every copy: size × size pixels from the camera 'agent/eye', or else from `camera`.

    turned: the agents that see the world turned by half a turn.
    Raises RenderingUnavailable where there is no OpenGL.
    """

    def __init__(self, sims: Batch, agents: Sequence[str], camera: str, size: int, turned: Collection[str] = ()):
        own = {sims.model.camera(i).name for i in range(sims.model.ncam)}
        eyes = {a: f"{a}/eye" if f"{a}/eye" in own else camera for a in agents}
        self._names = list(dict.fromkeys(eyes.values()))  # agents that share a camera share a picture
        self._of = {a: self._names.index(name) for a, name in eyes.items()}
        self._turned = frozenset(turned)
        self._camera = Camera(sims, camera, size, size)
        self._seen = np.zeros((len(self._names), sims.nsim, size, size, 3), np.uint8)

    def look(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """agent -> (n, size, size, 3) uint8, new arrays; only copies ids are drawn anew."""
        for env in ids.tolist():
            for k, picture in enumerate(self._camera.pictures(env, self._names)):
                self._seen[k, env] = picture
        pictures = {a: self._seen[k] for a, k in self._of.items()}
        return {a: (p[:, ::-1, ::-1] if a in self._turned else p).copy() for a, p in pictures.items()}

    def close(self) -> None:
        self._camera.close()
