"""Worlds simulated by MuJoCo, batched on the CPU."""

import importlib
import os
import sys


def _load() -> None:
    """Import mujoco, which chooses its OpenGL then; without OpenGL if that fails, as physics needs none."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl")  # the only one that draws without a display
    asked = os.environ.get("MUJOCO_GL", "")
    try:
        importlib.import_module("mujoco")
    except (AttributeError, ImportError, OSError, RuntimeError):  # its loaders raise all of these
        os.environ["MUJOCO_GL"] = "off"
        importlib.import_module("mujoco")
        os.environ["MUJOCO_GL"] = asked  # render.Camera names it when somebody wants a picture


_load()
