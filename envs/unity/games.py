"""The named games: in this process as a rule, on the wire where asked."""

from __future__ import annotations

import functools
import importlib.resources
import os
import re
from collections.abc import Mapping
from typing import Any

import yaml

from ..core import World
from ..registry import forwards, load, nearest


@functools.cache
def table() -> dict[str, dict[str, Any]]:
    """What assets/unity/games.yaml says: game -> {module, player}."""
    file = importlib.resources.files("ludus.assets") / "unity/games.yaml"
    return yaml.safe_load(file.read_text("utf-8"))


def game(name: str):
    """The Game class of a name. Raises UnknownName."""
    if name not in table():
        raise nearest(name, table(), "game")
    return load(f".unity.player.{table()[name]['module']}")


def build(name: str) -> str | None:
    """The build that stands for a game on the wire, or None for the bundled player."""
    variable = "LUDUS_UNITY_" + re.sub(r"\W", "_", name).upper()
    return os.environ.get(variable) or table()[name].get("player")


def _takers(settings: Mapping[str, Any]) -> list[type]:
    """Who takes the settings of a named game: its class, and on the wire what stands around it."""
    if not settings.get("wire"):
        return [game(settings["game"])]
    from .world import UnityWorld

    return [game(settings["game"]), UnityWorld]


@forwards(_takers)
def make(game: str, num_envs: int = 1, wire: bool = False, **settings: Any) -> World:
    """A named game; wire: through a player and Unity's own client, which also takes the settings of UnityWorld."""
    if not wire:
        return _class(game)(num_envs, **settings)
    from .wired import make as through_a_player

    return through_a_player(game, num_envs, **settings)


_class = game  # make's argument hides the name
