"""Files of a run that are whole or not there, and the lock on its folder."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Busy(ValueError):
    """Another process runs in this folder."""


def write(path: Path, data: bytes) -> None:
    """Replace path by data: after a crash at any moment it holds the old bytes or the new ones."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # nobody else's: two may write one report
    try:
        write_through(aside, data)
        os.replace(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    sync(path.parent)


def write_json(path: Path, data: Any) -> None:
    """The same for JSON, one key a line. Raises ValueError for NaN and infinities."""
    write(path, (json.dumps(data, indent=1, allow_nan=False) + "\n").encode())


def write_through(path: Path, data: bytes) -> None:
    """Write data and wait for the disk; links are not followed."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def sync(folder: Path) -> None:
    """Wait until the disk knows the names in folder."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the file path, by a lock beside it, once no other process does: to read it and write it anew."""
    file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold folder for this process; the lock of a process that died does not block. Raises Busy."""
    try:
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise Busy(f"{folder / 'lock'}: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy(f"{folder}: another process runs here; wait for it, or choose another --out") from None
    finally:
        os.close(file)
