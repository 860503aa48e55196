"""Policies that ship with the suite: one safetensors file a task, which says itself how it is to be used."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..envs import registry
from ..envs.core import World
from . import actors, folder, speaking
from .curriculum import Curriculum
from .record import Run, RunError, inside
from .scores import Scores

KEPT = ("curriculum", "algorithm", "settings", "input", "seed", "hash")  # of run.json


def where(task: str) -> Any:
    """The file of a task's policy, there or not."""
    name = registry.spec(task).id.rpartition("/")[2]
    return resources.files(str(__package__).removesuffix("curricula") + "assets") / "policies" / f"{name}.safetensors"


def ship(run: Run, path: Path) -> None:
    """Write the policy of a run's last stage, with what is needed to use it and how well it did.

    Raises RunError for a policy that is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    stage = actors.stages(run)[-1]
    source = inside(run.folder, f"policies/stage-{stage}.safetensors")
    try:
        weights = load(source.read_bytes())
    except SafetensorError as error:
        raise RunError(f"{source}: not a policy ({error}); `command` in run.json makes the run anew") from None
    last = [r for r in run.rows if r["last"] and r["stage"] == stage]
    about = {k: run.settings[k] for k in KEPT} | {
        "success": {r["task"]: [r["success"], r["episodes"]] for r in last},
        "steps": last[-1]["step"],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    folder.write(path, save(weights, {"ludus": json.dumps(about, sort_keys=True)}))


def load(task: str) -> tuple[World, actors.Act, dict[str, Any]] | None:
    """read() of the task's own file; None where none ships."""
    file = where(task)
    if not file.is_file():
        return None
    with resources.as_file(file) as path:
        return read(path, task)


def read(path: Path, task: str) -> tuple[World, actors.Act, dict[str, Any]]:
    """(one copy of task in the policy's body, the policy, what the file says of itself).

    Raises RunError for a file that is damaged, or no policy.
    """
    try:
        with safe_open(path, "numpy") as opened:
            about = json.loads((opened.metadata() or {})["ludus"])
            weights = {k: opened.get_tensor(k) for k in opened.keys()}  # noqa: SIM118
        made = Curriculum.model_validate_json(json.dumps(about["curriculum"]))
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise RunError(f"{path}: not a policy of ours: {' '.join(str(error).split())[:160]}") from None
    who = about["input"], about["algorithm"], about["settings"]
    world, act = actors.dressed(made, *who, task, weights, instruct=speaking.speech(run_of(about)))
    return world, act, about


def about(task: str) -> dict[str, Any] | None:
    """What the file of a task's policy says of itself; None where none ships. Raises RunError."""
    if (found := load(task)) is None:
        return None
    found[0].close()
    return found[2]


def run_of(about: dict[str, Any]) -> Run:
    """What a policy's file says of itself, as the run that it comes from: without a folder, rows and costs."""
    made = Curriculum.model_validate_json(json.dumps(about["curriculum"]))
    beside = {"label": "shipped", "regime": "sequence", "methods": [], "instructor": made.instructor}
    return Run(Path(str(where(made.tasks[0].task))), {k: about[k] for k in KEPT} | beside, [], Scores.from_rows([]), {})
