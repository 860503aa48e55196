"""A smaller instructor made from a larger one: L = α·CE + (1 − α)·KL (after Hinton et al. 2015)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from . import training
from .corpus import Pair
from .decoder import Decoder
from .training import Recipe, batches, logits_of
from .updating import Held, divergence, quality


def loss(teacher: torch.Tensor, student: torch.Tensor, labels: torch.Tensor, alpha: float) -> torch.Tensor:
    """α·CE(labels) + (1 − α)·KL(teacher || student), means over the answers' tokens (labels (rows, answer) >= 0).

    teacher, student: logits (rows, answer, vocabulary); only the student is to be learnt.
    """
    told = torch.nn.functional.cross_entropy(student.reshape(-1, student.shape[-1]), labels.reshape(-1))
    return alpha * told + (1 - alpha) * divergence(teacher.detach(), student, labels)


def distil(
    teacher: Decoder, pairs: Sequence[Pair], recipe: Recipe, alpha: float, tell: Callable[[str], None] = print
) -> Decoder:
    """A decoder of the recipe's shape, from nothing, with the teacher's tokenizer. Raises ValueError."""
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is a share from 0 to 1, not {alpha}")
    torch.set_num_threads(1)
    tokens, size = teacher.tokenizer, teacher.model.config.vocab_size
    device = teacher.model.device
    student = training.decoder(recipe, size).to(device)
    optimizer = torch.optim.AdamW(student.parameters(), lr=recipe.rate, weight_decay=0.05, betas=(0.9, 0.98))
    for step, made in enumerate(batches(pairs, recipe, teacher.encoded)):
        batch = [t.to(device) for t in made]
        optimizer.param_groups[0]["lr"] = training.rate_at(recipe, step)
        with torch.no_grad():
            told = logits_of(teacher.model, *batch)
        value = loss(told, logits_of(student, *batch), batch[2], alpha)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            tell(f"step {step + 1}: loss {float(value.detach()):.4f}")
    return Decoder(student, tokens, teacher.chat, teacher.longest, teacher.chunk)


def compare(models: Mapping[str, Decoder], held: Mapping[str, Sequence[Held]]) -> list[dict[str, Any]]:
    """A row a model: size, speed and quality on held-out briefings, task by task."""
    return [{"model": name} | measured(model, held) for name, model in models.items()]


def measured(model: Decoder, held: Mapping[str, Sequence[Held]]) -> dict[str, Any]:
    """parameters; megabytes as bfloat16; ms (of processor time) a choice; share right, in all and by task."""
    count = sum(p.numel() for p in model.model.parameters())
    began = time.process_time()
    right = {task: quality(model, each) for task, each in held.items() if each}
    asked = sum(map(len, held.values()))
    spent = 1000 * (time.process_time() - began) / max(asked, 1)
    size = {"parameters": count, "megabytes": round(2 * count / 1e6, 3), "ms": round(spent, 2)}
    mean = sum(right.values()) / max(len(right), 1)
    return size | {"right": round(mean, 4)} | {task: round(share, 4) for task, share in right.items()}


def save(model: Decoder, out: Path, recipe: Recipe, about: Mapping[str, Any]) -> Path:
    """The student as a folder that loads like the shipped model."""
    training.save(out, model.model, model.tokenizer, recipe, dict(about))
    return out


def smaller(recipe: Recipe, width: int, layers: int) -> Recipe:
    """A recipe of other size; its inner width keeps the proportion."""
    return dataclasses.replace(recipe, width=width, layers=layers, inner=max(8, recipe.inner * width // recipe.width))
