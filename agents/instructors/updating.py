"""An instructor goes on learning: small, success-weighted updates with rehearsal, taken only through a gate."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from ...envs.registry import nearest
from .decoder import Decoder
from .lessons import Lesson
from .training import logits_of, stacked

ANCHORS = ("kl", "l2", "none")
ADAPTERS = ("auto", "full", "lora")
LARGE = 50_000_000  # parameters, from which on adapters learn instead of the weights, unless they are asked for


@dataclasses.dataclass(frozen=True)
class Update:
    """How an update learns.

    steps: of the optimiser; batch: lessons in each of its `accumulate` parts; rate: of learning.
    replay: share of each part that is old briefings; fresh: with what the model answers to them now.
    anchor: what holds it to the model before: "kl" (the divergence of the answers' tokens on old briefings), "l2" (of
        the weights), "none"; strength: its weight.
    adapter: "full" learns the weights, "lora" low-rank ones beside them (Hu et al. 2021), which needs peft; "auto" is
        "lora" for models of 50 million parameters and more.
    margin: share of held-out briefings of a task that an update may lose; least: lessons below which none is made.
    shares: how far to go from the weights before to those learnt, tried in order until the gate takes one: between
        them a model often keeps what it knew and has what is new (Wortsman et al. 2022, WiSE-FT).
    """

    steps: int = 60
    batch: int = 16
    accumulate: int = 1
    rate: float = 5e-4
    replay: float = 0.5
    fresh: bool = False
    anchor: str = "kl"
    strength: float = 1.0
    adapter: str = "auto"
    margin: float = 0.02
    least: int = 8
    shares: tuple[float, ...] = (1.0, 0.5, 0.25)
    seed: int = 0

    def __post_init__(self):
        for name, known in ("anchor", ANCHORS), ("adapter", ADAPTERS):
            if getattr(self, name) not in known:
                raise nearest(getattr(self, name), list(known), name)
        if min(self.steps, self.batch, self.accumulate) < 1 or not 0 <= self.replay < 1 or self.rate <= 0:
            raise ValueError(f"an update needs steps, batch, accumulate and rate above 0, replay in [0, 1): {self}")


class Held(NamedTuple):
    """A briefing to measure by: among these answers the first is right."""

    prompt: str
    answers: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the gate found: shares of held-out briefings answered right, before and after. old: task -> shares."""

    taken: bool
    why: str
    old: dict[str, tuple[float, float]]
    new: tuple[float, float]


def update(before: Decoder, lessons: Sequence[Lesson], old: Sequence[Lesson], how: Update) -> Decoder:
    """A new decoder that has learnt the lessons; the one before is untouched, and no chance is in it but how.seed.

    The loss of a part is the mean over its briefings of worth times cross-entropy, plus the anchor. Raises ValueError
    where there is nothing to learn, or peft is wanted and missing.
    """
    if not lessons:
        raise ValueError("no lesson to learn from")
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):  # dropout draws from torch's own generator
        torch.manual_seed(how.seed)
        return _updated(before, lessons, old, how)


def _updated(before: Decoder, lessons: Sequence[Lesson], old: Sequence[Lesson], how: Update) -> Decoder:
    model = _adapted(copy.deepcopy(before.model).train(), how)
    if how.fresh and old:
        old = [o._replace(answer=a) for o, a in zip(old, before.write([o.prompt for o in old]), strict=True)]
    old = [o for o in old if o.answer]
    learnt = [p for p in model.parameters() if p.requires_grad]
    first = [p.detach().clone() for p in learnt]
    optimizer = torch.optim.AdamW(learnt, lr=how.rate, weight_decay=0.0)
    draw = np.random.default_rng(how.seed)
    for _ in range(how.steps):
        optimizer.zero_grad()
        for _ in range(how.accumulate):
            count = round(how.batch * how.replay) if old else 0
            rows = [lessons[i] for i in draw.integers(len(lessons), size=how.batch - count)]
            rows += [old[i] for i in draw.integers(len(old), size=count)] if count else []
            loss = _weighted(before, model, rows)
            if how.anchor == "kl" and count:
                loss = loss + how.strength * _divergence(before, model, rows[-count:])
            elif how.anchor == "l2":
                loss = loss + how.strength * sum(((p - q) ** 2).sum() for p, q in zip(learnt, first, strict=True))
            (loss / how.accumulate).backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
    merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    return Decoder(merged, before.tokenizer, before.chat, before.longest, before.chunk)


