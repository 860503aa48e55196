"""What works on this machine, and what to install for the rest."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

LIBRARIES = (
    "mujoco", "numpy", "scipy", "gymnasium", "pettingzoo", "stable-baselines3", "sb3-contrib", "safetensors",
    "pydantic", "pyyaml", "typer", "rich", "jinja2", "matplotlib", "imageio-ffmpeg", "pillow", "tensorboard",
)  # fmt: skip
SPACE = 1.0  # GiB that runs, videos and checkpoints want free
FRAME = (
    "import numpy as np, ludus.envs as envs\n"
    "world = envs.make('ludus/Lift-v0')\n"
    "world.reset(np.arange(1), [0])\n"
    "picture = world.render()\n"
    "assert picture.std() > 5, 'the picture is blank'\n"
    "print(*picture.shape[1::-1], sep=' x ')\n"
)
TORCH = (
    "import torch\n"
    "device = torch.cuda.get_device_name() if torch.cuda.is_available() else 'the CPU'\n"
    "print(torch.__version__, 'on', device)\n"
)
STEP = (
    "import numpy as np, ludus.envs as envs\n"
    "world = envs.make('ludus/Lift-v0', 4)\n"
    "world.reset(np.arange(4), range(4))\n"
    "world.step({a: np.zeros((4, *s.shape)) for a, s in world.action_spaces.items()})\n"
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was looked at, whether it works, what was seen, what to do otherwise; needed: training cannot do without."""

    what: str
    works: bool
    seen: str
    remedy: str = ""
    needed: bool = True


def python() -> Finding:
    fine = sys.version_info >= (3, 11)
    return Finding("Python", fine, platform.python_version(), "" if fine else "install Python 3.11 or newer")


def libraries() -> Finding:
    missing = [name for name in LIBRARIES if not _version(name)]
    seen = (
        f"missing: {', '.join(missing)}" if missing else ", ".join(f"{n} {_version(n)}" for n in LIBRARIES[:6]) + " …"
    )
    return Finding(
        "libraries", not missing, seen, f"pip install -c constraints.txt {' '.join(missing)}" if missing else ""
    )


def torch() -> Finding:
    """Imported in a process of its own, where a broken installation breaks nothing else."""
    return _tried("torch", TORCH, "pip install torch==2.13.0")


def physics() -> Finding:
    return _tried("physics", STEP, "pip install -c constraints.txt mujoco", seen="MuJoCo steps a batch")


def rendering() -> Finding:
    """Draws a picture, in a process of its own: a wrong OpenGL may end the process that tries it."""
    remedy = "apt install libegl1 libgl1-mesa-dri (Debian, Ubuntu; others: EGL of Mesa), then set MUJOCO_GL=egl"
    found = _tried("rendering", FRAME, remedy, needed=False)
    return dataclasses.replace(found, remedy="") if "cannot draw" in found.seen else found  # it names the remedy itself


def ffmpeg() -> Finding:
    """Writes a film of one picture."""
    try:
        import numpy as np

        from ..envs.views.record import Film

        with tempfile.TemporaryDirectory() as folder, Film(Path(folder) / "film.mp4") as film:
            film.add(np.zeros((64, 64, 3), np.uint8))
        import imageio_ffmpeg

        return Finding("films", True, f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}", needed=False)
    except Exception as error:  # whatever is wrong with it is the finding
        return Finding("films", False, _line(error), "pip install imageio-ffmpeg, or apt install ffmpeg", needed=False)


def disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    return Finding("disk", free > SPACE, f"{free:.1f} GiB free here", f"make {SPACE:.0f} GiB of room", needed=False)


def writing() -> Finding:
    try:
        with tempfile.TemporaryFile(dir="."):
            return Finding("writing", True, f"into {Path.cwd()}")
    except OSError as error:
        return Finding("writing", False, f"{Path.cwd()}: {error.strerror}", "go to a folder that you may write in")


def cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0]
    seen = f"{usable} usable, load {load:.1f}" + (": other work is slowing this down" if load > usable else "")
    return Finding("cores", True, seen, needed=False)


CHECKS: tuple[Callable[[], Finding], ...] = (
    python, libraries, torch, physics, rendering, ffmpeg, disk, writing, cores,
)  # fmt: skip


def examine() -> list[Finding]:
    """Every check; none of them raises."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(check())
        except Exception as error:  # a check that breaks is a finding too
            findings.append(Finding(check.__name__, False, _line(error), "please report this", needed=False))
    return findings


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _tried(what: str, code: str, remedy: str, seen: str = "", needed: bool = True) -> Finding:
    try:
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return Finding(what, False, "no answer within two minutes", remedy, needed)
    if done.returncode == 0:
        return Finding(what, True, seen or done.stdout.strip(), needed=needed)
    lines = done.stderr.strip().splitlines() or [f"ended with exit code {done.returncode}"]
    kind, _, said = lines[-1].partition(": ")
    return Finding(what, False, (said if "." in kind else lines[-1])[:300], remedy, needed)


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]


def _table(findings: list[Finding]):
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for f in findings:
        mark = Text("works", "green") if f.works else Text("missing", "red" if f.needed else "yellow")
        table.add_row(f.what, mark, Text(f.seen if f.works or not f.remedy else f"{f.seen}\n→ {f.remedy}"))
    return table


def command(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """What works on this machine, and what to install for the rest; exit code 0 when training works."""
    findings = examine()
    ready = all(f.works for f in findings if f.needed)
    if as_json:
        print(json.dumps({"ready": ready, "findings": [dataclasses.asdict(f) for f in findings]}, indent=1))
    else:
        from rich.console import Console

        console = Console()
        console.print(_table(findings))
        lacking = ", ".join(f.what for f in findings if not f.works and not f.needed)
        rest = f", all but {lacking}" if lacking else ""
        console.print(f"\nTraining works here{rest}." if ready else "\nTraining does not work here yet.")
    raise typer.Exit(0 if ready else 1)
