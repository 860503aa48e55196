"""Checkpoints: arrays in safetensors, the rest in JSON; written aside, then renamed; whole or refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, numpy

from . import folder

META_LIMIT = 64 << 20  # bytes of meta.json
VERSION = metadata.version("ludus")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; one line: which file, what is wrong, what to do."""


def save(parent: Path, number: int, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> int:
    """Write checkpoint `number` under parent and remove the earlier ones; returns its size in bytes.

    Raises OSError when the disk refuses; the earlier checkpoint then still stands.
    """
    target, aside = parent / str(number), parent / f"{number}.tmp"
    data = numpy.save({k: np.asarray(v, order="C") for k, v in arrays.items()})
    about = {"suite": VERSION, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "content": dict(meta)}
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        folder.write_through(aside / "arrays.safetensors", data)
        folder.write_through(aside / "meta.json", json.dumps(about, allow_nan=False).encode())
        folder.sync(aside)
        os.replace(aside, target)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    folder.sync(parent)
    for other in parent.iterdir():
        if other != target:
            remove(other)
    return len(data)


def newest(parent: Path) -> Path | None:
    """The newest whole checkpoint under parent; what was being written aside does not count."""
    with contextlib.suppress(FileNotFoundError):
        return max((p for p in parent.iterdir() if p.name.isdecimal()), key=lambda p: int(p.name), default=None)
    return None


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and meta of a checkpoint. Raises CheckpointError."""
    about = _meta(path)
    if about["suite"] != VERSION:
        raise _wrong(path, f"written by ludus {about['suite']}, this is {VERSION}", "resume it with that version")
    data = _bytes(path / "arrays.safetensors", about["bytes"])
    if len(data) != about["bytes"]:
        raise _wrong(path / "arrays.safetensors", f"{len(data)} bytes and more or less than the {about['bytes']} noted")
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise _wrong(path / "arrays.safetensors", "its bytes are not the ones that were written (sha256 differs)")
    try:
        return numpy.load(data), about["content"]
    except (SafetensorError, ValueError, KeyError) as error:
        raise _wrong(path / "arrays.safetensors", f"not safetensors: {error}") from None


def remove(path: Path) -> None:
    """Remove a checkpoint: its name goes first, so that a half-removed one is never taken for whole."""
    if path.is_dir() and not path.is_symlink():
        if path.name.isdecimal():
            path = path.rename(path.with_name(f"{path.name}.tmp"))
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()


def _meta(path: Path) -> dict[str, Any]:
    if path.is_symlink():
        raise _wrong(path, "is a link")
    data = _bytes(path / "meta.json", META_LIMIT)
    try:
        about = json.loads(data)
        kinds = {"suite": str, "bytes": int, "sha256": str, "content": dict}
        if not all(isinstance(about[k], kind) for k, kind in kinds.items()):
            raise ValueError("a value has the wrong kind")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _wrong(path / "meta.json", f"cut short or altered ({type(error).__name__})") from None
    return about


def _bytes(path: Path, limit: int) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _wrong(path, "is a link" if path.is_symlink() else str(error.strerror)) from None
    with os.fdopen(file, "rb") as opened:
        if os.fstat(file).st_size > limit:
            raise _wrong(path, f"larger than the {limit} bytes it may have")
        return opened.read(limit + 1)


def _wrong(path: Path, problem: str, remedy: str = "") -> CheckpointError:
    remedy = remedy or f"remove {path if path.name.isdecimal() else path.parent} and resume to start the run anew"
    return CheckpointError(f"{path}: {' '.join(problem.split())[:200]}; {remedy}")
