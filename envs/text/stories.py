"""Episodes of a house as stories: who did what in which room, and the state that came of it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from .blueprint import read_house
from .quests import QuestHouse

LONGEST = 10  # events of a story; longer episodes are left out


@dataclasses.dataclass(frozen=True)
class Stories:
    """Episodes that the house's planner played. Its rows are their ends.

    events: (count, LONGEST, 3) int64: agent, its room, its command; -1 behind the last.
    begun: (count, things) int64: the spots of things at the start.
    handled: (count, agents, things) bool: who had what in hand. changed: (count, things, states) bool: what was made.
    """

    house: QuestHouse
    events: np.ndarray
    begun: np.ndarray
    handled: np.ndarray
    changed: np.ndarray

    def __len__(self) -> int:
        return len(self.events)


@functools.cache
def told(file: str, count: int, first: int, steps: tuple[int, int]) -> Stories:
    """The stories of seeds first, first + 1, …, count of them, in the house of a YAML file.

    Made once for all copies of all worlds: the first call takes a fraction of a second, later ones nothing.
    """
    house = QuestHouse(count, read_house(file), steps=steps)
    house.reset(np.arange(count), range(first, first + count))
    at, made = house.at.copy(), house.made.copy()
    handled, parts = [house.holding(k) for k in range(len(house.agents))], []
    while not house.over.any(axis=1).all() and len(parts) < house.max_episode_steps:
        parts += _events(house)
        handled = [h | house.holding(k) for k, h in enumerate(handled)]
    events = np.stack(parts, axis=1)
    order = np.argsort(events[:, :, 0] < 0, axis=1, kind="stable")
    events = np.take_along_axis(events, order[:, :, None], axis=1)[:, :LONGEST]
    return Stories(house, _padded(events), at, np.stack(handled, axis=1), house.made & ~made)


def _events(house: QuestHouse) -> list[np.ndarray]:
    """Step the house by its plan: (copies, 3) for each agent in its order; -1 where it did nothing."""
    plan, running, parts = house.scripted(), ~house.over.any(axis=1), []
    here = house.room.copy()
    house.step(plan)
    for k, agent in enumerate(house.agents):
        event = np.stack([np.full(house.num_envs, k), here[:, k], plan[agent]], axis=1)
        parts.append(np.where((running & (plan[agent] > 0))[:, None], event, -1))
    return parts


def _padded(events: np.ndarray) -> np.ndarray:
    blank = np.full((len(events), LONGEST - events.shape[1], 3), -1)
    return np.concatenate([events, blank], axis=1)
