"""Players in threads of this process: the same messages through the same server, without starting a Python for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ludus.envs.unity import launch
from ludus.envs.unity.player import main


def free_port() -> int:
    with launch._free_port() as port:
        return port


def beside(player: Callable[[int], Any]) -> int:
    """A port that player(port) tries to reach, as the Unity editor does: give it to a world whose player is None."""
    port = free_port()
    threading.Thread(target=player, args=(port,), daemon=True).start()
    return port


def start(player, arguments=(), side_channels=(), port=None, **settings) -> launch.Client:
    """In place of launch.start: ludus-player in a thread."""
    port = beside(lambda port: main.main([*arguments, "--mlagents-port", str(port)]))
    return launch.start(None, arguments, side_channels, port, **settings)
