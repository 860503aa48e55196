"""`ludus crossplay`: how the policies of a run's stages, or of several runs, do as partners of each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..agents.team.crossplay import crossplay
from ..agents.team.teams import divided
from ..envs import registry
from . import folder
from .actors import Act, curriculum_of, load, stages
from .actors import world as world_of
from .record import Run, RunError, read_run
from .report.beside import CROSSPLAY

Player = tuple[str, Run, int]  # what it is called, and the stage of a run at whose end it acts


def command(
    runs: Annotated[list[Path], Argument(metavar="RUN...", help="one: its stages meet; several: their last policies")],
    task: Annotated[str | None, Option(help="this task alone  [default: every task of two agents and more]")] = None,
    episodes: Annotated[int, Option(help="of every pair", min=1)] = 50,
) -> None:
    """Let policies play with each other as partners; the report shows the matrix."""
    read = [read_run(path) for path in runs]
    players = _stages(read[0]) if len(read) == 1 else _ends(read)
    out = runs[0] if len(read) == 1 else runs[0].resolve().parent
    found = list(matrices(players, episodes, task and registry.full(task)))
    folder.write_json(out / CROSSPLAY, {"matrices": found})
    for one in found:
        typer.echo(f"{one['task']}: {', '.join(one['players'])}")
        for name, row in zip(one["players"], one["success"], strict=True):
            typer.echo(f"  {name}: " + " ".join(f"{value:.2f}" for value in row))
    typer.echo(out / CROSSPLAY)


def matrices(players: Sequence[Player], episodes: int, task: str | None = None) -> Iterator[dict[str, Any]]:
    """For each task of two agents or more {task, players, success: row j is j's with partner k, episodes}.

    Raises RunError where there is none, or where policies cannot be partners.
    """
    run = players[0][1]
    names = [t.task for t in curriculum_of(run).tasks if task in (None, t.task)]
    if not names:
        raise RunError(f"{run.folder}: {task} is no task of {run.curriculum}")
    alone = True
    for name in names:
        with contextlib.closing(world_of(run, name, episodes)) as world:
            if len(world.agents) > 1:
                alone = False
                success = crossplay(world, [_act(player, name) for player in players])
                called = [player[0] for player in players]
                yield {"task": name, "players": called, "success": success.round(6).tolist(), "episodes": episodes}
    if alone:
        raise RunError(f"{run.folder}: {', '.join(names)}: nobody there has a partner whom the policy plays")


def _stages(run: Run) -> list[Player]:
    return [(f"stage {stage}", run, stage) for stage in stages(run)]


def _ends(runs: Sequence[Run]) -> list[Player]:
    """The last policy of each run. Raises RunError where they did not live through the same tasks."""
    tasks = {tuple((t.task, str(t.settings)) for t in curriculum_of(run).tasks) for run in runs}
    if len(tasks) > 1:
        raise RunError(f"{runs[0].folder} and the others did not live through the same tasks")
    return [(f"{run.label} {run.seed}", run, stages(run)[-1]) for run in runs]


def _act(player: Player, task: str) -> Act:
    name, run, stage = player
    if team := next(filter(divided, (m["name"] for m in run.settings["methods"])), None):
        raise RunError(f"{run.folder}: {team} is a team of policies; cross-play is of one policy with another")
    world, act = load(run, stage, task)
    world.close()
    if getattr(act, "remembers", False):
        raise RunError(f"{run.folder}: {name} has a memory of the episode; cross-play takes policies without")
    return act
