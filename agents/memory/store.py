"""One SQLite store with three views: what was tried (episodic), what is known (delta), who is where (graph).

Bounded in entries and bytes. What was neither written, repeated nor recalled for longest is forgotten first. Facts and
links belong to a life, one agent of one copy, so that nobody recalls what another saw; what was tried, all share.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...envs.instructions import Encode
from ..instructors.prompts import as_data
from .reading import IN, Fact, Link, Scene

VIEWS = {  # view: its texts, its numbers, what tells one entry from another
    "episodic": (("task", "agent", "goal", "said", "last", "seen"), ("tried", "done", "ended", "won"), 4),
    "delta": (("who", "what", "value"), ("life", "episode"), 2),
    "graph": (("who", "how", "whom"), ("life", "episode"), 3),
}
MOST, LARGEST = 1 << 20, 64 << 20  # entries and characters of a view that are read from a file
LIKE = 0.6  # cosine of two goals from which what came of one is told of the other


class Tried(NamedTuple):
    """An instruction that was given, and what came of it. won: whether its episode succeeded, None where unknown."""

    task: str
    agent: str
    goal: str
    said: str
    outcome: str
    seen: str
    won: bool | None


class StoreError(ValueError):
    """A store that cannot be used; one line: which file, what is wrong."""


class Store:
    """entries: at most so many in each view; size: bytes of text at most, in all.

    encode: sentences -> (n, width) float32, by which goals are held to be alike; each is asked for once.
    """

    def __init__(self, encode: Encode, entries: int = 2000, size: int = 1 << 20):
        if entries < 1 or size < 1:
            raise ValueError(f"a memory needs room for entries and bytes, not {entries} and {size}")
        self.entries, self.size, self.clock, self.forgotten = entries, size, 0, 0
        self._encode, self._vectors = encode, {}
        self._base = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _make(self._base)

    # Writing

    def tick(self) -> None:
        """A new moment: what is written from now on is newer than all before."""
        self.clock += 1

    def note_tried(self, records: Sequence[Tried]) -> None:
        """Add to what is known of instructions: the same one for the same goal is one entry that counts."""
        rows = [
            (r.task, r.agent, *map(as_data, (r.goal, r.said, r.outcome, r.seen)), 1, r.outcome == "done",
             r.won is not None, r.won is True, self.clock, self.clock)
            for r in records
        ]  # fmt: skip
        self._base.executemany(
            "insert into episodic (task, agent, goal, said, last, seen, tried, done, ended, won, at, used)"
            " values (?,?,?,?,?,?,?,?,?,?,?,?) on conflict do update set last = excluded.last, seen = excluded.seen,"
            " tried = tried + 1, done = done + excluded.done, ended = ended + excluded.ended, won = won + excluded.won,"
            " at = excluded.at, used = excluded.used",
            rows,
        )

    def note_scene(self, life: int, episode: int, scene: Scene) -> None:
        """Take what is seen now for the latest: a new value replaces the old, a thing is in one place."""
        facts, links = ([tuple(map(as_data, row)) for row in rows] for rows in (scene.facts, scene.links))
        held: dict[str, set[str]] = {as_data(place): set() for place in scene.places}
        for who, how, whom in links:
            if how == IN and whom in held:
                held[whom].add(who)
        moved = [(life, IN, who) for who, how, _ in links if how == IN]
        gone = [(life, IN, place, json.dumps(sorted(inside))) for place, inside in held.items()]
        changed = [(life, who, whom, how) for who, how, whom in links if how != IN]
        base = self._base
        base.executemany("delete from graph where life=? and how=? and who=?", moved)
        base.executemany(
            "delete from graph where life=? and how=? and whom=? and who not in (select value from json_each(?))", gone
        )
        base.executemany("delete from graph where life=? and who=? and whom=? and how<>?", changed)
        now = (life, episode, self.clock, self.clock)
        for view, rows in ("delta", facts), ("graph", links):
            names = VIEWS[view][0]
            base.executemany(
                f"insert into {view} ({', '.join(names)}, life, episode, at, used) values (?,?,?,?,?,?,?)"
                f" on conflict do update set {names[2]} = excluded.{names[2]}, episode = excluded.episode,"
                " at = excluded.at, used = excluded.used",
                [(*row, *now) for row in rows],
            )

    def bound(self) -> None:
        """Forget what is over the bounds, the least recently used first."""
        for view in VIEWS:
            over = self._one(f"select count(*) from {view}") - self.entries
            self._drop_oldest(view, over)
        while self.bytes() > self.size:
            view = max(VIEWS, key=self._bytes)
            self._drop_oldest(view, max(1, self._one(f"select count(*) from {view}") // 10))

    def _drop_oldest(self, view: str, count: int) -> None:
        if count > 0:
            self._base.execute(
                f"delete from {view} where id in (select id from {view} order by used, id limit {count})"
            )
            self.forgotten += count

    # Recalling

    def tried(self, goal: str, said: Sequence[str], most: int, touch: bool = True) -> list[str]:
        """What came of these instructions for this goal and goals like it; the most alike first, then the newest."""
        near = self.near(as_data(goal))
        if not near or most < 1 or not said:
            return []
        told = json.dumps([as_data(s) for s in said])
        places = ",".join("?" * len(near))
        found = self._rows(
            f"select * from episodic where goal in ({places}) and said in (select value from json_each(?))",
            (*near, told),
        )
        found.sort(key=lambda row: (-near[row["goal"]], -row["at"], row["id"]))
        self._touch("episodic", found[:most], touch)
        return [in_words("episodic", row) for row in found[:most]]

    def near(self, goal: str) -> dict[str, float]:
        """Goals that are alike, and how much: cosines, rounded, so that a batch changes nothing."""
        known = [g for (g,) in self._base.execute("select distinct goal from episodic order by goal")]
        if len(self._vectors) > 4 * self.entries:
            self._vectors.clear()
        new = [g for g in dict.fromkeys([*known, goal]) if g not in self._vectors]
        for text, vector in zip(new, self._encode(new), strict=True):
            self._vectors[text] = vector / max(float(np.sqrt((vector * vector).sum())), 1e-9)
        here = self._vectors[goal]
        likeness = {g: round(float((self._vectors[g] * here).sum()), 3) for g in known}
        return {g: c for g, c in likeness.items() if c >= LIKE or g == goal}

    def about(self, life: int, episode: int, texts: Sequence[str], most: int, touch: bool = True) -> list[str]:
        """What a life knew before now of whoever is named: by their names, and along one link more."""
        told: list[str] = []
        names = [t.lower() for t in texts]
        rows = [("graph", r) for r in self._of_life("graph", life)] + [
            ("delta", r) for r in self._of_life("delta", life)
        ]
        near = {r["whom"] for v, r in rows if v == "graph" and _named(r["who"], names) < len(names)}
        ranked = []
        for view, row in rows:
            rank = min(_named(row["who"], names), _named(row[VIEWS[view][0][2]], names))
            rank = rank if rank < len(names) else len(names) if row["who"] in near else None
            if rank is not None:
                ranked.append((rank, -row["at"], view, row["id"], row))
        ranked.sort(key=lambda entry: entry[:4])
        for *_, view, _, row in ranked[:most]:
            self._touch(view, [row], touch)
            told.append(in_words(view, row) + (" (in an earlier episode)" if row["episode"] != episode else ""))
        return told

    def _of_life(self, view: str, life: int) -> list[dict[str, Any]]:
        return self._rows(f"select * from {view} where life=? and at<?", (life, self.clock))

    def _touch(self, view: str, rows: Sequence[Mapping[str, Any]], touch: bool) -> None:
        if touch:
            self._base.executemany(f"update {view} set used=? where id=?", [(self.clock, r["id"]) for r in rows])

    # Forgetting a text, looking, keeping

    def forget(self, matches: Callable[[str], bool]) -> int:
        """Remove the entries one of whose texts matches; how many they were."""
        count = 0
        for view, (texts, *_) in VIEWS.items():
            rows = [(r["id"], [r[t] for t in texts]) for r in self.rows(view)]
            gone = [i for i, told in rows if any(map(matches, (*told, " ".join(told))))]
            self._base.executemany(f"delete from {view} where id=?", [(i,) for i in gone])
            count += len(gone)
        return count

    def rows(self, view: str) -> list[dict[str, Any]]:
        """The entries of a view, the newest last."""
        return self._rows(f"select * from {view} order by at, id")

    def bytes(self) -> int:
        """Of the texts of all entries, as UTF-8."""
        return sum(self._bytes(view) for view in VIEWS)

    def _bytes(self, view: str) -> int:
        texts = " + ".join(f"length(cast({name} as blob))" for name in VIEWS[view][0])
        return self._one(f"select coalesce(sum({texts}), 0) from {view}")

    def __len__(self) -> int:
        return sum(self._one(f"select count(*) from {view}") for view in VIEWS)

    def state(self) -> dict[str, Any]:
        """All entries and the clock, JSON."""
        views = {view: [list(r.values()) for r in self._rows(f"select * from {view} order by id")] for view in VIEWS}
        return {"views": views, "clock": self.clock, "forgotten": self.forgotten}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.clock, self.forgotten = state["clock"], state["forgotten"]
        _fill(self._base, state["views"])

    def save(self, path: Path) -> None:
        """Write the file anew, whole or not at all: the same entries give the same bytes."""
        aside = path.with_name(path.name + ".tmp")
        aside.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(aside, isolation_level=None)) as file:
            _make(file)
            _fill(file, self.state()["views"])
            file.execute(f"pragma user_version = {min(self.clock, 2**31 - 1)}")
        os.replace(aside, path)

    @classmethod
    def load(cls, path: Path, encode: Encode, **bounds: int) -> Store:
        """A store from its file, opened for reading alone. Raises StoreError."""
        store = cls(encode, **bounds)
        if not path.is_file() or path.is_symlink():
            raise StoreError(f"{path}: no memory is there; a run keeps one with --memory")
        try:
            with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
                views, clock = _read(file), file.execute("pragma user_version").fetchone()[0]
            store.restore({"views": views, "clock": clock, "forgotten": 0})
        except (sqlite3.Error, _Refused) as error:
            raise StoreError(f"{path}: cannot be read as a memory: {error}") from None
        return store

    def close(self) -> None:
        self._base.close()

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        found = self._base.execute(query, values)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]

    def _one(self, query: str) -> int:
        return self._base.execute(query).fetchone()[0]


def in_words(view: str, row: Mapping[str, Any]) -> str:
    """An entry as it is told: always a statement of this form, whatever words stand in it."""
    if view == "episodic":
        text = f"'{row['said']}' was done {row['done']} of {row['tried']} times, for '{row['goal']}'"
        return text + (f", reached {row['won']} of {row['ended']}" if row["ended"] else "")
    names = VIEWS[view][0]
    return "{} {} {}".format(*(row[n] for n in names))


def _named(name: str, texts: Sequence[str]) -> int:
    """The first text in which a name stands; len(texts) where none does."""
    return next((i for i, t in enumerate(texts) if name.lower() in t), len(texts))


def _make(base: sqlite3.Connection) -> None:
    for view, (texts, numbers, key) in VIEWS.items():
        columns = [f"{t} text not null" for t in texts] + [f"{n} integer not null" for n in (*numbers, "at", "used")]
        unique = ", ".join([*(["life"] if "life" in numbers else []), *texts[:key]])
        base.execute(f"create table {view} (id integer primary key, {', '.join(columns)}, unique ({unique}))")


class _Refused(ValueError):
    """A file that is no memory of ours."""


def _read(file: sqlite3.Connection) -> dict[str, list[list[Any]]]:
    """The entries of all views. What stands in the file is data: nothing that works out rows as they are read."""
    file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST)
    kinds = dict(file.execute("select name, type from sqlite_master where type in ('table', 'view')").fetchall())
    plain = "select count(*) from sqlite_master where type='table' and name=? and sql like 'create table%'"
    views: dict[str, list[list[Any]]] = {}
    for view in VIEWS:
        if kinds.get(view) != "table" or not file.execute(plain, (view,)).fetchone()[0]:
            raise _Refused(f"{view} is no table there")
        texts, numbers, _ = VIEWS[view]
        names = ["id", *texts, *numbers, "at", "used"]
        size, views[view] = 0, []
        for row in file.execute(f"select {', '.join(names)} from {view} order by id"):
            wrong = [n for n, x in zip(names, row, strict=True) if not isinstance(x, str if n in texts else int)]
            size += sum(len(x) for x in row if isinstance(x, str))
            if wrong or size > LARGEST or len(views[view]) >= MOST:
                what = f"{wrong[0]} of the wrong kind" if wrong else "more than a memory may hold"
                raise _Refused(f"{view} has {what}")
            views[view].append(list(row))
    return views


def _fill(base: sqlite3.Connection, views: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    base.execute("begin")
    for view in VIEWS:
        width = 1 + len(VIEWS[view][0]) + len(VIEWS[view][1]) + 2
        base.execute(f"delete from {view}")
        base.executemany(f"insert into {view} values ({','.join('?' * width)})", views[view])
    base.execute("commit")


__all__ = ["VIEWS", "Fact", "Link", "Scene", "Store", "StoreError", "Tried", "in_words"]
