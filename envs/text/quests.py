"""What may be asked for in a house, how many commands it still takes, and which comes next: the planner.

A quest is to open a piece of furniture, or to have a thing in hand, in a state, in a place, or both. The next command
follows from where everything is, so the plan needs no search and no memory, and holds for all copies at once.
Where no agent may enter both rooms in question, the thing is handed over in room 0, which all may enter.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ..core import Arrays, World
from ..instructions import Skill
from ..streams import Draws
from . import layout
from .blueprint import SLOTS
from .house import House
from .lexicon import Lexicon
from .skills import skill
from .world import Rows

LONGEST = 16  # commands that count as nothing done yet
CANDIDATES = 48  # goals and starting rooms tried for a new episode


class Quest(NamedTuple):
    """Places in the house's lists, (m,) each; -1 where the quest does not care."""

    thing: np.ndarray
    state: np.ndarray
    place: np.ndarray
    door: np.ndarray

    def of(self, which: np.ndarray) -> Quest:
        return Quest(*(part[which] for part in self))


class QuestHouse(House):
    """A house in which every episode is about one of the quests in the data; agents together carry it out.

    steps: how many commands of the plan an episode takes at its start, or (shortest, longest).
    """

    def __init__(self, num_envs: int, data, steps=(1, 3), **settings):
        self.asked = [quest for entry in data["quests"] for quest in self._entries(data, entry)]
        skills = skills_of(data, self.asked)
        goals = [skills[verb](**nouns) for verb, nouns in self.asked]
        super().__init__(num_envs, data, steps, skills=tuple(skills.values()), goals=goals, **settings)
        self.quests = Quest(*np.array([self._numbers(dict(g.arguments), g.skill.name) for g in self.goals]).T)

    @staticmethod
    def _entries(data, entry: Mapping) -> Iterable[tuple[str, dict[str, str]]]:
        """A quest entry's skill, with each choice of nouns that makes sense."""
        makes = {data["states"][s]["verb"]: s for s in data["states"]}
        verb, furniture = entry["skill"], data["furniture"]
        slots = SLOTS.get(verb, ("thing",))
        every = {"thing": data["things"], "place": furniture, "state": data["states"]}
        for nouns in itertools.product(*(entry.get(slot, list(every[slot])) for slot in slots)):
            quest = dict(zip(slots, nouns, strict=True))
            state = quest.get("state", makes.get(verb))
            if verb == "open" and not furniture[quest["place"]].get("opens"):
                continue
            if state is None or state in (data["things"][quest["thing"]] or {}).get("states", ()):
                yield verb, quest

    def _numbers(self, nouns: Mapping[str, str], skill: str) -> list[int]:
        state = next((s for s in self.states if self.data["states"][s]["verb"] == skill), nouns.get("state"))
        place = self.furniture.index(nouns["place"]) if "place" in nouns else -1
        return [
            self.things.index(nouns["thing"]) if "thing" in nouns else -1,
            self.states.index(state) if state else -1,
            -1 if skill == "open" else place,
            place if skill == "open" else -1,
        ]

    @functools.cached_property
    def chances(self) -> np.ndarray:
        """(goals,) cumulated chance of each goal: every skill comes as often, however many nouns it takes."""
        names = [g.skill.name for g in self.goals]
        chance = np.array([1 / names.count(name) for name in names])
        return np.cumsum(chance)[:-1] / chance.sum()

    # Starts

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        self.furnish(ids, draw)
        n = len(ids)
        low, high = self.lengths
        count = len(self.agents)
        length, about, room = layout.drawn(draw, (1,), (CANDIDATES,), (CANDIDATES, count))
        wanted = low + (length * (high - low + 1)).astype(np.int64)
        goals = np.searchsorted(self.chances, about, side="right")
        if self.fixed is not None:
            goals[:] = self.fixed
        rooms = self.lives.pick(room).reshape(n * CANDIDATES, count)
        left = self.left(self.quests.of(goals.ravel()), np.repeat(ids, CANDIDATES), rooms).reshape(n, CANDIDATES)
        miss = np.abs(left - wanted) + 100 * (left == 0) + 10 * ((left < low) | (left > high))
        best, rows = np.argmin(miss, axis=1), np.arange(n)
        self.aim[ids] = goals[rows, best]
        self.room[ids] = rooms.reshape(n, CANDIDATES, -1)[rows, best]

    # How far it is

    def done(self, quest: Quest, rows: np.ndarray) -> np.ndarray:
        """(m,) bool: the quest is carried out in copies rows (m,)."""
        spot = self.at[rows, quest.thing]
        placed = (quest.place < 0) | (spot == len(self.rooms) + quest.place)
        held = (quest.place >= 0) | (quest.state >= 0) | (spot >= self.hands[0])
        return np.where(quest.door >= 0, self.open[rows, quest.door], placed & held & ~self._unmade(quest, rows))

    def _unmade(self, quest: Quest, rows: np.ndarray) -> np.ndarray:
        """(m,) bool: the thing still has to be brought into the quest's state."""
        if not self.states:
            return np.zeros(len(rows), bool)
        return (quest.state >= 0) & ~self.made[rows, quest.thing, quest.state]

    def left(self, quest: Quest, rows: np.ndarray, rooms: np.ndarray) -> np.ndarray:
        """(m,) int64: commands that the plan still takes, of all agents together, from rooms (m, agents)."""
        spot = self.at[rows, quest.thing]
        spot_room = np.concatenate([np.zeros((len(rows), len(self.rooms)), np.int16) + np.arange(len(self.rooms)),
                                    self.stood[rows], rooms], axis=1)  # fmt: skip
        home = spot_room[np.arange(len(rows)), spot]
        chain = [(s >= 0, d) for s, d in self._stations(quest, rows)]
        who = self._carrier(quest, rows, rooms)
        here = rooms[np.arange(len(rows)), who]
        in_hand = spot >= self.hands[0]
        shut = self._shut(rows, spot)
        busy = ~in_hand & ((self.at[rows] == self.hands[who][:, None]).any(axis=1))
        count = np.where(in_hand, 0, self.far[rows, here, home] + shut + busy + 1)
        here = np.where(in_hand, here, home)
        for needed, station in chain:
            leg, carrier = self._leg(rows, rooms, who, here, station)
            count = count + np.where(needed, leg, 0)
            who, here = np.where(needed, carrier, who), np.where(needed, station, here)
        place = np.maximum(quest.place, 0)
        opened = shut & (spot == len(self.rooms) + quest.place)
        count = count + ((quest.place >= 0) & ~self.open[rows, place] & ~opened)
        door = np.maximum(quest.door, 0)
        opener = self._entering(self.stood[rows, door], rooms, rows)
        to_door = self.far[rows, rooms[np.arange(len(rows)), opener], self.stood[rows, door]] + 1
        return np.where(self.done(quest, rows), 0, np.where(quest.door >= 0, to_door, count)).astype(np.int64)

    def _stations(self, quest: Quest, rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """[(needed or -1, room)] of what is still to be visited with the thing in hand: the device, the place."""
        device = self.stood[rows, self.device[quest.state]] if self.states else np.zeros(len(rows), np.int64)
        return [(np.where(self._unmade(quest, rows), 1, -1), device), (quest.place, self.stood[rows, quest.place])]

    def _leg(self, rows, rooms, who, here, station):
        """Commands to carry a thing from room here to a station and use it there; who holds it then."""
        direct = self.enters[who, station]
        other = (who + 1) % len(self.agents)
        wait = self.far[rows, rooms[np.arange(len(rows)), other], 0]
        relay = self.far[rows, here, 0] + 1 + wait + 1 + self.far[rows, 0, station]
        return np.where(direct, self.far[rows, here, station], relay) + 1, np.where(direct, who, other)

    def _shut(self, rows: np.ndarray, spot: np.ndarray) -> np.ndarray:
        """(m,) bool: the spot is closed furniture."""
        f = np.clip(spot - len(self.rooms), 0, len(self.furniture) - 1)
        return (spot >= len(self.rooms)) & (spot < self.hands[0]) & ~self.open[rows, f]

    def _station(self, quest: Quest, rows: np.ndarray) -> np.ndarray:
        """(m,): the room where the thing is needed next; -1 where it is needed nowhere."""
        (unmade, device), (place, room) = self._stations(quest, rows)
        return np.where(unmade >= 0, device, np.where(place >= 0, room, -1))

    def _carrier(self, quest: Quest, rows: np.ndarray, rooms: np.ndarray) -> np.ndarray:
        """(m,): the agent whose turn it is: who holds the thing, or else can reach it, and best also its station."""
        spot, station = self.at[rows, quest.thing], self._station(quest, rows)
        count = len(self.agents)
        held = one_hot_hand(spot, self.hands)
        spot_room = np.where(spot < len(self.rooms), spot, 0)
        f = np.clip(spot - len(self.rooms), 0, len(self.furniture) - 1)
        home = np.where(spot >= len(self.rooms), self.stood[rows, f], spot_room)
        reach, useful = self.enters[:, home].T, (self.enters[:, station].T | (station < 0)[:, None])
        score = np.where(held.any(axis=1, keepdims=True), held * 9, reach * (2 + useful))
        assert score.shape == (len(rows), count)
        return np.argmax(score, axis=1)

    def _entering(self, room: np.ndarray, rooms: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """(m,): the agent that opens a door in a room: the nearest of those that may enter it."""
        far = np.stack([self.far[rows, rooms[:, k], room] for k in range(len(self.agents))], axis=1)
        return np.argmin(np.where(self.enters[:, room].T, far, 99), axis=1)

    def advance(self, rows: Rows) -> np.ndarray:
        left = self.left(self.quests.of(self.aim[rows]), self.every[rows], self.room[rows])
        return 1 - np.minimum(left, LONGEST) / LONGEST

    # The plan

    def plan(self) -> Arrays:
        quest = self.quests.of(self.aim)
        return {a: self._next(k, quest) for k, a in enumerate(self.agents)}

    def _next(self, k: int, quest: Quest) -> np.ndarray:
        """(num_envs,) int64: the command that agent k should give now; waiting where it is not its turn."""
        rows, number = self.every, self.table.number
        spot, here = self.at[rows, quest.thing], self.room[:, k].astype(np.intp)
        held, station = spot == self.hands[k], self._station(quest, rows)
        reachable = (station < 0) | self.enters[k, station]
        mine = np.where(quest.door >= 0, self._entering(self.stood[rows, quest.door], self.room, rows),
                        self._carrier(quest, rows, self.room)) == k  # fmt: skip
        home = self.spot_rooms()[rows, spot]
        goal_room = np.where(held, np.where(reachable, station, 0), home)
        target = np.where(quest.door >= 0, self.stood[rows, quest.door], goal_room).astype(np.intp)
        away = here != target
        door_of = np.searchsorted(self.doors, np.arange(len(self.furniture)))
        inside = np.clip(spot - len(self.rooms), 0, len(self.furniture) - 1)
        other = np.argmax(self.holding(k), axis=1)
        cases = [
            (~mine | self.done(quest, rows), np.zeros(len(rows), np.int64)),
            (away, number("go", layout.towards(self.link, self.far, here, target))),
            (quest.door >= 0, number("open", door_of[quest.door])),
            (~held & self._shut(rows, spot), number("open", door_of[inside])),
            (~held & self.holding(k).any(axis=1), number("drop", other)),
            (~held, number("take", quest.thing)),
            (~reachable, number("drop", quest.thing)),
            (self._unmade(quest, rows), self._making(quest)),
            (~self.open[rows, quest.place], number("open", door_of[quest.place])),
        ]
        put = number("put", quest.thing, np.maximum(quest.place, 0))
        return np.select([c for c, _ in cases], [c for _, c in cases], put)

    def _making(self, quest: Quest) -> np.ndarray:
        """(num_envs,) int64: the command that brings the quest's thing into its state."""
        verbs = [self.data["states"][s]["verb"] for s in self.states]
        which = np.cumsum(self.becomes, axis=1) - 1  # place of a thing among those that a verb takes
        start = np.array([self.table.starts[v] for v in verbs])
        return start[quest.state] + which[quest.state, quest.thing]


def one_hot_hand(spot: np.ndarray, hands: np.ndarray) -> np.ndarray:
    """(m, agents) bool: whose hand the spot is."""
    return spot[:, None] == hands


def skills_of(data: Mapping, quests: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, Skill]:
    """skill name -> Skill with the wordings of the verb and the nouns that its quests use."""
    lexicon, nouns = Lexicon(data["words"]), {}
    for verb, quest in quests:
        for slot, noun in quest.items():
            nouns.setdefault(verb, {}).setdefault(slot, {})[noun] = None
    return {verb: _skill(verb, {s: tuple(n) for s, n in slots.items()}, lexicon) for verb, slots in nouns.items()}


def _skill(verb: str, slots: Mapping[str, tuple[str, ...]], lexicon: Lexicon) -> Skill:
    def quest(world: World, arguments: Mapping[str, str]) -> tuple[QuestHouse, Quest]:
        house = world.unwrapped
        assert isinstance(house, QuestHouse)
        numbers = house._numbers(arguments, verb)
        return house, Quest(*(np.full(house.num_envs, n) for n in numbers))

    def achieved(world: World, arguments: Mapping[str, str]) -> np.ndarray:
        house, asked = quest(world, arguments)
        return house.done(asked, house.every)

    def progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
        house, asked = quest(world, arguments)
        return 1 - np.minimum(house.left(asked, house.every, house.room), LONGEST) / LONGEST

    return skill(verb, slots, lexicon, achieved, progress)
