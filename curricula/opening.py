"""A run's folder as a run opens it: locked, said to be of this plan, and left in one line whatever happens."""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import shutil
import sys
import traceback
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from . import checkpoint, folder
from .mind import DATA, KEPT, LEARNT, MEMORY, UPDATES
from .plan import Plan
from .record import read_json

FORMAT = 1  # of a run folder
LIBRARIES = ("mujoco", "gymnasium", "stable-baselines3", "torch", "numpy")
SAID = (
    "algorithm", "settings", "methods", "regime", "label", "input", "instructor", "tier", "seed", "device", "hash",
)  # fmt: skip
ERROR = "error.txt"  # the traceback of what nobody foresaw
NAMES = (
    "", "run.json", "evaluations.jsonl", "metrics.json", "costs.json", "checkpoints", "policies", "tensorboard",
    MEMORY, DATA, KEPT, UPDATES, LEARNT, f"{LEARNT}.tmp", ERROR,
)  # fmt: skip


class Stopped(RuntimeError):
    """A run ended before its end; what was done is kept. The message is one line and says how to go on."""


@contextlib.contextmanager
def opened(path: Path, plan: Plan, resume: bool) -> Iterator[bool]:
    """Lock the folder and write run.json, or see that it is the same run. Yields whether the run is finished."""
    _no_links(path)
    path.mkdir(parents=True, exist_ok=True)
    with folder.locked(path):
        if begun := (path / "run.json").exists():
            _same(path, plan, resume)
        elif any(p.name != "lock" and not p.name.startswith("run.json") for p in path.iterdir()):
            raise ValueError(f"{path}: holds files but no run.json; choose another --out")
        else:
            for half in path.glob("run.json*"):  # of a run that was ended as it wrote the first
                half.unlink()
            folder.write_json(path / "run.json", describe(plan))
        (path / ERROR).unlink(missing_ok=True)
        try:
            yield _over(path, plan)
        except ValueError:  # wrong from the start: the folder is not to stand in the way of what is right
            for name in () if begun else NAMES[1:]:
                _removed(path / name)
            raise


def _removed(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _over(path: Path, plan: Plan) -> bool:
    """Whether the run came to its end: its metrics say so, or of one without evaluations the last policy."""
    last = path / "policies" / f"stage-{len(plan.parts) - 1}.safetensors"
    untried = not (path / "evaluations.jsonl").exists() and not (path / "checkpoints").exists()
    return (path / "metrics.json").exists() or (untried and last.exists())


def describe(plan: Plan) -> dict[str, Any]:
    """The content of run.json."""
    about = {"format": FORMAT, "suite": checkpoint.VERSION, "curriculum": plan.curriculum.model_dump(mode="json")}
    about |= {k: getattr(plan, k) for k in SAID} | plan.extras
    versions = {"python": sys.version.split()[0]} | {name: metadata.version(name) for name in LIBRARIES}
    program = os.path.basename(sys.argv[0]).replace("cli.py", "ludus")  # as `ludus bench` calls it
    command = shlex.join([program, *sys.argv[1:]])
    return about | {"versions": versions, "processor": processor(), "command": command}


def processor() -> str:
    """The kind of processor, and the widest instructions that torch uses of it: sums are rounded by these."""
    import torch

    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def _same(path: Path, plan: Plan, resume: bool) -> None:
    if not resume:
        raise ValueError(f"{path}: a run is there already; go on with --resume, or choose another --out")
    there = read_json(path / "run.json")
    for key, mine in (("hash", plan.hash), ("seed", plan.seed), ("suite", checkpoint.VERSION)):
        if there.get(key) != mine:
            raise ValueError(
                f"{path}: another run is there ({key} {str(there.get(key))[:20]!r}, not {str(mine)[:20]!r})"
            )


def _no_links(path: Path) -> None:
    """A run writes only where it was told to."""
    for name in NAMES:
        if (path / name).is_symlink():
            raise ValueError(f"{path / name}: is a link; a run folder holds none")


@contextlib.contextmanager
def stopping(path: Path) -> Iterator[None]:
    """Turn whatever ends a run before its end into one line."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Stopped(f"{path}: interrupted; go on with --resume --out {path}") from error
    except OSError as error:
        what = error.strerror or str(error)
        raise Stopped(f"{path}: {what}; make room or mend it, then go on with --resume --out {path}") from error
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        told = _write_down(path, error)
        raise Stopped(f"{path}: {what} ({_where(error)}){told}; what was done is kept") from error


def _where(error: Exception) -> str:
    """The innermost line that was running, where the mistake of a task or a method of one's own mostly is."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}"


def _write_down(path: Path, error: Exception) -> str:
    """Keep the traceback in the run's folder; says so, unless it could not be written."""
    text = "".join(traceback.format_exception(error))
    try:
        folder.write(path / ERROR, text.encode())
    except OSError:
        return ""
    return f"; see {ERROR}"
