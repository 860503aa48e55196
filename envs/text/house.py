"""Rooms, furniture and things: who may do what with them, and what each agent sees and remembers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Arrays
from ..streams import Draws
from . import layout
from .lexicon import Lexicon
from .world import ALL, Rows, TextWorld, one_hot

AJAR, MADE = 0.3, 0.15  # chances that a door stands open, that a thing has a state already


class House(TextWorld):
    """data: the sections of assets/text/household.yaml. num_envs homes, each laid out anew for every episode.

    Spots are where a thing can be: the floors of the rooms, then the furniture, then the agents' hands.
    A hand holds one thing. Agents know the plan and where the furniture stands; of things they know what they saw last.
    """

    def __init__(self, num_envs: int, data: dict[str, Any], steps: int | tuple[int, int] = (1, 3), **settings: Any):
        self.data = data
        self.rooms, self.furniture = list(data["rooms"]), list(data["furniture"])
        self.things, self.states = list(data["things"]), list(data["states"])
        self.opens = np.array([bool(data["furniture"][f].get("opens")) for f in self.furniture])
        self.enters = np.array([[room in may for room in self.rooms] for may in data["agents"].values()])
        self.passable = (self.enters[:, :, None] & self.enters[:, None, :]).any(axis=0)
        self.lives = layout.Choices(self.enters)
        stands = [[r in data["furniture"][f]["rooms"] for r in self.rooms] for f in self.furniture]
        self.stands = layout.Choices(np.array(stands))
        may = {t: (data["things"][t] or {}).get("states", ()) for t in self.things}
        every = [[s in may[t] for t in self.things] for s in self.states]
        self.becomes = np.array(every, bool).reshape(len(self.states), len(self.things))
        devices = [self.furniture.index(data["states"][s]["at"]) for s in self.states]
        undone = [data["states"][s].get("undoes") for s in self.states]
        self.device = np.array(devices, int)
        self.undone = np.array([self.states.index(u) if u else -1 for u in undone], int)
        self.lengths = layout.span(steps)
        count = len(data["agents"])
        self.spots = len(self.rooms) + len(self.furniture) + count
        self.hands = len(self.rooms) + len(self.furniture) + np.arange(count)
        words = [*self.things, *self.rooms, *self.furniture]
        super().__init__(num_envs, list(data["agents"]), Lexicon(data["words"]), self.verbs(), words, **settings)

    def verbs(self) -> dict[str, dict[str, list[str]]]:
        """verb -> slot -> nouns."""
        shut = [f for f, opens in zip(self.furniture, self.opens, strict=True) if opens]
        verbs = {
            "go": {"room": self.rooms},
            "open": {"place": shut},
            "close": {"place": shut},
            "take": {"thing": self.things},
            "put": {"thing": self.things, "place": self.furniture},
            "drop": {"thing": self.things},
        }
        for s, state in enumerate(self.states):
            verbs[self.data["states"][state]["verb"]] = {"thing": self._made(s)}
        return verbs

    def _made(self, s: int) -> list[str]:
        return [t for t, can in zip(self.things, self.becomes[s], strict=True) if can]

    # State

    def make(self) -> None:
        rooms, places, things, count = len(self.rooms), len(self.furniture), len(self.things), len(self.agents)
        self.link = self.row("link", (rooms, rooms), bool)
        self.far = self.row("far", (rooms, rooms), np.int64)  # commands from room to room
        self.stood = self.row("stood", (places,), np.int64)  # the furniture's rooms
        self.open = self.row("open", (places,), bool, True)
        self.room = self.row("room", (count,), np.int64)
        self.at = self.row("at", (things,), np.int64)  # spots
        self.made = self.row("made", (things, len(self.states)), bool)
        self.known_at = self.row("known_at", (count, things), np.int64, -1)
        self.known_made = self.row("known_made", (count, things, len(self.states)), bool)
        self.known_open = self.row("known_open", (count, places), bool)
        self.doors = np.flatnonzero(self.opens)
        self.devices = {self.data["states"][s]["verb"]: i for i, s in enumerate(self.states)}
        for verb, s in self.devices.items():  # each verb of a state works alike
            setattr(self, f"can_{verb}", lambda k, s=s: self._can_make(k, s))
            setattr(self, f"do_{verb}", lambda k, rows, places, s=s: self._make(rows, places, s))

    def spot_rooms(self, rows: Rows = ALL) -> np.ndarray:
        """(m, spots): the room of every spot in copies rows."""
        stood, room = self.stood[rows], self.room[rows]
        floors = np.broadcast_to(np.arange(len(self.rooms), dtype=np.int64), (len(room), len(self.rooms)))
        return np.concatenate([floors, stood, room], axis=1)

    def in_sight(self, k: int, rows: Rows = ALL) -> np.ndarray:
        """(m, spots) bool: in agent k's room, and not inside anything closed."""
        seen = self.spot_rooms(rows) == self.room[rows, k][:, None]
        seen[:, len(self.rooms) : self.hands[0]] &= self.open[rows]
        return seen

    def sees(self, k: int, rows: Rows = ALL) -> np.ndarray:
        """(m, things) bool: the things in sight."""
        return np.take_along_axis(self.in_sight(k, rows), self.at[rows], axis=1)

    def holding(self, k: int, rows: Rows = ALL) -> np.ndarray:
        """(m, things) bool."""
        return self.at[rows] == self.hands[k]

    def here(self, k: int, rows: Rows = ALL) -> np.ndarray:
        """(m, furniture) bool: what stands in agent k's room."""
        return self.stood[rows] == self.room[rows, k][:, None]

    def notice(self, rows: Rows) -> None:
        at, made, open_ = self.at[rows], self.made[rows], self.open[rows]
        for k in range(len(self.agents)):
            look = self.in_sight(k, rows)
            seen, believed = np.take_along_axis(look, at, axis=1), self.known_at[rows, k]
            gone = (believed >= 0) & np.take_along_axis(look, np.maximum(believed, 0), axis=1)
            self.known_at[rows, k] = np.where(seen, at, np.where(gone, -1, believed))
            self.known_made[rows, k] = np.where(seen[:, :, None], made, self.known_made[rows, k])
            self.known_open[rows, k] = np.where(self.here(k, rows), open_, self.known_open[rows, k])

    def present(self) -> np.ndarray:
        return self.room[:, :, None] == self.room[:, None, :]

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        room = self.room[rows]
        return [
            one_hot(room[:, k], len(self.rooms)),
            self.exits(k, rows),
            self.link[rows],
            one_hot(self.stood[rows], len(self.rooms)),
            self.known_open[rows, k][:, self.doors],
            one_hot(self.known_at[rows, k], self.spots),
            self.known_made[rows, k],
            *[room[:, j] == room[:, k] for j in range(len(self.agents)) if j != k],
        ]

    # Rules

    def exits(self, k: int, rows: Rows = ALL) -> np.ndarray:
        """(m, rooms) bool: where agent k can go in one command."""
        return self.link[self.every[rows], self.room[rows, k]] & self.enters[k]

    def can_go(self, k: int) -> np.ndarray:
        return self.exits(k)

    def do_go(self, k: int, rows: np.ndarray, rooms: np.ndarray) -> None:
        self.room[rows, k] = rooms

    def can_open(self, k: int) -> np.ndarray:
        return (self.here(k) & ~self.open)[:, self.doors]

    def do_open(self, k: int, rows: np.ndarray, places: np.ndarray) -> None:
        self.open[rows, self.doors[places]] = True

    def can_close(self, k: int) -> np.ndarray:
        return (self.here(k) & self.open)[:, self.doors]

    def do_close(self, k: int, rows: np.ndarray, places: np.ndarray) -> None:
        self.open[rows, self.doors[places]] = False

    def can_take(self, k: int) -> np.ndarray:
        free = ~self.holding(k).any(axis=1, keepdims=True)
        return self.sees(k) & (self.at < self.hands[0]) & free

    def do_take(self, k: int, rows: np.ndarray, things: np.ndarray) -> None:
        self.at[rows, things] = self.hands[k]

    def can_put(self, k: int) -> np.ndarray:
        return self.holding(k)[:, :, None] & (self.here(k) & self.open)[:, None, :]

    def do_put(self, k: int, rows: np.ndarray, things: np.ndarray, places: np.ndarray) -> None:
        self.at[rows, things] = len(self.rooms) + places

    def can_drop(self, k: int) -> np.ndarray:
        return self.holding(k)

    def do_drop(self, k: int, rows: np.ndarray, things: np.ndarray) -> None:
        self.at[rows, things] = self.room[rows, k]

    def _can_make(self, k: int, s: int) -> np.ndarray:
        ready = self.holding(k) & ~self.made[:, :, s] & self.here(k)[:, self.device[s], None]
        return ready[:, self.becomes[s]]

    def _make(self, rows: np.ndarray, places: np.ndarray, s: int) -> None:
        things = np.flatnonzero(self.becomes[s])[places]
        self.made[rows, things, s] = True
        if self.undone[s] >= 0:
            self.made[rows, things, self.undone[s]] = False

    # A new home

    def furnish(self, ids: np.ndarray, draw: Draws) -> None:
        """Rooms, furniture and things of copies ids, all by chance; what has to be, is not yet."""
        rooms, places, things, states = len(self.rooms), len(self.furniture), len(self.things), len(self.states)
        shapes = (rooms - 1,), (rooms, rooms), (places,), (places,), (things,), (things, states), (len(self.agents),)
        order, chance, stood, ajar, at, made, room = layout.drawn(draw, *shapes)
        self.link[ids] = layout.tree(np.asarray(self.passable), order, chance)
        self.far[ids] = layout.distances(self.link[ids])
        self.stood[ids] = self.stands.pick(stood)
        self.open[ids] = ~self.opens | (ajar < AJAR)
        self.at[ids] = (at * (rooms + places)).astype(np.int64)
        begun = (made < MADE) & self.becomes.T
        for s, undone in enumerate(self.undone):
            if undone >= 0:
                begun[:, :, undone] &= ~begun[:, :, s]
        self.made[ids] = begun
        self.known_at[ids], self.known_made[ids], self.known_open[ids] = -1, False, False
        self.room[ids] = self.lives.pick(room)

    # Words

    def scene(self, env: int, k: int) -> list[str]:
        room, said = int(self.room[env, k]), [self._say("here", room=self.rooms[self.room[env, k]])]
        for f in np.flatnonzero(self.stood[env] == room):
            said.append(self._say("furniture", place=self.furniture[f], how=self._inside(env, int(f))))
        floor = self._things(env, self.at[env] == room)
        held = [i for i in np.flatnonzero(self.holding(k)[env])]
        said += [self._say("floor", things=self._listed(floor))] if floor else []
        said += [self._say("hands", thing=self._called(env, held[0]))] if held else [self._say("empty_hands")]
        said += [self._say("present", who=a) for j, a in enumerate(self.agents) if j != k and self.room[env, j] == room]
        exits = [r for r, way in zip(self.rooms, self.exits(k)[env], strict=True) if way]
        said.append(self._say("exits", rooms=self.lexicon.listed(exits, self.language)))
        for t in np.flatnonzero((self.known_at[env, k] >= 0) & ~self.sees(k)[env]):
            said.append(self._say("remembered", thing=self.things[t], place=self._spot(int(self.known_at[env, k, t]))))
        return said

    def _say(self, phrase: str, **nouns: str) -> str:
        return self.lexicon.say(phrase, self.language, **nouns)

    def _inside(self, env: int, f: int | np.integer) -> str:
        if not self.open[env, f]:
            return self._say("closed")
        inside = self._things(env, self.at[env] == len(self.rooms) + f)
        return self._say("holds", things=self._listed(inside)) if inside else ""

    def _things(self, env: int, where: np.ndarray) -> list[str]:
        return [self._called(env, t) for t in np.flatnonzero(where)]

    def _listed(self, names: list[str]) -> str:
        return ("、" if self.language == "zh" else ", ").join(names)

    def _called(self, env: int, t: int | np.integer) -> str:
        """A thing and what was made of it."""
        made = [
            self.lexicon.word(s, self.language)
            for s, is_so in zip(self.states, self.made[env, t], strict=True)
            if is_so
        ]
        return ("" if self.language == "zh" else " ").join([*made, self.lexicon.word(self.things[t], self.language)])

    def _spot(self, spot: int) -> str:
        return [*self.rooms, *self.furniture, *self.agents][spot]

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        language, self.language = self.language, "en"  # pictures are in English: fonts for it are everywhere
        cards = []
        for r, room in enumerate(self.rooms):
            people = [f"[{a}]" + self._carried(env, k) for k, a in enumerate(self.agents) if self.room[env, k] == r]
            places = [self.furniture[f] + self._inside(env, f) for f in np.flatnonzero(self.stood[env] == r)]
            cards.append((room, [*people, *places, *self._things(env, self.at[env] == r)]))
        self.language = language
        return cards

    def _carried(self, env: int, k: int) -> str:
        held = self._things(env, self.holding(k)[env])
        return f" with {held[0]}" if held else ""

    def plan(self) -> Arrays:
        raise NotImplementedError
