"""A language model that learns from what came of its own words while a run goes on; every update passes the gate."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...envs.registry import nearest
from . import lessons, rehearsal
from .decoder import Decoder
from .language_model import LanguageModel
from .lessons import Lesson
from .updating import Held, Update, between, gate, standing, update

EVERY = {"never": 0, "stage": 0, "batch": 512, "online": 64}  # outcomes between two updates; 0: none on the way
HOW = {"stage": Update(), "batch": Update(steps=24), "online": Update(steps=6)}
ANSWERS = 12  # that a held-out briefing of the run is chosen among, at most
MEASURED = 256  # held-out briefings of the run that an update is measured by, at most: a long run has thousands


class Pupil:
    """model: who instructs; when: "stage" (at each stage's end), "batch" or "online" (every so many outcomes).

    how: settings of an update; None: those that go with `when`. folder: of the model, whose old briefings it rehearses.

    Attributes: verdicts: a row for every attempt, JSON, the newest last. An old task stands there as well as it ever
    did in the run, so that many updates together lose no more of it than one may.
    """

    def __init__(
        self, model: LanguageModel, when: str = "stage", how: Update | None = None, folder: Path | None = None
    ):
        if when not in EVERY or when == "never":
            raise nearest(when, [w for w in EVERY if w != "never"], "time to learn")
        self.model, self.when, self.how, self._folder = model, when, how or HOW[when], folder
        self.verdicts: list[dict[str, Any]] = []
        self._learnt = self._tried_at = 0  # lines that a taken update has seen; outcomes at the last attempt
        self._weights: dict[str, np.ndarray] = {}
        self._old: tuple[list[Lesson], dict[str, list[Held]]] | None = None
        self._best: dict[str, float] = {}  # old task -> the largest share of its briefings that was answered right

    def due(self, outcomes: int) -> bool:
        """Whether enough outcomes came since the last attempt."""
        return bool(EVERY[self.when]) and outcomes - self._tried_at >= EVERY[self.when]

    def learn(self, lines: Sequence[Mapping[str, Any]], outcomes: int = 0, where: str = "") -> dict[str, Any]:
        """One attempt on all lines of the run; the row that says what came of it.

        New are the lines that came since the last update that was taken; those before are held to, like old tasks.
        Of these one briefing may always be lost, for at first there are few. Nothing is made where all that is held out
        of the new is answered right already.
        """
        self._tried_at = outcomes
        fresh, counts = lessons.clean(lines[self._learnt :])
        new, held = lessons.parted(fresh)
        row: dict[str, Any] = {"where": where, "outcomes": outcomes, **counts, "taken": False}
        few = len(new) < self.how.least or len(held) < 2
        if few or not isinstance(before := self.model.model, Decoder):
            self.verdicts.append(row | {"why": "too few lessons" if few else "this model cannot be trained here"})
            return self.verdicts[-1]
        earlier, _ = lessons.clean(lines[: self._learnt])
        old, kept = self._rehearsed(earlier)
        assert self._old is not None
        measured, tried = _choices(_some(held), [*fresh, *earlier]), []
        stood = standing(before, kept, measured)
        if stood.new == 1:
            self.verdicts.append(row | {"why": "nothing to gain", "new": [1.0, 1.0]})
            return self.verdicts[-1]
        self._best |= {t: max(stood.old[t], self._best.get(t, 0.0)) for t in self._old[1] if t in stood.old}
        stood = stood._replace(old=stood.old | self._best)
        seed = int(np.random.SeedSequence([self.how.seed, len(self.verdicts)]).generate_state(1)[0])
        learnt = update(before, new, old, dataclasses.replace(self.how, seed=seed))
        one = {task: 1 / len(own) for task, own in kept.items() if task not in self._old[1] and own}
        for share in self.how.shares:
            after = between(before, learnt, share)
            tried.append((gate(stood, standing(after, kept, measured), self.how.margin, one), share))
            if tried[-1][0].taken:
                self._learnt = len(lines)
                self._adopt(after)
                break
        verdict, share = max(tried, key=lambda t: t[0].taken)  # the one that was taken, or the first
        self.verdicts.append(row | {"share": share} | dataclasses.asdict(verdict))
        return self.verdicts[-1]

    def _rehearsed(self, earlier: Sequence[Lesson]) -> tuple[list[Lesson], dict[str, list[Held]]]:
        """Old lessons and held-out briefings: of the model's folder, and of what this run has taught it."""
        self._old = self._old or rehearsal.load(self._folder)
        learnt, measured = lessons.parted(earlier)
        kept = dict(self._old[1])
        for task in sorted({x.task for x in measured}):
            own = _choices(_some([x for x in measured if x.task == task]), earlier)
            kept[f"{task} in this run"] = own
        return [*self._old[0], *learnt], kept

    def _adopt(self, after: Decoder) -> None:
        weights = {k: v.detach().float().cpu().numpy() for k, v in after.model.state_dict().items()}
        self._weights = {k: np.ascontiguousarray(v) for k, v in weights.items()}
        self.model.adopt(after, self._name())

    def _name(self) -> str:
        digest = hashlib.sha256(b"".join(k.encode() + v.tobytes() for k, v in sorted(self._weights.items())))
        return f"learnt {digest.hexdigest()[:16]}"

    def save(self, out: Path) -> None:
        """The model as it is now: a folder that loads like any other."""
        model: Any = self.model.model
        model.model.save_pretrained(out)
        model.tokenizer.save_pretrained(out)

    # What a checkpoint holds

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays (the weights, where an update was taken) and JSON."""
        return dict(self._weights), {
            "verdicts": self.verdicts,
            "learnt": self._learnt,
            "tried_at": self._tried_at,
            "best": self._best,
        }

    def restore(self, weights: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        self.verdicts, self._learnt, self._tried_at = list(meta["verdicts"]), meta["learnt"], meta["tried_at"]
        self._best = dict(meta.get("best", {}))
        self._weights = dict(weights)
        if weights and isinstance(first := self.model.model, Decoder):
            model = copy.deepcopy(first.model)
            model.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
            self.model.adopt(Decoder(model, first.tokenizer, first.chat, first.longest, first.chunk), self._name())


def _some(held: Sequence[Lesson]) -> list[Lesson]:
    """MEASURED of them, evenly."""
    return [held[i] for i in np.linspace(0, len(held) - 1, min(len(held), MEASURED)).astype(int)]


def _choices(held: Sequence[Lesson], known: Sequence[Lesson]) -> list[Held]:
    """Held-out lessons as choices among what was said in their task."""
    said: dict[str, list[str]] = defaultdict(list)
    for lesson in known:
        if lesson.answer not in said[lesson.task]:
            said[lesson.task].append(lesson.answer)
    return [Held(h.prompt, (h.answer, *[a for a in said[h.task] if a != h.answer][: ANSWERS - 1])) for h in held]
