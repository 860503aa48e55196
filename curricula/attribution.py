"""Whose forgetting is it? Old and new language model with old and new policy, of a run in which both have learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..envs.instructions import Instruct
from . import actors
from .ablate import tried
from .mind import LEARNT
from .record import Run, RunError
from .speaking import speaker


def two_by_two(run: Run, episodes: int = 200) -> list[dict[str, Any]]:
    """Rows {task, model, policy, success, low, high, n}: of each task but the last four, model and policy old or new.

    The old policy is that of the end of the task's own stage, the new one that of the run's end; the old model is the
    one with which the run began, the new one what the run has made of it. Raises RunError.
    """
    made, learnt = actors.curriculum_of(run), actors.stages(run)
    if run.settings["regime"] != "sequence":
        raise RunError(f"{run.folder}: {run.settings['regime']} training has no old policy")
    names, spoken, rows = [s.task for s in made.stages], models(run), []
    for stage in made.tasks:
        own = max((j for j in learnt if names[j] == stage.task), default=learnt[-1])
        policies = {"old": own, "new": learnt[-1]} if own != learnt[-1] else {}
        for policy, after in policies.items():
            single, act = actors.load(run, after, stage.task)
            single.close()
            for model, instruct in spoken.items():
                about = {"task": stage.task, "model": model, "policy": policy}
                rows.append(about | tried(run, stage, act, instruct, None, episodes))
    return rows


def models(run: Run) -> dict[str, Instruct]:
    """The instructors "old" and "new". Raises RunError where nothing was learnt."""
    from ..agents.instructors import make

    learnt = run.folder / LEARNT
    if run.settings["instructor"] != "language-model" or not learnt.is_dir() or learnt.is_symlink():
        raise RunError(
            f"{run.folder}: its instructor has not learnt; that takes --instructor language-model "
            "--instructor-learns stage, and an update that was taken"
        )
    spoken = {"old": speaker(run), "new": speaker(run, learnt)}
    return {name: make("language-model", said).instruct for name, said in spoken.items()}


def told(rows: Sequence[dict[str, Any]]) -> str:
    """A line a row."""
    return "\n".join(
        f"{r['task']}: {r['model']} model, {r['policy']} policy: {r['success']:.2f} ({r['low']:.2f} to {r['high']:.2f})"
        for r in rows
    )
