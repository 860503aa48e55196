"""A home, and quests in it: fetch, open, put, clean, heat, cool, slice; alone, or as two with rooms of their own."""

from __future__ import annotations

from typing import Any

from .. import registry
from ..core import World
from .blueprint import read_house
from .quests import QuestHouse


@registry.forwards(QuestHouse)
def make(num_envs: int = 1, file: str = "household", text: bool = False, **settings: Any) -> World:
    """num_envs homes. file: "household", "household-team", or the path of a YAML file of your own with these sections.

    steps: commands that a quest takes, a number or (shortest, longest). goal: one quest's sentence, for every episode.
    text: observations and actions are sentences. language: "en" or "zh".
    """
    world = QuestHouse(num_envs, read_house(file), **settings)
    if not text:
        return world
    from .spoken import Spoken

    return Spoken(world)
