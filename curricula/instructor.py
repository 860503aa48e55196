"""`ludus instructor`: makes the shipped language model from nothing, or lets one instruct a scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from ..envs.registry import nearest


def command(
    what: Annotated[str, Argument(metavar="train|show", help="make the model; or try one on a scene")],
    task: Annotated[str, Option(help="show: the task whose scene it is")] = "ludus/Household-v0",
    model: Annotated[str, Option(help="show: shipped, a folder, or a name of the Hugging Face hub")] = "shipped",
    mode: Annotated[str, Option(help="show: choose, write or program")] = "choose",
    seed: Annotated[int, Option(help="of the training, or of the scene", min=0)] = 0,
    out: Annotated[Path, Option(help="train: the folder of the model")] = Path("instructor"),
    steps: Annotated[int, Option(help="train: optimiser steps; 0: as the shipped model took", min=0)] = 0,
    size: Annotated[float, Option(help="train: share of the shipped model's corpus", min=0.01, max=10)] = 1.0,
    online: Annotated[bool, Option("--online", help="show: a model of the hub may be downloaded")] = False,
) -> None:
    """Train the shipped language model from nothing; try it, or another one, on a scene."""
    if what not in ("train", "show"):
        raise nearest(what, ["train", "show"], "thing to do with the instructor")
    if what == "train":
        _train(out, seed, steps, size)
    else:
        _show(task, model, mode, seed, offline=not online)


def _train(out: Path, seed: int, steps: int, size: float) -> None:
    from ..agents.instructors.training import Recipe, train

    recipe = Recipe(seed=seed, size=size)
    train(out, dataclasses.replace(recipe, steps=steps or recipe.steps), typer.echo)
    typer.echo(f"model: {out}")


def _show(task: str, model: str, mode: str, seed: int, offline: bool) -> None:
    """One episode: what the instructor is asked, what it says and why, and what came of it."""
    from ..agents.instructors.language_model import LanguageModel, explain
    from ..agents.instructors.loading import load
    from ..agents.instructors.scenes import Theatre

    instructor = LanguageModel(load(model, offline=offline), mode)

    def told(briefings, states):
        said = instructor.instruct(briefings, states)
        for choice in instructor.choices:
            typer.echo(f"{choice.briefing.agent} sees: {choice.briefing.description}\n{explain(choice)}\n")
        return said

    theatre = Theatre(task, 1)
    played = theatre.play(told, [seed])
    theatre.close()
    typer.echo("success" if played.success[0] else "no success")
