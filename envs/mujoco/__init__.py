"""Worlds simulated by MuJoCo, batched on the CPU."""

import os
import sys

# MuJoCo chooses its OpenGL when it is first imported; without a display only EGL can draw
if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
    os.environ.setdefault("MUJOCO_GL", "egl")
