"""Pictures of one simulation of a batch, drawn off-screen."""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco.batch import Batch


class RenderingUnavailable(RuntimeError):
    """This machine cannot draw; the message says which package brings what is missing."""


class Camera:
    """Draws simulations of a batch from a named camera."""

    def __init__(self, sims: Batch, camera: str, height: int = 480, width: int = 640):
        self._sims, self._name = sims, camera
        try:
            self._renderer = mujoco.Renderer(sims.model, height, width)
        except Exception as error:  # the bindings raise whatever the GL loader raised
            raise RenderingUnavailable(
                "cannot draw: no OpenGL here; install libegl1 (Debian, Ubuntu: apt install libegl1 libgl1-mesa-dri) "
                "and set MUJOCO_GL=egl; `ludus doctor` checks it"
            ) from error
        self._data = mujoco.MjData(sims.model)

    def picture(self, env: int) -> np.ndarray:
        """(height, width, 3) uint8."""
        data = self._sims.get_data(env, self._data)
        mujoco.mj_forward(self._sims.get_model(env), data)
        self._renderer.update_scene(data, camera=self._name)
        return self._renderer.render().copy()

    def close(self) -> None:
        self._renderer.close()
