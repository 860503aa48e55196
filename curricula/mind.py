"""The instructor of a run with all that it keeps in the run's folder: its answers, its memory, its data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..agents.instructors import INSTRUCTORS, LanguageModel
from ..agents.memory import Remembering
from ..agents.memory.remembering import shipped_store
from ..envs.instructions import Briefing, reads_scene
from .plan import Plan

MEMORY, DATA = "memory.sqlite", "instructions.jsonl"


class Mind:
    """instruct is for the worlds that are learnt in, recall for those that a policy is tried in: it writes nothing.

    A language model's briefings, instructions and outcomes are collected always; a memory is kept where the plan says.
    """

    def __init__(self, plan: Plan, path: Path):
        self.path, self.asked = path, 0
        self.instructor = INSTRUCTORS[plan.instructor]()
        self.reads_scene = reads_scene(self.instructor.instruct)  # and so of instruct and recall
        self.memory: Remembering | None = None
        if isinstance(self.instructor, LanguageModel):
            self.memory = Remembering(self.instructor, shipped_store() if plan.memory else None)

    def instruct(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        self.asked += len(briefings)
        return (self.memory or self.instructor).instruct(briefings, states)

    def recall(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        self.asked += len(briefings)
        return (self.memory.recall if self.memory else self.instructor.instruct)(briefings, states)

    # What a run keeps of it

    def begin(self) -> None:
        """Start with nothing: what a life that was not saved has left is removed."""
        for name in (MEMORY, DATA):
            (self.path / name).unlink(missing_ok=True)

    def save(self) -> dict[str, np.ndarray]:
        """Write the files, and give what a checkpoint holds beside them."""
        if not (self.memory and isinstance(self.instructor, LanguageModel)):
            return {}
        self.memory.append_to(self.path / DATA)
        if self.memory.store is not None:
            self.memory.store.save(self.path / MEMORY)
        return {"instructor": packed(self.instructor.state()), "memory": packed(self.memory.state())}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a checkpoint: the files become what they were when it was saved."""
        if not (self.memory and isinstance(self.instructor, LanguageModel)):
            return
        self.instructor.restore(unpacked(arrays["instructor"]))
        self.memory.restore(unpacked(arrays["memory"]))
        data = self.path / DATA
        if data.exists():
            with data.open("r+b") as file:
                file.truncate(self.memory.kept_bytes)
        if self.memory.store is not None:
            self.memory.store.save(self.path / MEMORY)

    def costs(self) -> dict[str, float]:
        """What it cost so far, and how much it keeps."""
        if not (self.memory and isinstance(self.instructor, LanguageModel)):
            return {}
        counts = dict(self.instructor.counts)
        costs = {"instructor_model_calls": counts.pop("calls")} | {f"instructor_{k}": v for k, v in counts.items()}
        costs |= {"instructor_outcomes": self.memory.settled, "instructor_data_bytes": self.memory.kept_bytes}
        if (store := self.memory.store) is not None:
            costs |= {"memories": len(store), "memories_bytes": store.bytes(), "memories_forgotten": store.forgotten}
        return costs


def packed(data: Any) -> np.ndarray:
    """JSON as the bytes of an array, for a checkpoint."""
    return np.frombuffer(json.dumps(data).encode(), np.uint8)


def unpacked(array: np.ndarray) -> Any:
    return json.loads(array.tobytes())
