"""How well a language model instructs on held-out scenes, beside chance, copying and a wrong instructor.

    python benchmarks/instructor.py [--model shipped] [--episodes 40] [--only TASK] [--who NAME] [--out FILE]

A row a (task, who, wordings): valid and success before any retry or fall-back, with 95 % Wilson intervals. Counted are
scenes whose layout, combination of objects and, for "held-out", wording were kept from training, that offer four
instructions or more, and in which the oracle needs two different ones or more. `of_oracle` is success as a share of
the oracle's on the same scenes. The wrong instructor is the same model, told the task's next goal instead; where a task
has one goal there is none.

Then a row for each task whose goals are one instruction each, where it has several: the share of first briefings in new
scenes in which the model, choosing, names the goal that it was told (`named`).
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import time
import unittest.mock
import warnings
from collections.abc import Callable, Iterator, Sequence, Set
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ludus.agents.instructors import corpus, loading
from ludus.agents.instructors.language_model import LanguageModel
from ludus.agents.instructors.scenes import HELD_OUT, LONG, TRAIN, Theatre, digest, family, goal_sides, layout_side
from ludus.curricula.statistics import wilson
from ludus.envs import registry
from ludus.envs.instructions import Instruction

RESULTS = Path(__file__).parent / "results" / "instructor.jsonl"
FIRST_SEED = 1 << 33  # far from the corpus
BATCH = 64
NOTHING = "(nothing)"  # no skill understands it
MODES = ("choose", "write", "program")
WHO = [*(f"model, {mode}" for mode in MODES), "uniform", "goal", "wrong"]


class Uniform:
    """Any feasible instruction, by the hash of the briefing."""

    def instruct(self, briefings, states):
        return [b.feasible[digest(f"{b}") % len(b.feasible)] for b in briefings], list(states)


class Copying:
    """The goal, as it was worded."""

    def instruct(self, briefings, states):
        return [b.goal for b in briefings], list(states)


class First:
    """A mode of a model before any retry or fall-back: what is not valid stays as it is, and is counted.

    A program that is none, or loses its way, falls back to choosing: an episode with such a briefing, of which `fallen`
    has all, is a failure of the program whatever came of it.
    """

    def __init__(self, model: Any, mode: str):
        self.inner, self.mode, self.asked, self.valid = LanguageModel(model, mode), mode, 0, 0
        self.fallen: list[Any] = []

    def instruct(self, briefings, states):
        if self.mode == "choose":
            return self.inner.instruct(briefings, states)
        if self.mode == "program":
            with unittest.mock.patch.object(self.inner, "_choose", _says_nothing):
                texts, states = self.inner.instruct(briefings, states)
            self.fallen += [b for b, text in zip(briefings, texts, strict=True) if text == NOTHING]
            return texts, states
        from ludus.agents.instructors.language_model import _error, _first_line
        from ludus.agents.instructors.prompts import prompt

        texts = [_first_line(t) for t in self.inner.model.write([prompt(b) for b in briefings])]
        self.asked += len(texts)
        self.valid += sum(not _error(b, t) for b, t in zip(briefings, texts, strict=True))
        return texts, list(states)

    @property
    def share(self) -> float:
        """Of first answers, those that the world's grammar took."""
        if self.mode == "write":
            return self.valid / max(self.asked, 1)
        counts = self.inner.counts
        return counts["valid"] / max(counts["calls"], 1) if self.mode == "program" else 1.0


def _says_nothing(briefings):
    """In the place of choosing, which a program falls back to."""
    return [{"said": NOTHING, "by": "no program", "scores": []} for _ in briefings]


def misled(phrase: Callable[[Instruction, int], str], goals: Sequence[Instruction]) -> Callable:
    """What words every goal as the one that follows it among the task's."""
    follows = dict(zip(goals, [*goals[1:], goals[0]], strict=True))
    return lambda goal, copy: phrase(follows[goal], copy)


def scenes(task: str, wanted: int) -> tuple[Theatre, list[int], list[bool]]:
    """A theatre, the seeds of held-out scenes, one a copy, and the oracle's success there.

    Of tasks whose goals are few all are asked for, or who never reads the goal would be right: no scene of theirs with
    its own things is in the training.
    """
    probe, seeds, start = Theatre(task, BATCH), [], FIRST_SEED
    sides = goal_sides(probe.world.goals)
    while len(seeds) < wanted and start < FIRST_SEED + 40 * BATCH:
        played = probe.play(None, range(start, start + BATCH))
        for i in range(BATCH):
            told = {e.answer for e in played.examples if e.copy == i}
            asked = registry.full(task) in corpus.FEW or sides[int(played.goals[i])] in (HELD_OUT, None)
            fits = layout_side(played.layouts[i]) == HELD_OUT and asked
            if fits and len(told) >= 2 and len(seeds) < wanted:
                seeds.append(start + i)
        start += BATCH
    probe.close()
    theatre = Theatre(task, len(seeds))
    return theatre, seeds, list(theatre.play(None, seeds).success)


