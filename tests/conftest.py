"""What every test stands on: one torch thread, and a renderer that needs no display."""

import os
import sys

import pytest

if sys.platform == "linux" and "DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")  # read once, when mujoco is imported


@pytest.fixture(autouse=True)
def one_torch_thread():
    """On a busy machine two threads are many times slower than one; torch itself is loaded by those who need it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
