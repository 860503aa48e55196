"""Sentences as vectors: paraphrases near, different instructions far; beside the hashed words of envs."""

from __future__ import annotations

import functools
import importlib.resources
import itertools
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from safetensors import numpy as tensors

from ..envs import registry
from ..envs.instructions import HashedWords, Instruction, Skill

FEATURES = 4096  # places that words and pairs of words are hashed to
WIDTH = 64  # of the learnt vectors; a TextEncoder may be narrower
RIDGE = 0.3
_PIECES = re.compile(r"[a-z0-9']+|[\u4e00-\u9fff]")


def shipped() -> Path:
    """The file of the encoder that comes with the suite."""
    return Path(str(importlib.resources.files("ludus.assets") / "instructor" / "encoder.safetensors"))


def features(texts: Sequence[str]) -> np.ndarray:
    """(len(texts), FEATURES) float32, rows of length 1: words, Chinese characters, and pairs of neighbours."""
    table = np.zeros((len(texts), FEATURES), np.float32)
    for row, text in zip(table, texts, strict=True):
        pieces = _PIECES.findall(text.lower())
        for piece in (*pieces, *(" ".join(pair) for pair in itertools.pairwise(pieces))):
            row[zlib.crc32(piece.encode()) % FEATURES] += 1
        row /= max(float(np.sqrt((row * row).sum())), 1e-9)
    return table


def meaning(instruction: Instruction) -> np.ndarray:
    """(WIDTH,) the code of what is meant: a fixed random direction for the skill, and one for each of its arguments."""
    parts = [_code(f"skill {instruction.skill.name}")]
    parts += [_code(f"{slot} {word}") for slot, word in instruction.arguments]
    return np.sum(parts, axis=0) / np.sqrt(len(parts))


@functools.cache
def _code(name: str) -> np.ndarray:
    return np.random.default_rng(zlib.crc32(name.encode())).standard_normal(WIDTH) / np.sqrt(WIDTH)


def train(skills: Iterable[Skill], most: int = 40) -> np.ndarray:
    """(FEATURES, WIDTH) float16: ridge regression from sentences to what they mean (Hoerl and Kennard 1970).

    Learnt from all wordings that are not held out, of up to `most` instructions of each skill; no chance is in it.
    """
    told = [(i.phrase(w), meaning(i)) for s in skills for i in list(s.instructions())[:most] for w in s.taught]
    x, y = features([t for t, _ in told]), np.stack([m for _, m in told])
    kernel = x @ x.T + RIDGE * np.eye(len(x), dtype=np.float32)
    return (x.T @ np.linalg.solve(kernel, y)).astype(np.float16)


def everything() -> list[Skill]:
    """The skills of all tasks, each once."""
    known: dict[tuple, Skill] = {}
    for task in registry.ids():
        if "needs-build" not in registry.spec(task).tags:
            world = registry.make(task)
            known |= {(s.wordings, tuple(s.arguments)): s for s in world.skills}
            world.close()
    return list(known.values())


def save(weights: np.ndarray, path: Path) -> None:
    path.write_bytes(tensors.save({"weights": np.ascontiguousarray(weights)}))


class TextEncoder:
    """The learnt encoder: texts -> (len(texts), width) float32 of unit variance, the same in every batch.

    width: up to WIDTH; the first directions are kept. Raises ValueError for a width or a file that does not fit.
    """

    def __init__(self, width: int = 16, path: Path | None = None):
        if not 1 <= width <= WIDTH:
            raise ValueError(f"a text encoder's width is from 1 to {WIDTH}, not {width}")
        weights = tensors.load((path or shipped()).read_bytes())["weights"]
        if weights.shape != (FEATURES, WIDTH):
            raise ValueError(f"{path}: weights of {weights.shape}, not of {(FEATURES, WIDTH)}")
        self.width, self._weights = width, weights[:, :width].astype(np.float32)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        if not len(texts):
            return np.zeros((0, self.width), np.float32)
        return np.stack([self._sentence(t) for t in texts])

    def _sentence(self, text: str) -> np.ndarray:
        row = features([text])[0]
        vector = (row[:, None] * self._weights).sum(axis=0)
        size = float(np.sqrt((vector * vector).mean()))
        return (vector / max(size, 1e-6)).astype(np.float32)


ENCODERS = {"words": HashedWords, "learnt": TextEncoder}
