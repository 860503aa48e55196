"""A file of rows, one of JSON for everything that was measured, so that what is there is not measured again.

And the tables that are made of them, in the pages where they are read.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

TRIALS = 100  # seeds from here on are those that settings are found on


class Rows(list[dict[str, Any]]):
    """The rows of a file, in order; none where there is no file. For results of one's own, which are trusted."""

    def __init__(self, path: Path):
        self.path = path
        super().__init__(map(json.loads, path.read_text("utf-8").splitlines()) if path.exists() else ())

    def has(self, about: Mapping[str, Any]) -> bool:
        """Whether a row says all of this."""
        return any(_says(row, about) for row in self)

    def once(self, about: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]) -> None:
        """Add the row of this, with what is measured, unless there is one."""
        if not self.has(about):
            self.add({**about, **measure()})

    def current(self, abouts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The rows that say all of one of these, settings' hashes among it; those of TRIALS are in no table."""
        known = list(abouts)
        return [r for r in self if r["seed"] < TRIALS and any(_says(r, about) for about in known)]

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep a row, with the date, here and in the file, and print it."""
        self.append({**row, "date": datetime.date.today().isoformat()})
        line = json.dumps(self[-1])
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _says(row: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    return all(k in row and row[k] == v for k, v in about.items())


def put(page: Path, name: str, table: str) -> bool:
    """Write a Markdown table where the page says <!-- table: name -->, over the one there; whether it says so."""
    before, mark, after = page.read_text("utf-8").partition(f"<!-- table: {name} -->\n")
    rest = after.partition("\n\n")[2] if after.startswith("|") else after.lstrip("\n")
    if mark:
        page.write_text(f"{before}{mark}{table.strip()}\n\n{rest}", encoding="utf-8")
    return bool(mark)
