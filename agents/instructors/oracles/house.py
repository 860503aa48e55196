"""The oracle of a house with one agent: take the thing, bring it into its state, put it where it belongs."""

from __future__ import annotations

import numpy as np

from ....envs.core import Arrays
from ....envs.text.quests import QuestHouse
from .oracle import Oracle


class HouseOracle(Oracle):
    """Its scripts walk, open and clear the hand by themselves; only take and open begin with an empty hand."""

    def __init__(self, world: QuestHouse):
        super().__init__(world)
        self.house = world
        things, verbs = world.things, [world.data["states"][s]["verb"] for s in world.states]
        self._take = np.array([self.named("take", thing=t) for t in things])
        self._make = np.array([[self.named(v, thing=t) for t in things] for v in verbs]).reshape(-1, len(things))
        self._put = np.array([[self.named("put", thing=t, place=p) for p in world.furniture] for t in things])
        numbers = [world._numbers(dict(i.arguments), i.skill.name) for i in self.vocabulary]
        self.quests = type(world.quests)(*np.array(numbers).T)

    def next(self) -> np.ndarray:
        house, rows = self.house, self.house.every
        quest, aim = house.quests.of(house.aim), self.goals[house.aim]
        held = house.at[rows, quest.thing] == house.hands[0]
        cases = [
            ((quest.door >= 0) | house.done(quest, rows), aim),
            (~held, self._take[quest.thing]),
            (house._unmade(quest, rows), self._make[quest.state, quest.thing]),
            (quest.place >= 0, self._put[quest.thing, quest.place]),
        ]
        return np.select([c for c, _ in cases], [c for _, c in cases], aim)[:, None]

    def act(self, told: np.ndarray) -> Arrays:
        house, rows = self.house, self.house.every
        quest = self.quests.of(told[:, 0])
        held = house.at[rows, quest.thing] == house.hands[0]
        simple = (quest.door >= 0) | ((quest.state < 0) & (quest.place < 0))
        compound = (quest.state >= 0) & (quest.place >= 0)
        ready = (told[:, 0] >= 0) & (simple | (held & ~compound))
        return {house.agents[0]: np.where(ready, house._next(0, quest), 0)}