def key(row: dict[str, Any]) -> tuple:
    """What a row is a row of."""
    return tuple(row[name] for name in ("model", "task", "who", "wordings", "episodes"))


def made(out: Path) -> set[tuple]:
    """The rows that are there already."""
    return {key(json.loads(line)) for line in out.read_text("utf-8").splitlines()} if out.exists() else set()


def rows(
    model: str, episodes: int, tasks: Sequence[str], names: Sequence[str], done: Set[tuple] = frozenset()
) -> Iterator[dict[str, Any]]:
    opened = loading.load(model)
    who = {f"model, {mode}": (lambda mode=mode: First(opened, mode)) for mode in MODES}
    who |= {"uniform": Uniform, "goal": Copying, "wrong": lambda: LanguageModel(opened)}
    about = {"model": loading.fingerprint(model), "suite": metadata.version("ludus")}
    asked = {name: build for name, build in who.items() if not names or name in names}
    for task in (t for t in LONG if not tasks or t in tasks):
        wanted = [
            (said, name)
            for said in (TRAIN, HELD_OUT)
            for name in asked
            if (about["model"], task, name, said, episodes) not in done
        ]
        if not wanted:
            continue
        theatre, seeds, oracle = scenes(task, episodes)
        for said, name in wanted:
            if name == "wrong" and len(theatre.world.goals) == 1:
                continue
            instructor, started = asked[name](), time.process_time()
            phrase = corpus.phraser(said, np.random.default_rng(1))
            if name == "wrong":
                phrase = misled(phrase, theatre.world.goals)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                played = theatre.play(instructor.instruct, seeds, phrase)
            lost = {id(b) for b in getattr(instructor, "fallen", ())}
            fell = {e.copy for e in played.examples if id(e.briefing) in lost}
            hits, n = int(played.success.sum() - sum(played.success[i] for i in fell)), len(seeds)
            low, high = wilson(hits, n)
            yield about | {
                "date": datetime.date.today().isoformat(), "task": task, "family": family(task), "who": name,
                "wordings": said, "episodes": n, "success": round(hits / n, 4), "low": round(low, 4),
                "high": round(high, 4), "oracle": round(float(np.mean(oracle)), 4),
                "of_oracle": round(hits / max(sum(oracle), 1), 4),
                "valid": round(getattr(instructor, "share", 1.0), 4), "instructions": int(played.given.sum()),
                "cpu_seconds": round(time.process_time() - started, 2),
            }  # fmt: skip
        theatre.close()


def named(
    model: str, episodes: int, tasks: Sequence[str], names: Sequence[str], done: Set[tuple] = frozenset()
) -> Iterator[dict[str, Any]]:
    """Rows of the tasks whose goals need not be cut into steps."""
    instructor, who = LanguageModel(loading.load(model)), "model, choose"
    about = {"model": loading.fingerprint(model), "suite": metadata.version("ludus")}
    known = [t for t in registry.ids() if t not in LONG and "needs-build" not in registry.spec(t).tags]
    for task in (t for t in known if (not tasks or t in tasks) and (not names or who in names)):
        wanted = [s for s in (TRAIN, HELD_OUT) if (about["model"], task, who, s, episodes) not in done]
        if not wanted or not (theatre := _several(task, episodes)):
            continue
        for said in wanted:
            phrase = corpus.phraser(said, np.random.default_rng(1))
            played = theatre.play(None, range(FIRST_SEED, FIRST_SEED + episodes), phrase, steps=1)
            told = [e for e in played.examples if e.answer.text in e.briefing.feasible]  # not the other side's goal
            texts, _ = instructor.instruct([e.briefing for e in told], [None] * len(told))
            right = [text == e.answer.text for text, e in zip(texts, told, strict=True)]
            low, high = wilson(sum(right), len(right))
            yield about | {
                "date": datetime.date.today().isoformat(), "task": task, "family": family(task), "who": who,
                "wordings": said, "episodes": episodes, "named": round(float(np.mean(right)), 4),
                "low": round(low, 4), "high": round(high, 4), "instructions": len(right),
            }  # fmt: skip
        theatre.close()


def _several(task: str, copies: int) -> Theatre | None:
    """A theatre of a task with several goals, of which an oracle knows which to say."""
    try:
        theatre = Theatre(task, copies)
    except NotImplementedError:
        return None
    if len(theatre.world.goals) > 1:
        return theatre
    theatre.close()
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="shipped")
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--only", action="append", default=[], help="a task; may be repeated")
    parser.add_argument("--who", action="append", default=[], help="such as 'model, program'; may be repeated")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    for name in given.who:
        if name not in WHO:
            raise registry.nearest(name, WHO, "instructor")
    given.only = [registry.spec(task).id for task in given.only]
    torch.set_num_threads(1)
    asked = given.model, given.episodes, given.only, given.who, made(given.out)
    for row in itertools.chain(rows(*asked), named(*asked)):
        print(json.dumps(row), flush=True)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
