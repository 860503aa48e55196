"""What a model said, kept by what it was asked: in memory, and in a file where one is named."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .prompts import holds

TABLE = "create table if not exists answers (key text primary key, answer text)"
WAIT = 10.0  # seconds for another process to be done with the file
PAUSE = 60.0  # seconds until a file that another process held longer is tried again
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def key(*parts: Any) -> str:
    """The name of a question: a hash of all that shapes its answer."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:32]


class Cache:
    """Answers, JSON each. path: a file of SQLite that several processes may share; None keeps them in memory alone.

    Attributes: hits, misses: how often an answer was there; broken: why the file is not used: for now, where another
    process holds it, and else any more.
    """

    def __init__(self, path: str | Path | None = None):
        self.answers: dict[str, Any] = {}
        self.hits = self.misses = 0
        self.broken = ""
        self._file: sqlite3.Connection | None = None
        self._late: dict[str, Any] = {}  # answers that the file has not taken yet
        self._again = 0.0  # the moment from which it is tried again
        if path is not None:
            self._open(Path(path))

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            self._file.execute(TABLE)
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Do without the file: for a while where another process holds it, else for good."""
        self.broken = f"{type(error).__name__}: {error}"
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in BUSY:
            self._again = time.monotonic() + PAUSE
        else:
            self._file, self._late = None, {}

    @property
    def _usable(self) -> sqlite3.Connection | None:
        return self._file if time.monotonic() >= self._again else None

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """key -> answer, of those that are known."""
        unknown = [k for k in dict.fromkeys(keys) if k not in self.answers]
        if unknown and (file := self._usable):
            self.answers |= self._read(file, unknown)
        found = {k: self.answers[k] for k in keys if k in self.answers}
        self.hits += sum(k in found for k in keys)
        self.misses += sum(k not in found for k in keys)
        return found

    def _read(self, file: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            file.execute(TABLE)  # it may not have been free when it was opened
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                query = f"select key, answer from answers where key in ({','.join('?' * len(part))})"
                rows = {name: _json(answer) for name, answer in file.execute(query, part)}
                found |= {name: answer for name, answer in rows.items() if isinstance(answer, dict)}
        except sqlite3.Error as error:
            self._give_up(error)
        return found

    def put(self, answers: Mapping[str, Any]) -> None:
        self.answers |= answers
        if self._file:
            self._late |= answers
            self._write()

    def _write(self) -> None:
        """Into the file what it has not taken yet, all at once."""
        if not (self._late and (file := self._usable)):
            return
        rows = [(k, json.dumps(a, ensure_ascii=False)) for k, a in self._late.items()]
        try:
            with _at_once(file):
                file.execute(TABLE)
                file.executemany("insert or replace into answers values (?, ?)", rows)
            self._late, self.broken = {}, ""
        except sqlite3.Error as error:
            self._give_up(error)

    def forget(self, words: str) -> int:
        """Remove the answers in which words stand, in what was asked or said; how many they were.

        Raises sqlite3.Error where the file cannot be changed.
        """
        gone = {k for k, a in self.answers.items() if holds(a, words)}
        self.answers = {k: a for k, a in self.answers.items() if k not in gone}
        self._late = {k: a for k, a in self._late.items() if k not in gone}
        if self._file:
            self._file.execute("pragma secure_delete = on")  # the bytes, too
            with _at_once(self._file):
                rows = self._file.execute("select key, answer from answers").fetchall()
                gone |= {k for k, answer in rows if holds(_json(answer), words)}
                self._file.executemany("delete from answers where key = ?", [(k,) for k in gone])
        return len(gone)

    def close(self) -> None:
        """Write what is left to write, and let go of the file; the answers stay in memory."""
        self._again = 0.0
        self._write()
        if self._file:
            self._file.close()
            self._file = None


@contextlib.contextmanager
def _at_once(file: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, and one wait for the disk."""
    file.execute("begin immediate")
    try:
        yield
        file.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            file.execute("rollback")
        raise


def _json(text: str) -> Any:
    """What a text says as JSON; the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
