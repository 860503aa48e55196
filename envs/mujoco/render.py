"""Pictures of one simulation of a batch, drawn off-screen."""

from __future__ import annotations

import copy
import os
import warnings

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
        self._sims.get_model(env, self._model)
        self._sims.get_data(env, self._data)
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, camera=self._name)
        return self._renderer.render().copy()

    def close(self) -> None:
        self._renderer.close()
