"""A language model instructs: it chooses among what is feasible, writes freely, or writes a program."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import os
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...envs.instructions import Briefing
from ...envs.registry import nearest
from . import program
from .cache import Cache, key
from .endpoint import EndpointError
from .loading import fingerprint, load, shaping
from .prompts import prompt
from .script import Script

MODES = ("choose", "write", "program")
LANGUAGES = ("en", "zh")
OWN = ("language", "success", "cache", "calls", "tokens", "seconds", "timeout", "model", "mode")
CACHE = "LUDUS_INSTRUCTOR_CACHE"  # environment: the file that answers are kept in
TRIES = 3  # times that a program's instruction is told until it is done
ROUND = 3  # decimals of a prior, as of a score
STRIKES = 3  # requests in a row that a server leaves without an answer, after which it is asked no more


class Model(Protocol):
    """What answers: a Decoder, or an Endpoint. tokens: read and written so far.

    Where it has a `name`, answers are kept under it; where it has a `part`, it is asked about so many briefings at a
    time; where it has a `stop`, that is called when it is given up, and a `deadline` is set before each part.
    """

    tokens: int

    def choose(self, prompts: Sequence[str], answers: Sequence[Sequence[str]], priors: Any = None) -> list[np.ndarray]:
        """For each prompt the scores of its answers, the highest the best; what is no number is no answer."""
        ...

    def write(self, prompts: Sequence[str]) -> list[str]:
        """One text for each prompt."""
        ...


class Unavailable(RuntimeError):
    """The model gave no answer; the message says why, in one line."""


@dataclasses.dataclass(frozen=True)
class Choice:
    """Why something was said. scores: of the candidates, log-likelihoods; for those that could not win a bound."""

    briefing: Briefing
    said: str
    by: str  # "choose", "write", "retry", "candidate", "program", "cache", or why the script said it
    scores: tuple[tuple[str, float], ...] = ()


class LanguageModel:
    """Instructs by a language model; the script takes over where it cannot, and each such case is counted.

    model: "shipped", a folder, a hub name, or a Model; it is opened when it is first asked.
    mode: "choose" the likeliest feasible instruction; "write" freely, what the world's grammar does not understand once
        more with the error, then the best candidate; "program": a program at an episode's start (see program.py).
    language: of what it writes, "en" or "zh". success: (briefing, candidates) -> the policy's own chance to carry each
        out, (n,) in (0, 1], whose logarithms are added to the likelihoods (SayCan, Ahn et al. 2022, eq. 1).
    cache: a file for answers; None: the one that LUDUS_INSTRUCTOR_CACHE names, or memory alone.
    calls, tokens, seconds: budgets, None for none; timeout: seconds that one batch may take, of a server one briefing.
        A model is opened, and fetched, outside of it.
    loading: of loading.load.

    counts: asked, cached, calls (requests of the model; writing once more is a call of its own, and choosing after that
    another), valid (first answers that the grammar took), retried, replaced (by the best candidate), fell_back (to the
    script), hung, tokens, seconds. `notes` says what went
    wrong, each thing once. A briefing that a server refuses or answers with nonsense falls back alone; after three
    refusals in a row the server is given up.
    """

    def __init__(
        self,
        model: str | Path | Model = "shipped",
        mode: str = "choose",
        *,
        language: str = "en",
        success: Callable[[Briefing, Sequence[str]], np.ndarray] | None = None,
        cache: str | Path | None = None,
        calls: int | None = None,
        tokens: int | None = None,
        seconds: float | None = None,
        timeout: float = 120.0,
        **loading: Any,
    ):
        if mode not in MODES:
            raise nearest(str(mode), list(MODES), "mode of instructing")
        if language not in LANGUAGES:
            raise nearest(str(language), list(LANGUAGES), "language to instruct in")
        for name in loading:  # what is not ours is transformers'; what is nearly ours is a slip
            if difflib.get_close_matches(name, OWN, 1, 0.8):
                raise nearest(name, list(OWN), "setting of a language model")
        self.name, self.mode, self.language, self.success = model, mode, language, success
        self.limits = {"calls": calls, "tokens": tokens, "seconds": seconds}
        self.timeout, self._loading = timeout, loading
        self.cache = Cache(cache or os.environ.get(CACHE))
        names = "asked", "cached", "calls", "valid", "retried", "replaced", "fell_back", "hung", "tokens"
        self.counts: dict[str, float] = dict.fromkeys(names, 0) | {"seconds": 0.0}
        self.notes: list[str] = []
        self._last: list[tuple[Briefing, str, dict[str, Any]]] = []  # what was said by whom, in the last call
        self._model: Model | None = None if isinstance(model, (str, Path)) else model
        self._who = (
            fingerprint(model) + shaping(loading)
            if isinstance(model, (str, Path))
            else getattr(model, "name", type(model).__name__)
        )
        self._gone = ""  # why the model is not asked any more
        self._strikes = 0  # requests in a row without an answer

    def instruct(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        self.counts["asked"] += len(briefings)
        self._last = []
        if self.mode == "program":
            return self._programmed(briefings, states)
        said = self._answers(briefings, self.mode)
        return [answer["said"] for answer in said], list(states)

    # Answers: from the cache, from the model, or from the script

    def _answers(self, briefings: Sequence[Briefing], mode: str) -> list[dict[str, Any]]:
        keys = [self._key(b, mode) for b in briefings]
        known = self.cache.get(keys)
        self._hear()
        self.counts["cached"] += sum(k in known for k in keys)
        new = {k: b for k, b in zip(keys, briefings, strict=True) if k not in known}
        made = self._made(new, mode) if new else {}
        answers = [known.get(k) or made[k] for k in keys]
        each = zip(keys, briefings, answers, strict=True)
        self._last += [(b, "cache" if k in known else a["by"], a) for k, b, a in each]
        return answers

    @property
    def choices(self) -> list[Choice]:
        """What was said in the last call, and why."""
        scored = [tuple(zip(b.feasible, a.get("scores", ()), strict=False)) for b, _, a in self._last]
        return [Choice(b, a["said"], by, scores) for (b, by, a), scores in zip(self._last, scored, strict=True)]

    def _key(self, b: Briefing, mode: str) -> str:
        asked = [self._who, mode, self.language, prompt(b, self.language), b.feasible]
        if mode == "write":
            asked.append(_understood(b.grammar))
        if self.success is not None and mode != "program":
            asked.append(self._prior(b).tolist())
        return key(*asked)

    def _made(self, new: dict[str, Briefing], mode: str) -> dict[str, dict[str, Any]]:
        """Answers to new briefings: what the model gives is kept, what the script says instead is not."""
        made: dict[str, dict[str, Any]] = {}
        rest, why = dict(new), ""
        while rest and (room := self._room(len(rest))):
            size = getattr(self._model, "part", None) or room
            asked = dict(itertools.islice(rest.items(), min(room, size)))
            rest = {k: b for k, b in rest.items() if k not in asked}
            try:
                answers = self._timed(lambda: getattr(self, f"_{mode}")(list(asked.values())))  # noqa: B023
            except Unavailable as error:
                self._note(why := str(error))
                continue
            given = {k: a for k, a in zip(asked, answers, strict=True) if "said" in a}
            # what was asked is kept beside the answer, so that a text can be forgotten
            told = {k: a | {"asked": prompt(asked[k], self.language)} for k, a in given.items()}
            self.cache.put(told)
            self._hear()
            made |= told
            if len(told) < len(asked):
                self._note(why := next(a["why"] for a in answers if "said" not in a))
        left = [k for k in new if k not in made]
        if left:
            self.counts["fell_back"] += len(left)
            texts, _ = Script().instruct([new[k] for k in left], [None] * len(left))
            why = why or self._gone or self.notes[-1]
            made |= {k: {"said": t, "by": why} for k, t in zip(left, texts, strict=True)}
        return made

    def _hear(self) -> None:
        """Say once that the file of answers cannot be used."""
        if self.cache.broken:
            self._note(f"answers are kept in memory alone: {self.cache.broken}")

    def _room(self, wanted: int) -> int:
        """How many briefings the budgets still allow; 0 once the model is given up."""
        if self._gone:
            return 0
        for name, limit in self.limits.items():
            if limit is not None and self.counts[name] >= limit:
                self._note(f"the budget of {limit} {name} is spent: the script instructs")
                return 0
        if self.limits["calls"] is not None and wanted > (left := int(self.limits["calls"] - self.counts["calls"])):
            self._note(self._spent)
            return left
        return wanted

    def _timed(self, work: Callable[[], Any]) -> Any:
        """What work gives within the time-out. Raises Unavailable for whatever it does else."""
        result: list[Any] = []

        def run() -> None:
            try:
                result.append((True, work()))
            except BaseException as error:  # a broken model is no reason to lose a run
                result.append((False, error))

        before, started = (self._model.tokens if self._model else 0), time.monotonic()
        model: Any = None
        try:
            model = self.model  # opened here: what is fetched first may take its time
        except Exception as error:
            result.append((False, error))
        if model is not None:
            if hasattr(model, "deadline"):
                model.deadline = time.monotonic() + self.timeout
            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            thread.join(self.timeout)
        self.counts["seconds"] = round(self.counts["seconds"] + time.monotonic() - started, 3)
        self.counts["tokens"] += (self._model.tokens if self._model else 0) - before
        if not result:
            self.counts["hung"] += 1
            raise self._given_up(f"the model gave no answer within {self.timeout:g} s: the script instructs")
        good, value = result[0]
        if good:
            self._strikes = 0
            return value
        why = f"the model failed: {_line(value)}: the script instructs"
        self._strikes += 1
        if isinstance(value, EndpointError) and self._strikes < STRIKES:
            raise Unavailable(why) from value
        raise self._given_up(why) from value

    def _given_up(self, why: str) -> Unavailable:
        """Ask the model no more, nor let it go on asking."""
        self._gone = why
        if callable(stop := getattr(self._model, "stop", None)):
            stop()
        return Unavailable(why)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            warnings.warn(f"instructor: {text}", RuntimeWarning, stacklevel=2)

    @property
    def model(self) -> Model:
        """The model, opened now where it is not yet. Raises ModelError."""
        if self._model is None:
            self._model = load(str(self.name), **self._loading)
        return self._model

    def adopt(self, model: Model, name: str) -> None:
        """Go on with another model, such as an updated one; its answers are kept under a name of their own."""
        self._model, self._who = model, name

    # Modes

    def _choose(self, briefings: Sequence[Briefing]) -> list[dict[str, Any]]:
        self.counts["calls"] += len(briefings)
        candidates = [list(b.feasible) or [b.goal] for b in briefings]
        priors = None if self.success is None else [self._prior(b) for b in briefings]
        scores = self.model.choose([prompt(b) for b in briefings], candidates, priors)
        return [_best(c, s) for c, s in zip(candidates, scores, strict=True)]

    def _prior(self, b: Briefing) -> np.ndarray:
        """Logarithms of the policy's own chances with the candidates, (n,), rounded as scores are."""
        assert self.success is not None
        chances = np.asarray(self.success(b, list(b.feasible) or [b.goal]), float)
        return np.round(np.log(np.clip(chances, 1e-9, 1)), ROUND)

    def _write(self, briefings: Sequence[Briefing]) -> list[dict[str, Any]]:
        self.counts["calls"] += len(briefings)
        asked = [prompt(b, self.language) for b in briefings]
        texts = [_first_line(t) for t in self.model.write(asked)]
        errors = [_error(b, t) for b, t in zip(briefings, texts, strict=True)]
        self.counts["valid"] += errors.count("")
        answers = [{"said": t, "by": "write"} for t in texts]
        if wrong := [i for i, error in enumerate(errors) if error]:
            answers = _replaced(answers, wrong, [{"why": self._spent}] * len(wrong))
            wrong = self._allowed(wrong)
        if wrong:
            self.counts["retried"] += len(wrong)
            self.counts["calls"] += len(wrong)
            told = [f"{asked[i]} {texts[i]}\nerror: {errors[i]}\n{asked[i].splitlines()[-1]}" for i in wrong]
            again = [(i, _first_line(t)) for i, t in zip(wrong, self.model.write(told), strict=True)]
            good = [(i, t) for i, t in again if not _error(briefings[i], t)]
            answers = _replaced(answers, [i for i, _ in good], [{"said": t, "by": "retry"} for _, t in good])
            wrong = self._allowed([i for i in wrong if i not in dict(good)])
        if wrong:
            self.counts["replaced"] += len(wrong)
            chosen = self._choose([briefings[i] for i in wrong])
            answers = _replaced(answers, wrong, [c | {"by": "candidate"} for c in chosen])
        return answers

    @property
    def _spent(self) -> str:
        return f"the budget of {self.limits['calls']} calls is spent: the script instructs"

    def _allowed(self, wanted: list[int]) -> list[int]:
        """Those of them, from the first on, for which the budget of calls has room."""
        limit = self.limits["calls"]
        return wanted if limit is None else wanted[: max(0, int(limit - self.counts["calls"]))]

    def _program(self, briefings: Sequence[Briefing]) -> list[dict[str, Any]]:
        """Programs; what is none counts as replaced, and the instructions are then chosen one by one."""
        self.counts["calls"] += len(briefings)
        answers = []
        for text in self.model.write([prompt(b, "program") for b in briefings]):
            try:
                text = program.read(text).text
                self.counts["valid"] += 1
            except program.ProgramError:
                self.counts["replaced"] += 1
                text = ""
            answers.append({"said": text, "by": "program"})
        return answers

    def _programmed(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        """What each copy's program says next; who has none, or whose program has lost its way, is chosen for."""
        each = zip(briefings, states, strict=True)
        on = [isinstance(s, dict) and s.get("episode") == b.episode for b, s in each]
        states = [dict(s, log=[*s["log"]]) if o else {} for o, s in zip(on, states, strict=True)]
        fresh = [i for i, s in enumerate(states) if not s]
        for i, answer in zip(fresh, self._answers([briefings[i] for i in fresh], "program"), strict=True):
            written = answer["said"] if answer["by"] == "program" else ""
            states[i] = {"program": written, "log": [], "last": "", "tries": 0, "so": []}
            states[i]["episode"] = briefings[i].episode
        texts = [self._next(b, s) for b, s in zip(briefings, states, strict=True)]
        lost = [i for i, t in enumerate(texts) if t is None]
        for i, answer in zip(lost, self._answers([briefings[i] for i in lost], "choose"), strict=True):
            texts[i] = answer["said"]
        return [t or "" for t in texts], states

    @staticmethod
    def _next(b: Briefing, state: dict[str, Any]) -> str | None:
        """The program's next sentence that the world understands; None where there is none.

        Its last one stands once it was done: a task that is over only when its time is up goes on asking. Who asks
        again without any outcome was told what was so already.
        """
        if not state["program"]:
            return None
        own = b.outcomes[b.earlier :]
        came, before = [b.tried, len(own)], state.get("came")
        state["came"] = came
        told, _, outcome = own[-1].rpartition(": ") if own else ("", "", "")
        so = [state["last"]] if state["last"] and came == before else [told] if outcome == "done" else []
        state["so"] = [*state["so"], *(s for s in so if s not in state["so"])]  # a briefing has the last outcomes alone
        done = came == before or outcome == "done"
        if state["last"] and own and not done and state["tries"] < TRIES:
            state["tries"] += 1
            return state["last"]
        try:
            said = program.read(state["program"]).next(state["log"], b, state["so"])
        except program.ProgramError:
            said = None
        if said is None and done and state["last"]:
            return state["last"]
        if said is None or _error(b, said):
            state["program"] = ""
            return None
        state |= {"last": said, "tries": 1}
        return said

    # What a checkpoint holds

    def state(self) -> dict[str, Any]:
        """Answers and counts, JSON: an instructor that goes on from here says the same."""
        return {"answers": dict(self.cache.answers), "counts": dict(self.counts), "notes": list(self.notes)}

    def restore(self, state: dict[str, Any]) -> None:
        self.cache.answers |= state["answers"]  # a file of them has them, or was cleared of them
        self.counts, self.notes = dict(state["counts"]), list(state["notes"])
        if self._model is not None and "tokens" in self.counts:  # of which a server may be allowed so many
            self._model.tokens = max(self._model.tokens, int(self.counts["tokens"]))


def explain(choice: Choice, most: int = 5) -> str:
    """A choice in words: what was said, the candidates nearest to it, the memories that were told."""
    ranked = sorted(choice.scores, key=lambda pair: -pair[1])[:most]
    lines = [f"{choice.said!r} ({choice.by}) for {choice.briefing.agent}: {choice.briefing.goal}"]
    lines += [f"  {score:9.3f}  {text}" for text, score in ranked]
    return "\n".join(lines + [f"  remembered: {m}" for m in choice.briefing.memories])


def in_brief(choice: Choice, most: int = 3) -> str:
    """The same in a line, as for a caption: what was likeliest, and by how much."""
    ranked = sorted(choice.scores, key=lambda pair: -pair[1])
    why = [f"{text} {score:.1f}".replace("-", "\u2212") for text, score in ranked[:most]]
    said = f"of {len(ranked)}, by log-likelihood: {' · '.join(why)}" if ranked else choice.by
    return " · ".join([said, *(f"remembered: {m}" for m in choice.briefing.memories)])


def _best(candidates: Sequence[str], scores: Any) -> dict[str, Any]:
    """The candidate with the highest score, of equals the first; none where the scores are no numbers."""
    scores = np.asarray(scores, float)
    if np.isnan(scores).any() or not np.isfinite(scores.max()):
        return {"why": "the model named none of the candidates: the script instructs"}
    return {"said": candidates[int(np.argmax(scores))], "by": "choose", "scores": [float(x) for x in scores]}


def _understood(grammar: Callable[[str], Any] | None) -> list[Any]:
    """What tells one grammar from another: the skills that it knows and how they may be said."""
    skills = getattr(grammar, "keywords", {}).get("skills", ())
    said = [[s.name, s.wordings, s.held_out, s.chinese, dict(s.arguments), dict(s.in_chinese)] for s in skills]
    return said or [getattr(grammar, "__qualname__", "")]


def _error(b: Briefing, text: str) -> str:
    """Why the world does not understand a text; "" where it does."""
    if b.grammar is None:
        return "" if text in b.feasible else f"no instruction {text[:80]!r}; say one of: {'; '.join(b.feasible[:8])}"
    try:
        b.grammar(text)
    except ValueError as error:
        return " ".join(str(error).split())[:300]
    return ""


def _first_line(text: Any) -> str:
    """The first line of what a model wrote, cut: a grammar reads no more."""
    lines = str(text)[:2000].strip().splitlines()
    return lines[0].strip()[:200] if lines else ""


def _replaced(rows: list[Any], places: Sequence[int], new: Sequence[Any]) -> list[Any]:
    rows = list(rows)
    for place, row in zip(places, new, strict=True):
        rows[place] = row
    return rows


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


__all__ = ["MODES", "Choice", "LanguageModel", "Model", "explain"]
