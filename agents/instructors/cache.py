"""What a model said, kept by what it was asked: in memory, and in a file where one is named."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .prompts import holds


def key(*parts: Any) -> str:
    """The name of a question: a hash of all that shapes its answer."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:32]


class Cache:
    """Answers, JSON each. path: a file of SQLite that several processes may share; None keeps them in memory alone.

    Attributes: hits, misses: how often an answer was there; broken: why the file is not used any more.
    """

    def __init__(self, path: str | Path | None = None):
        self.answers: dict[str, Any] = {}
        self.hits = self.misses = 0
        self.broken = ""
        self._file: sqlite3.Connection | None = None
        if path is not None:
            self._open(Path(path))

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._file.execute("create table if not exists answers (key text primary key, answer text)")
        except (OSError, sqlite3.Error) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._file, self.broken = None, f"{type(error).__name__}: {error}"

    def get(self, keys: Sequence[str]) -> dict[str, Any]:
        """key -> answer, of those that are known."""
        unknown = [k for k in dict.fromkeys(keys) if k not in self.answers]
        if self._file and unknown:
            self.answers |= self._read(unknown)
        found = {k: self.answers[k] for k in keys if k in self.answers}
        self.hits += sum(k in found for k in keys)
        self.misses += sum(k not in found for k in keys)
        return found

    def _read(self, keys: Sequence[str]) -> dict[str, Any]:
        assert self._file
        found: dict[str, Any] = {}
        try:
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                query = f"select key, answer from answers where key in ({','.join('?' * len(part))})"
                rows = {name: _json(answer) for name, answer in self._file.execute(query, part)}
                found |= {name: answer for name, answer in rows.items() if isinstance(answer, dict)}
        except sqlite3.Error as error:
            self._give_up(error)
        return found

    def put(self, answers: Mapping[str, Any]) -> None:
        self.answers |= answers
        if self._file and answers:
            rows = [(k, json.dumps(a, ensure_ascii=False)) for k, a in answers.items()]
            try:
                self._file.executemany("insert or replace into answers values (?, ?)", rows)
            except sqlite3.Error as error:
                self._give_up(error)

    def forget(self, words: str) -> int:
        """Remove the answers in which words stand, in what was asked or said; how many they were."""
        gone = {k for k, a in self.answers.items() if holds(a, words)}
        self.answers = {k: a for k, a in self.answers.items() if k not in gone}
        if self._file:
            self._file.execute("pragma secure_delete = on")  # the bytes, too
            rows = self._file.execute("select key, answer from answers").fetchall()
            gone |= {k for k, answer in rows if holds(_json(answer), words)}
            self._file.executemany("delete from answers where key = ?", [(k,) for k in gone])
        return len(gone)

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _json(text: str) -> Any:
    """What a text says as JSON; the text itself where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text
