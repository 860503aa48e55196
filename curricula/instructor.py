"""`ludus instructor`: makes the shipped language model from nothing, a smaller one of it, or lets one instruct."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..envs.registry import nearest


def command(
    what: Annotated[str, Argument(metavar="train|distil|show", help="make the model; a smaller one of it; try one")],
    task: Annotated[str, Option(help="show: the task whose scene it is")] = "ludus/Household-v0",
    model: Annotated[str, Option(help="show, distil: shipped, a folder, or a name of the hub")] = "shipped",
    mode: Annotated[str, Option(help="show: choose, write or program")] = "choose",
    seed: Annotated[int, Option(help="of the training, or of the scene", min=0)] = 0,
    out: Annotated[Path, Option(help="train, distil: the folder of the model")] = Path("instructor"),
    steps: Annotated[int, Option(help="train, distil: optimiser steps; 0: as the shipped model took", min=0)] = 0,
    size: Annotated[float, Option(help="train, distil: share of the shipped model's corpus", min=0.01, max=10)] = 1.0,
    width: Annotated[int, Option(help="distil: of the smaller model; a multiple of 8", min=8)] = 64,
    layers: Annotated[int, Option(help="distil: of the smaller model", min=1)] = 2,
    alpha: Annotated[float, Option(help="distil: share of the answers beside the larger model's", min=0, max=1)] = 0.5,
    online: Annotated[bool, Option("--online", help="show: a model of the hub may be downloaded")] = False,
) -> None:
    """Train the shipped language model from nothing; distil a smaller one; try it, or another one, on a scene."""
    if what not in (known := ["train", "distil", "show"]):
        raise nearest(what, known, "thing to do with the instructor")
    if what == "show":
        _show(task, model, mode, seed, offline=not online)
        return
    from ..agents.instructors.training import Recipe

    recipe = Recipe(seed=seed, size=size)
    recipe = dataclasses.replace(recipe, steps=steps or recipe.steps)
    with _interruptible(out):
        if what == "train":
            _train(out, recipe)
        else:
            _distil(out, recipe, model, width, layers, alpha, offline=not online)
    typer.echo(f"model: {out}")


@contextlib.contextmanager
def _interruptible(out: Path) -> Iterator[None]:
    """One line for Ctrl-C: what is there, and what to do."""
    try:
        yield
    except KeyboardInterrupt:
        there = "the weights of some step before are there" if (out / "made.json").is_file() else "nothing was written"
        raise RuntimeError(f"{out}: interrupted; {there}; the same command makes the model from its start") from None


def _train(out: Path, recipe: Any) -> None:
    from ..agents.instructors import rehearsal
    from ..agents.instructors.training import train

    rehearsal.make(train(out, recipe, typer.echo), typer.echo)


def _distil(out: Path, recipe: Any, model: str, width: int, layers: int, alpha: float, offline: bool) -> None:
    """Learn from the larger model's answers and likelihoods; then both in one table."""
    from ..agents.instructors import corpus, distilling, rehearsal
    from ..agents.instructors.loading import load

    if width % (2 * recipe.heads):
        raise ValueError(f"--width must be a multiple of {2 * recipe.heads}, not {width}")
    teacher = load(model, offline=offline, dtype="float32")
    recipe = distilling.smaller(recipe, width, layers)
    student = distilling.distil(
        teacher, corpus.everything(recipe.seed, recipe.size, typer.echo), recipe, alpha, typer.echo
    )
    rows = distilling.compare({model: teacher, str(out): student}, rehearsal.load()[1])
    distilling.save(student, out, recipe, {"teacher": model, "alpha": alpha, "measured": rows})
    _print_table(rows)


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Size, speed and quality, a column a model."""
    for name in rows[0]:
        typer.echo("".join([f"{name:32}", *(f"{row[name]!s:>24}" for row in rows)]))


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
