"""A helper and a user who comes back: what they like is hidden and changes slowly, so what was learnt pays later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import registry
from ..core import Arrays, World
from ..instructions import Instruction
from ..streams import Draws
from . import layout
from .lexicon import Lexicon, read
from .skills import skill
from .spoken import Spoken
from .world import Rows, TextWorld, one_hot

OUT = 0.2  # chance that something is not in the house today; what the user likes always is


class Assistant(TextWorld):
    """An episode is a visit: bring the user's favourite of each topic of the menu, before they leave.

    Asking tells a favourite and takes a step, and the visit is too short to ask about everything. The user belongs to
    the copy's stream: `reset` with a seed begins a new user, `reset` without one is the next visit of the same user.

    drift: chance that a favourite has changed since the last visit, each topic by itself.
    notes: whether the observation also holds what the user was last known to like, from all their visits.
    """

    max_episode_steps = 4

    def __init__(self, num_envs: int, data: dict[str, Any], drift: float = 0.05, notes: bool = False, **settings: Any):
        if not 0 <= drift <= 1:
            raise ValueError(f"drift is a chance from 0 to 1, not {drift!r}")
        self.users, self.hours, self.topics = list(data["users"]), list(data["hours"]), list(data["topics"])
        self.items = [item for items in data["topics"].values() for item in items]
        self.drift, self.notes = drift, notes
        self.count = len(self.items) // len(self.topics)
        if {len(items) for items in data["topics"].values()} != {self.count}:
            raise ValueError("every topic must have as many items as the others")
        self.wanted = np.array([[t in menu for t in self.topics] for menu in data["menus"].values()])
        lexicon = Lexicon(data["words"])
        prepare = skill("prepare", {"menu": list(data["menus"])}, lexicon, _prepared, _prepared_progress)
        ask = skill("ask", {"topic": self.topics}, lexicon, _asked, _asked_progress)
        verbs = {"ask": {"topic": self.topics}, "bring": {"item": self.items}}
        goals = [prepare(menu=menu) for menu in data["menus"]]
        super().__init__(num_envs, data["agents"], lexicon, verbs, (), [prepare, ask], goals, **settings)

    def make(self) -> None:
        topics = len(self.topics)
        self.met = self.row("met", (), bool)  # the copy has a user
        self.user = self.row("user", (), np.int64)
        self.hour = self.row("hour", (), np.int64)
        self.stock = self.row("stock", (topics, self.count), bool, True)  # what is in the house today
        self.likes = self.row("likes", (topics,), np.int64)  # hidden
        self.noted = self.row("noted", (topics,), np.int64, -1)  # of all visits
        self.said = self.row("said", (topics,), bool)  # of this visit, like the rest
        self.brought = self.row("brought", (topics,), np.int64, -1)
        self.refused = self.row("refused", (topics, self.count), bool)

    def begin(self, ids: np.ndarray, draw: Draws) -> None:
        self.aim[ids] = self.drawn_aim(draw)
        topics = (len(self.topics),)
        new, moved, shift, user, hour, stock = layout.drawn(
            draw, topics, topics, topics, (), (), (len(self.topics), self.count)
        )
        anew = (self.streams.table[ids, 1] == 0) | ~self.met[ids]  # a seed turns the stream back to its episode 0
        other = (self.likes[ids] + 1 + (shift * (self.count - 1)).astype(np.int64)) % self.count
        kept = np.where(moved < self.drift, other, self.likes[ids])
        self.likes[ids] = np.where(anew[:, None], (new * self.count).astype(np.int64), kept)
        self.noted[ids] = np.where(anew[:, None], -1, self.noted[ids])
        self.stock[ids] = (stock >= OUT) | one_hot(self.likes[ids], self.count)
        self.user[ids] = np.where(anew, (user * len(self.users)).astype(np.int64), self.user[ids])
        self.hour[ids], self.met[ids] = (hour * len(self.hours)).astype(np.int64), True
        self.said[ids], self.brought[ids], self.refused[ids] = False, -1, False

    def encode(self, k: int, rows: Rows) -> list[np.ndarray]:
        notes = [one_hot(self.noted[rows], self.count)] if self.notes else []
        return [
            one_hot(self.user[rows], len(self.users)),
            one_hot(self.hour[rows], len(self.hours)),
            self.stock[rows],
            one_hot(np.where(self.said, self.likes, -1)[rows], self.count),
            one_hot(self.brought[rows], self.count),
            self.right()[rows],
            self.refused[rows],
            *notes,
        ]

    def right(self) -> np.ndarray:
        """(num_envs, topics) bool: what was brought is what they like."""
        return self.brought == self.likes

    def can_ask(self, k: int) -> np.ndarray:
        return ~self.said

    def do_ask(self, k: int, rows: np.ndarray, topics: np.ndarray) -> None:
        self.said[rows, topics] = True
        self.noted[rows, topics] = self.likes[rows, topics]

    def can_bring(self, k: int) -> np.ndarray:
        return self.stock & ~one_hot(self.brought, self.count)

    def do_bring(self, k: int, rows: np.ndarray, items: np.ndarray) -> None:
        topics, which = np.divmod(items, self.count)
        good = which == self.likes[rows, topics]
        noted = self.noted[rows, topics]
        self.brought[rows, topics] = which
        self.refused[rows, topics, which] |= ~good
        self.noted[rows, topics] = np.where(good, which, np.where(noted == which, -1, noted))

    def share(self, menu: np.ndarray | int) -> np.ndarray:
        """(num_envs,): how much of a menu is as they like it."""
        wanted = np.broadcast_to(self.wanted[menu], self.likes.shape)
        return (self.right() & wanted).sum(axis=1) / wanted.sum(axis=1)

    def advance(self, rows: Rows) -> np.ndarray:
        return self.share(self.aim)[rows]

    # Scripts

    def plan(self) -> Arrays:
        return {self.agents[0]: self._bring(self.wanted[self.aim] & ~self.right(), self.likes)}

    def attend(self) -> Arrays:
        """Commands of a helper who knows what the user said, and in other visits too where there are notes.

        It brings what it knows, asks about the rest, and guesses where there is no time to ask about all of it.
        """
        missing, may = self.wanted[self.aim] & ~self.right(), self.stock & ~self.refused
        if self.notes:
            noted = one_hot(self.noted, self.count) & may
            may = np.where(noted.any(axis=2, keepdims=True), noted, may)
        may = np.where(self.said[:, :, None], one_hot(self.likes, self.count), may)
        known, unknown = missing & (may.sum(axis=2) == 1), missing & (may.sum(axis=2) > 1)
        late = self.steps + known.sum(axis=1) + 2 * unknown.sum(axis=1) > self.max_episode_steps
        fewest = np.where(missing, may.sum(axis=2), self.count + 1)
        guess = self._bring(fewest == fewest.min(axis=1, keepdims=True), np.argmax(may, axis=2))
        ask = self.table.number("ask", np.argmax(unknown, axis=1))
        now = np.where(known.any(axis=1) | late, guess, ask)
        return {self.agents[0]: np.where(missing.any(axis=1), now, 0)}

    def _bring(self, missing: np.ndarray, which: np.ndarray) -> np.ndarray:
        """(num_envs,): bring which (num_envs, topics) of the first topic that is missing; wait where none is."""
        topic = np.argmax(missing, axis=1)
        bring = self.table.number("bring", topic * self.count + which[self.every, topic])
        return np.where(missing.any(axis=1), bring, 0)

    # Words

    def told(self, k: int) -> list[Instruction]:
        return list(self.skills[1].instructions())

    def scene(self, env: int, k: int) -> list[str]:
        say, language = self.lexicon.say, self.language
        told = [say("visits", language, hour=self.hours[self.hour[env]], user=self.users[self.user[env]])]
        out = [self._item(t, i) for t, i in np.argwhere(~self.stock[env])]
        told += [say("out", language, things=self.lexicon.listed(out, language))] if out else []
        for t, topic in enumerate(self.topics):
            if self.said[env, t]:
                told.append(say("wishes", language, topic=topic, item=self._item(t, self.likes[env, t])))
            if self.brought[env, t] >= 0:
                mood = "pleased" if self.right()[env, t] else "displeased"
                told.append(say(mood, language, item=self._item(t, self.brought[env, t])))
            elif self.notes and self.noted[env, t] >= 0:
                told.append(say("noted", language, item=self._item(t, self.noted[env, t])))
        return told

    def _item(self, topic: int, which: int | np.integer) -> str:
        return self.items[topic * self.count + int(which)]

    def cards(self, env: int) -> list[tuple[str, list[str]]]:
        who = f"{self.users[self.user[env]]}, {self.hours[self.hour[env]]}"
        wanted = [t for t, is_so in zip(self.topics, self.wanted[self.aim[env]], strict=True) if is_so]
        return [(who, ["wants: " + ", ".join(wanted)]), *(self._card(env, t) for t in range(len(self.topics)))]

    def _card(self, env: int, t: int) -> tuple[str, list[str]]:
        lines = [f"likes {self._item(t, self.likes[env, t])}" + (" (said)" if self.said[env, t] else "")]
        if self.brought[env, t] >= 0:
            lines.append(f"[{self._item(t, self.brought[env, t])}]" + (" right" if self.right()[env, t] else " wrong"))
        if self.noted[env, t] >= 0:
            lines.append(f"noted: {self._item(t, self.noted[env, t])}")
        return self.topics[t], lines


def _prepared(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    return _prepared_progress(world, arguments) >= 1


def _prepared_progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    home = world.unwrapped
    assert isinstance(home, Assistant)
    menus = [dict(goal.arguments)["menu"] for goal in home.goals]
    return home.share(menus.index(arguments["menu"]))


def _asked(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    home = world.unwrapped
    assert isinstance(home, Assistant)
    return home.said[:, home.topics.index(arguments["topic"])].copy()


def _asked_progress(world: World, arguments: Mapping[str, str]) -> np.ndarray:
    return _asked(world, arguments).astype(float)


@registry.forwards(Assistant)
def make(num_envs: int = 1, file: str = "assistant", text: bool = False, **settings: Any) -> World:
    """num_envs users. drift, notes: as of Assistant. file: "assistant", or the path of a YAML file of your own."""
    lists = dict.fromkeys(("agents", "users", "hours"), list)
    world = Assistant(num_envs, read(file, **lists, topics=dict, menus=dict, words=dict), **settings)
    return Spoken(world) if text else world
