"""The contract of whoever instructs, and the oracle's table of who may follow whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ...envs.instructions import Briefing


class Instructor(Protocol):
    """Pure and batched: the same briefings and states give the same sentences."""

    def instruct(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        """One sentence, and one new state (JSON or None), for each briefing."""
        ...
