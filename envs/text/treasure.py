"""A treasure in one of four chests, a map torn in two: two explorers must meet, and a locked door needs its key."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import registry
from ..core import Arrays, Step, World
from ..streams import Draws
from . import layout
from .blueprint import read_house
from .quests import QuestHouse
from .world import ALL, Rows, one_hot

FAR = 32  # commands that count as nothing done yet
READ = 8  # commands that reading both halves counts as: learners who are paid less for it gamble on a chest instead


class Treasure(QuestHouse):
    """Chest 2a + b holds the treasure: ann's half of the map tells a, bob's b, of each of two treasures.

    Who shows the half to the other, in one room, lets it be read. A chest without the treasure asked for is a trap:
    opening it ends the episode. One room is locked until the key turns from next to it. Each sees where the other is,
    and paths are narrow: two who go towards each other do not pass, but meet where the second was.
    """

    fine = 0.3  # a dearer trap, and who learns from nothing never opens a chest again, and waits

    def verbs(self):
        return {**super().verbs(), "unlock": {"room": self.rooms}, "show": {}}

    def make(self) -> None:
        super().make()
        self.treasures = np.array([self.things.index(t) for t in self.data["treasures"]])
        self.key = self.things.index("key")
        self.locked = self.row("locked", (), np.int64, -1)  # the locked room; -1: none any more
        self.hidden = self.row("hidden", (2,), np.int64)  # the chest of each treasure
        self.read = self.row("read", (2,), bool)  # who has read the other's half
        self.trapped = self.row("trapped", (), bool)
        self.came = self.room[:, 0].copy()  # where the first explorer was before this step

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        self.furnish(ids, draw)
        self.aim[ids] = self.drawn_aim(draw)
        n, rooms = len(ids), len(self.rooms)
        leaf, chests, spots = layout.drawn(draw, (rooms,), (4,), (len(self.things) + 2,))
        ends = self.link[ids].sum(axis=1) == 1
        ends[:, 0] = False  # everybody may be at the first room
        locked = np.argmax(np.where(ends, leaf, -1.0), axis=1)
        floors = (spots * rooms).astype(np.int64)
        floors = np.where(floors == locked[:, None], 0, floors)
        self.hidden[ids] = np.argsort(chests, axis=1, kind="stable")[:, :2]
        at = floors[:, :-2]
        at[np.arange(n)[:, None], self.treasures] = rooms + self.hidden[ids]
        self.at[ids], self.room[ids], self.locked[ids] = at, floors[:, -2:], locked
        self.open[ids], self.read[ids], self.trapped[ids] = False, False, False

    def failed(self) -> np.ndarray:
        return self.trapped

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        may, ways = self.may(k)[rows], self.ways(k, self.every[rows])
        locked = one_hot(self.locked[rows], len(self.rooms))
        return [*super().encode(k, rows), locked, may, self.read[rows][:, [k, 1 - k]], *ways]

    def ways(self, k: int, rows: np.ndarray) -> list[np.ndarray]:
        """Which room comes next for agent k, (m, ..., rooms) bool: to chests that may hold each treasure, to the other
        agent, to the key where it was seen outside chests, to the locked room; none where there is no way to go."""
        here, known, each = self.room[rows, k], self.known_at[rows, k, self.key], np.arange(len(rows))
        ways = layout.ways(self.link[rows], self.far[rows], here)
        key = np.where((known >= 0) & (known < len(self.rooms)), known, here)
        locked = np.where(self.locked[rows] >= 0, self.locked[rows], here)
        chests = ways[each[:, None], self.stood[rows]]
        hoped = np.any(self.may(k)[rows][:, :, :, None] & chests[:, None], axis=2)
        return [hoped, ways[each, self.room[rows, 1 - k]], ways[each, key], ways[each, locked]]

    def may(self, k: int) -> np.ndarray:
        """(num_envs, treasures, chests) bool: where each treasure may be, by what agent k has read of the map."""
        chest = np.arange(len(self.furniture))
        halves = [chest // 2 == self.half(0)[:, :, None], chest % 2 == self.half(1)[:, :, None]]
        return halves[k] & (halves[1 - k] | ~self.read[:, k, None, None])

    def half(self, k: int) -> np.ndarray:
        """(num_envs, 2): what agent k's half tells of each treasure."""
        return self.hidden // 2 if k == 0 else self.hidden % 2

    # Rules

    def exits(self, k: int, rows: Rows = ALL) -> np.ndarray:
        return super().exits(k, rows) & (np.arange(len(self.rooms)) != self.locked[rows][:, None])

    def step(self, actions: Arrays) -> Step:
        self.came[:] = self.room[:, 0]
        return super().step(actions)

    def do_go(self, k: int, rows: np.ndarray, rooms: np.ndarray) -> np.ndarray:
        """Who would pass the other on the way has met them: bob stays."""
        met = (self.came[rows] == rooms) & (self.room[rows, 0] == self.room[rows, 1]) & (k == 1)
        super().do_go(k, rows[~met], rooms[~met])
        return rows[met]

    def can_unlock(self, k: int) -> np.ndarray:
        near = self.link[self.every, self.room[:, k]] & one_hot(self.locked, len(self.rooms))
        return near & self.holding(k)[:, self.key, None]

    def do_unlock(self, k: int, rows: np.ndarray, rooms: np.ndarray) -> None:
        self.locked[rows] = -1

    def can_show(self, k: int) -> np.ndarray:
        return self.present()[:, 0, 1] & ~self.read[:, 1 - k]

    def do_show(self, k: int, rows: np.ndarray) -> None:
        self.read[rows, 1 - k] = True

    def do_open(self, k: int, rows: np.ndarray, places: np.ndarray) -> None:
        super().do_open(k, rows, places)
        self.trapped[rows] |= self.doors[places] != self.hidden[rows, self.aim[rows]]

    # The plan: ann brings her half to bob, who does the rest (or ann, where she alone has read both)

    def advance(self, rows: Rows) -> np.ndarray:
        every = self.every[rows]
        left = self.meeting(every) + self.fetching(every)
        return np.where(
            self.done(self.quests.of(self.aim[every]), every), 1, 1 - (1 + np.minimum(left, FAR)) / (FAR + 2)
        )

    def finder(self, rows: np.ndarray) -> np.ndarray:
        return np.where(self.read[rows, 0] & ~self.read[rows, 1], 0, 1)

    def meeting(self, rows: np.ndarray) -> np.ndarray:
        """(m,): commands until somebody has read both halves, and what that is worth."""
        apart = self.far[rows, self.room[rows, 0], self.room[rows, 1]]
        return np.where(self.read[rows].any(axis=1), 0, apart + READ)

    def fetching(self, rows: np.ndarray) -> np.ndarray:
        """(m,): commands that the finder then needs."""
        who = self.finder(rows)
        here, chest = self.room[rows, who], self.hidden[rows, self.aim[rows]]
        there, locked = self.stood[rows, chest], self.locked[rows]
        key = self.at[rows, self.key]
        has = key == self.hands[who]
        key_room = np.where(key < len(self.rooms), key, self.room[rows, who])
        key_room = np.where(key == self.hands[1 - who], self.room[rows, 1 - who], key_room)
        detour = np.where(has, 0, self.far[rows, here, key_room] + 1) + 1
        via = self.far[rows, np.where(has, here, key_room), there]
        way = np.where(there == locked, detour + via, self.far[rows, here, there])
        busy = (self.at[rows] == self.hands[who][:, None]).any(axis=1)
        return way + busy + 2 - self.open[rows, chest]

    def plan(self) -> Arrays:
        return {a: self._step(k) for k, a in enumerate(self.agents)}

    def _step(self, k: int) -> np.ndarray:
        rows, number, here = self.every, self.table.number, self.room[:, k]
        treasure = self.treasures[self.aim]
        chest = self.hidden[rows, self.aim]
        there, key = self.stood[rows, chest], self.at[:, self.key]
        shut, has, busy = there == self.locked, self.holding(k)[:, self.key], self.holding(k).any(axis=1)
        unread, hers = ~self.read.any(axis=1), key == self.hands[1 - k]
        inside = (key >= len(self.rooms)) & (key < self.hands[0])
        key_room = np.where(hers, self.room[:, 1 - k], np.where(inside, 0, key))
        target = np.where(shut & ~has, np.where(key < len(self.rooms), key_room, here), there)
        held = np.argmax(self.holding(k), axis=1)
        wait = np.zeros(len(rows), np.int64)
        go = number("go", layout.towards(self.link, self.far, here, target))
        seek = number("go", layout.towards(self.link, self.far, here, self.room[:, 1 - k]))
        near_lock = shut & has & (self.far[rows, here, there] == 1)
        cases = [
            (unread & (k == 1), wait),
            (unread & (here == self.room[:, 1 - k]), number("show", rows)),
            (unread, seek),
            (self.finder(rows) != k, np.where(shut & has, number("drop", np.full(len(rows), self.key)), wait)),
            (near_lock, number("unlock", there)),
            (here != target, go),
            (shut & busy & ~has, number("drop", held)),
            (shut & hers, wait),
            (shut, number("take", np.full(len(rows), self.key))),
            (~self.open[rows, chest], number("open", np.searchsorted(self.doors, chest))),
            (busy, number("drop", held)),
        ]
        return np.select([c for c, _ in cases], [c for _, c in cases], number("take", treasure))

    # Words

    def scene(self, env: int, k: int) -> list[str]:
        said = super().scene(env, k)
        if not self.present()[env, 0, 1]:
            said.append(self._say("away", who=self.agents[1 - k], room=self.rooms[self.room[env, 1 - k]]))
        if self.locked[env] >= 0:
            said.append(self._say("locked", room=self.rooms[self.locked[env]]))
        halves = [("map_half", k)] + ([("map_other", 1 - k)] if self.read[env, k] else [])
        return said + [self._torn(env, phrase, j, t) for phrase, j in halves for t in range(2)]

    def _torn(self, env: int, phrase: str, j: int, t: int) -> str:
        bit = self.half(j)[env, t]
        chests = [f for i, f in enumerate(self.furniture) if (i // 2 if j == 0 else i % 2) == bit]
        places = self._say("or").join(self.lexicon.word(c, self.language) for c in chests)
        return self._say(phrase, thing=self.data["treasures"][t], places=places)


@registry.forwards(Treasure)
def make(num_envs: int = 1, file: str = "treasure", text: bool = False, **settings: Any) -> World:
    """num_envs islands. file: "treasure", or the path of a YAML file of your own with these sections."""
    from .spoken import Spoken

    world = Treasure(num_envs, read_house(file, treasures=list), **settings)
    return Spoken(world) if text else world
