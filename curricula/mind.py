"""The instructor of a run with all that it keeps in the run's folder: answers, memory, data, and what it learnt."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..agents import instructors
from ..agents.instructors import LanguageModel, lessons
from ..agents.memory import Remembering
from ..agents.memory.remembering import shipped_store
from ..envs.instructions import Briefing, reads_scene
from . import folder
from .plan import Plan

MEMORY, DATA, UPDATES = "memory.sqlite", "instructions.jsonl", "updates.jsonl"
KEPT = f"{DATA}.kept"  # the data without what is being forgotten, until there is the checkpoint that knows of it
LEARNT = "instructor"  # the folder of the model that a run's own has become
WEIGHTS = "instructor.weights/"


class Mind:
    """instruct is for the worlds that are learnt in, recall for those that a policy is tried in: it writes nothing.

    A language model's briefings, instructions and outcomes are collected always; a memory is kept where the plan says.
    """

    def __init__(self, plan: Plan, path: Path):
        self.path, self.asked = path, 0
        self.instructor = instructors.make(plan.instructor, plan.speaker)
        self.reads_scene = reads_scene(self.instructor.instruct)  # and so of instruct and recall
        self.memory: Remembering | None = None
        if isinstance(self.instructor, LanguageModel):
            self.memory = Remembering(self.instructor, shipped_store() if plan.memory else None)
        self.pupil: Any = None
        if self.memory and isinstance(self.instructor, LanguageModel) and plan.learns != "never":
            from ..agents.instructors.pupil import Pupil

            known = plan.speaker.get("model")
            folder = Path(known) if known and Path(known).is_dir() else None
            self.pupil, self.memory.records = Pupil(self.instructor, plan.learns, folder=folder), []

    def instruct(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        self.asked += len(briefings)
        if self.pupil and self.memory and self.pupil.due(self.memory.settled):
            self._learn("on the way")
        return (self.memory or self.instructor).instruct(briefings, states)

    def recall(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        self.asked += len(briefings)
        return (self.memory.recall if self.memory else self.instructor.instruct)(briefings, states)

    def stage_ended(self, task: str) -> None:
        """Learn from what came of its words, where it learns between stages."""
        if self.pupil and self.pupil.when == "stage":
            self._learn(f"after {task}")

    def _learn(self, where: str) -> None:
        assert self.memory and self.memory.records is not None
        self.pupil.learn(self.memory.records, self.memory.settled, where)

    # What a run keeps of it

    def begin(self) -> None:
        """Start with nothing: what a life that was not saved has left is removed."""
        for name in (MEMORY, DATA, KEPT, UPDATES):
            (self.path / name).unlink(missing_ok=True)
        for name in (LEARNT, f"{LEARNT}.tmp"):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def save(self) -> dict[str, np.ndarray]:
        """Write the files, and give what a checkpoint holds beside them."""
        if not (self.memory and isinstance(self.instructor, LanguageModel)):
            return {}
        self.memory.append_to(self.path / DATA)
        if self.memory.store is not None:
            self.memory.store.save(self.path / MEMORY)
        kept = {"instructor": packed(self.instructor.state()), "memory": packed(self.memory.state())}
        if self.pupil:
            weights, meta = self.pupil.state()
            kept |= {"pupil": packed(meta)} | {WEIGHTS + name: array for name, array in weights.items()}
            self._write_updates()
        return kept

    def _write_updates(self) -> None:
        lines = "".join(json.dumps(verdict) + "\n" for verdict in self.pupil.verdicts)
        folder.write(self.path / UPDATES, lines.encode())

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from a checkpoint: the files become what they were when it was saved."""
        if not (self.memory and isinstance(self.instructor, LanguageModel)):
            return
        self.instructor.restore(unpacked(arrays["instructor"]))
        self.memory.restore(unpacked(arrays["memory"]))
        self.memory.kept_bytes = cut(self.path, self.memory.kept_bytes)
        if self.memory.store is not None:
            self.memory.store.save(self.path / MEMORY)
        if self.pupil:
            self.memory.records = lessons.read(self.path / DATA)[0]
            weights = {k.removeprefix(WEIGHTS): v for k, v in arrays.items() if k.startswith(WEIGHTS)}
            self.pupil.restore(weights, unpacked(arrays["pupil"]))
            self._write_updates()

    def end(self) -> None:
        """The run is over: keep the model as a folder of its own, where it has learnt. May be done twice."""
        self.save()
        if self.pupil and any(v["taken"] for v in self.pupil.verdicts):
            aside = self.path / f"{LEARNT}.tmp"
            for there in (aside, self.path / LEARNT):
                shutil.rmtree(there, ignore_errors=True)
            self.pupil.save(aside)
            os.replace(aside, self.path / LEARNT)
        if isinstance(self.instructor, LanguageModel):
            self.instructor.cache.close()

    def costs(self) -> dict[str, float]:
        """What it cost so far, and how much it keeps."""
        if not (self.memory and isinstance(self.instructor, LanguageModel)):
            return {}
        counts = dict(self.instructor.counts)
        costs = {"instructor_model_calls": counts.pop("calls")} | {f"instructor_{k}": v for k, v in counts.items()}
        costs |= {"instructor_outcomes": self.memory.settled, "instructor_data_bytes": self.memory.kept_bytes}
        if (store := self.memory.store) is not None:
            costs |= {"memories": len(store), "memories_bytes": store.bytes(), "memories_forgotten": store.forgotten}
        if self.pupil:
            taken = sum(v["taken"] for v in self.pupil.verdicts)
            costs |= {"updates_taken": taken, "updates_rolled_back": len(self.pupil.verdicts) - taken}
        return costs


def cut(path: Path, kept: int) -> int:
    """Make a run's data what they were when a checkpoint noted so many bytes of them; how many there are."""
    settle(path, kept)
    data = path / DATA
    if not data.exists():
        return 0
    size = min(kept, data.stat().st_size)  # to cut a shorter file would fill it up
    os.truncate(data, size)
    return size


def settle(path: Path, kept: int) -> None:
    """End a forgetting that was cut short: what it had made is taken where the checkpoint is of after it."""
    aside = path / KEPT
    if aside.is_file() and aside.stat().st_size == kept:
        os.replace(aside, path / DATA)
    aside.unlink(missing_ok=True)


def packed(data: Any) -> np.ndarray:
    """JSON as the bytes of an array, for a checkpoint."""
    return np.frombuffer(json.dumps(data).encode(), np.uint8)


def unpacked(array: np.ndarray) -> Any:
    return json.loads(array.tobytes())
