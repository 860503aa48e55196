"""An instructor with a memory: it recalls into every briefing, and writes down what came of what was said."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...envs.instructions import Briefing
from ..encoders import TextEncoder
from ..instructors.instructor import Instructor
from ..instructors.prompts import as_data, prompt
from .reading import read
from .store import Store, Tried

MOST = 3  # memories of each kind that a briefing is told
LONGEST = 40  # instructions of an episode that are written down
DATA = 64 << 20  # bytes of a run's data, beyond which nothing is added
CUT_OFF = "cut off"  # the outcome of an instruction whose end nobody saw
ALREADY = "already so"  # of one that was given when it was carried out before


class Remembering:
    """Stands before another instructor; what it writes is due to `instruct` alone, `recall` only reads.

    store: None remembers nothing and only collects the data; store and data are bounded.
    An agent's state is {"life", "episode", "tried", "open": what was said in the episode, "inner": the other's state}.

    Attributes: fresh: lines of data that were not saved yet; settled: outcomes that came, in all; records: all lines
    of data, where a list is put there.
    """

    def __init__(self, inner: Instructor, store: Store | None = None, most: int = MOST):
        self.inner, self.store, self.most = inner, store, most
        self.fresh: list[str] = []
        self.records: list[dict[str, Any]] | None = None
        self.lives = self.settled = self.kept_bytes = self.full = 0

    def instruct(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        """Write what came of the last instructions, take in what is seen, recall, and let the other speak."""
        states = [self._alive(s) for s in states]
        records = [r for b, s in zip(briefings, states, strict=True) for r in self._settle(b, s)]
        self._collect(records)
        if self.store is not None:
            self.store.tick()
            self.store.note_tried([_tried(r) for r in records])
            for b, s in zip(briefings, states, strict=True):
                self._see(b, s)
        told = self._told(briefings, states, touch=True)
        said, inner = self.inner.instruct(told, [s["inner"] for s in states])
        for b, s, text, own in zip(told, states, said, inner, strict=True):
            s["inner"] = own
            if len(s["open"]) < LONGEST:
                s["open"].append(_line(b, s, text))
        if self.store is not None:
            self.store.bound()
        return said, states

    def recall(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        """The same, but nothing is written: for trying a policy without changing what it is trained with."""
        return self.inner.instruct(self._told(briefings, [None] * len(briefings), touch=False), states)

    # What came of it

    def _alive(self, state: Any) -> dict[str, Any]:
        if isinstance(state, dict) and "life" in state:
            return dict(state, open=[dict(line) for line in state["open"]])
        self.lives += 1
        return {"life": self.lives, "episode": 0, "tried": 0, "open": [], "inner": state}

    def _settle(self, b: Briefing, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Enter the outcome of the last instruction; the lines of an episode that is over."""
        if state["open"] and not state["open"][-1]["outcome"]:
            line, came = state["open"][-1], b.tried > state["tried"]
            unseen = CUT_OFF if b.episode != state["episode"] and b.won is None else ALREADY
            line["outcome"] = _outcome(b, line["said"]) if came else unseen
            self.settled += came
        over = []
        if b.episode != state["episode"]:
            over = [line | {"won": b.won} for line in state["open"]]
            state["open"] = []
        state |= {"episode": b.episode, "tried": b.tried}
        return over

    def _see(self, b: Briefing, state: dict[str, Any]) -> None:
        assert self.store is not None
        for text in (b.description, *b.messages):
            self.store.note_scene(state["life"], b.episode, read(text))

    def _told(self, briefings: Sequence[Briefing], states: Sequence[Any], touch: bool) -> list[Briefing]:
        """The briefings with what is remembered, behind what they were told to remember already."""
        if self.store is None:
            return list(briefings)
        told, tried = [], {}
        for b, state in zip(briefings, states, strict=True):
            asked = b.goal, b.feasible
            if asked not in tried:
                tried[asked] = self.store.tried(*asked, self.most, touch)
            known = [*b.memories, *tried[asked]]
            if state is not None:
                facts = self.store.about(state["life"], b.episode, (b.goal, b.description), self.most, touch)
                known += [fact for fact in facts if not _asks(fact, b)]
            told.append(dataclasses.replace(b, memories=tuple(known)))
        return told

    # The run's data

    def _collect(self, records: Sequence[Mapping[str, Any]]) -> None:
        for record in records:
            line = json.dumps(record, ensure_ascii=False)
            size = len(line.encode()) + 1
            if self.kept_bytes + size > DATA:
                self.full += 1
                continue
            self.kept_bytes += size
            self.fresh.append(line)
            if self.records is not None:
                self.records.append(dict(record))

    def append_to(self, path: Path) -> None:
        """Add the fresh lines to the file."""
        if self.fresh:
            with path.open("a", encoding="utf-8", newline="\n") as file:
                file.write("".join(f"{line}\n" for line in self.fresh))
        self.fresh = []

    # What a checkpoint holds

    def state(self) -> dict[str, Any]:
        """JSON; fresh lines must have been saved before."""
        numbers = {k: getattr(self, k) for k in ("lives", "settled", "kept_bytes", "full")}
        return numbers | {"store": self.store.state() if self.store else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name in ("lives", "settled", "kept_bytes", "full"):
            setattr(self, name, state[name])
        self.fresh = []
        if self.store is not None and state["store"]:
            self.store.restore(state["store"])


def shipped_store(**bounds: int) -> Store:
    """An empty store that finds likeness by the encoder of sentences that comes with the suite."""
    return Store(TextEncoder(64), **bounds)


def _line(b: Briefing, state: Mapping[str, Any], said: str) -> dict[str, Any]:
    """A line of data: the briefing as it was told, what was said, and what came of it."""
    about = {"task": b.task, "agent": b.agent, "life": state["life"], "episode": b.episode, "goal": b.goal}
    return about | {"prompt": prompt(b), "said": as_data(said, 200), "seen": as_data(b.description, 200), "outcome": ""}


def _tried(record: Mapping[str, Any]) -> Tried:
    keys = ("task", "agent", "goal", "said", "outcome", "seen", "won")
    return Tried(*(record[k] for k in keys))


def _outcome(b: Briefing, said: str) -> str:
    """What the newest outcome says of an instruction; where it was not understood, the goal was followed instead."""
    text, _, outcome = b.outcomes[-1].rpartition(": ") if b.outcomes else ("", "", CUT_OFF)
    return outcome if as_data(text, 200) == said else "not understood"


def _asks(fact: str, b: Briefing) -> bool:
    """Whether a fact quotes something that could be told the agent: only reports of outcomes may."""
    return any(text.lower() in fact.lower() for text in (*b.feasible, b.goal))
