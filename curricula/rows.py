"""A file of rows, one of JSON for everything that was measured, so that what is there is not measured again."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Rows(list[dict[str, Any]]):
    """The rows of a file, in order; none where there is no file. For results of one's own, which are trusted."""

    def __init__(self, path: Path):
        self.path = path
        super().__init__(map(json.loads, path.read_text("utf-8").splitlines()) if path.exists() else ())

    def has(self, about: Mapping[str, Any]) -> bool:
        """Whether a row says all of this."""
        return any(all(k in row and row[k] == v for k, v in about.items()) for row in self)

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep a row, with the date, here and in the file, and print it."""
        self.append({**row, "date": datetime.date.today().isoformat()})
        line = json.dumps(self[-1])
        print(line, flush=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