def between(before: Decoder, after: Decoder, share: float) -> Decoder:
    """A decoder whose weights are that share of the way from the one before to the one after."""
    if share == 1:
        return after
    model, old = copy.deepcopy(after.model), before.model.state_dict()
    with torch.no_grad():
        model.load_state_dict({k: torch.lerp(old[k], v, share) for k, v in after.model.state_dict().items()})
    return Decoder(model, after.tokenizer, after.chat, after.longest, after.chunk)


def _batch(before: Decoder, model: Any, rows: Sequence[Lesson]) -> tuple[torch.Tensor, ...]:
    """ids, mask, labels of briefings, in the tokens in which they will be asked."""
    return tuple(t.to(model.device) for t in stacked([before.encoded(r.prompt, r.answer) for r in rows]))


def _weighted(before: Decoder, model: Any, rows: Sequence[Lesson]) -> torch.Tensor:
    ids, mask, labels = _batch(before, model, rows)
    worth = torch.tensor([row.worth for row in rows], device=model.device)
    return weighted(logits_of(model, ids, mask, labels), labels, worth)


def weighted(logits: torch.Tensor, labels: torch.Tensor, worth: torch.Tensor) -> torch.Tensor:
    """Mean over rows of worth (rows,) times the mean cross-entropy of the answer's tokens, where labels >= 0."""
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    return (worth * each.sum(1) / (labels >= 0).sum(1)).mean()


def _divergence(before: Decoder, after: Any, rows: Sequence[Lesson]) -> torch.Tensor:
    """Mean KL(before || after) over the tokens of the answers."""
    ids, mask, labels = _batch(before, after, rows)
    with torch.no_grad():
        told = logits_of(before.model, ids, mask, labels)
    return divergence(told, logits_of(after, ids, mask, labels), labels)


def divergence(teacher: torch.Tensor, student: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean KL(teacher || student) of logits (rows, answer, vocabulary) over the places where labels >= 0."""
    p, q = torch.log_softmax(teacher, -1), torch.log_softmax(student, -1)
    each = (p.exp() * (p - q)).sum(-1)
    kept = labels >= 0
    return (each * kept).sum() / kept.sum()


def _adapted(model: Any, how: Update) -> Any:
    large = sum(p.numel() for p in model.parameters()) >= LARGE
    if how.adapter == "full" or (how.adapter == "auto" and not large):
        return model
    try:
        import peft
    except ImportError:
        raise ValueError("adapter lora needs peft: pip install 'peft>=0.15', or use adapter full") from None
    shape = peft.LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    return peft.get_peft_model(model, shape)


# The gate


def quality(model: Decoder, held: Sequence[Held]) -> float:
    """Share of held-out briefings for which the right answer is the likeliest."""
    scores = model.choose([h.prompt for h in held], [h.answers for h in held])
    return float(np.mean([int(np.argmax(s)) == 0 and s[0] > max(s[1:], default=-np.inf) for s in scores]))


class Standing(NamedTuple):
    """Shares of held-out briefings that a model answers right. old: by task."""

    old: dict[str, float]
    new: float


def standing(model: Decoder, old: Mapping[str, Sequence[Held]], new: Sequence[Held]) -> Standing:
    of = {task: quality(model, held) for task, held in old.items() if held}
    return Standing(of, quality(model, new) if new else 0.0)


def gate(before: Standing, after: Standing, margin: float, slack: Mapping[str, float] | None = None) -> Verdict:
    """Taken only if no earlier task loses more than margin, and something is gained on the new briefings.

    slack: what a task may lose instead, where its briefings are too few to show so little.
    """
    kept = {task: (share, after.old[task]) for task, share in before.old.items()}
    gained = (before.new, after.new)
    may = {task: max(margin, (slack or {}).get(task, 0.0)) for task in kept}
    lost = [f"{task} {b:.2f} to {a:.2f}" for task, (b, a) in kept.items() if a < b - may[task] - 1e-9]
    why = f"lost {', '.join(lost)}" if lost else "nothing gained" if gained[1] <= gained[0] else "kept and gained"
    return Verdict(not lost and gained[1] > gained[0], why, kept, gained)
