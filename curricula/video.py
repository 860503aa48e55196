"""The films of a task, and of a run: its last policy, its whole life, a task before and after it was forgotten."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..envs import registry
from .actors import curriculum_of, learnt, load, player, stages
from .film import PAUSE, Panel, Shot, episode, film
from .record import Run, read_run

LONGEST = 100  # pictures of an episode in the film of a life


def task_video(id: str, out: Path, policy: str = "best", seed: int = 0, seconds: float | None = None) -> Path:
    """Episodes of a task; policy: as of player().

    seconds: at least one episode, then more while there is time (None: three episodes).
    """
    world, actions, name = player(id, policy, seed)
    notes = f"{registry.spec(id).id} · {name} · "
    count = 3 if seconds is None else max(1, round(seconds / (world.max_episode_steps / world.render_fps + PAUSE)))
    scenes = ([Panel("", episode(world, actions, seed + i), notes)] for i in range(count))
    try:
        return film(scenes, out, world.render_fps)
    finally:
        world.close()


def shots(run: Run, stage: int, task: str, seed: int = 0, every: int = 1) -> Iterator[Shot]:
    """An episode of task with the policy of the end of stage."""
    world, act = load(run, stage, task)
    try:
        yield from episode(world, learnt(world, act), seed, every)
    finally:
        world.close()


def rollout_video(
    run_dir: str | Path, stage: int, task: str, out: str | Path, seed: int = 0, episodes: int = 2
) -> Path:
    """Episodes of task with the policy as it was at the end of stage."""
    run = read_run(run_dir)
    task = registry.spec(task).id
    scenes = (
        [Panel("", shots(run, stage, task, seed + i), f"{_who(run)} · stage {stage + 1} · ")] for i in range(episodes)
    )
    return film(scenes, Path(out), _fps(task))


def split_screen(
    run_dir: str | Path,
    task: str,
    before_stage: int,
    after_stage: int,
    out: str | Path,
    seed: int = 0,
    episodes: int = 2,
    every: int = 1,
) -> Path:
    """The same episodes of task, side by side: left with the policy of one stage's end, right with a later one's."""
    run, task = read_run(run_dir), registry.spec(task).id

    def panel(stage: int, heading: str, number: int) -> Panel:
        return Panel(
            f"{heading}{_score(run, stage, task)}", shots(run, stage, task, seed + number, every), f"{_who(run)} · "
        )

    scenes = (
        [
            panel(before_stage, f"after stage {before_stage + 1}, {_trained(run, before_stage)}", number),
            panel(after_stage, f"after stage {after_stage + 1}, {_trained(run, after_stage)}", number),
        ]
        for number in range(episodes)
    )
    return film(scenes, Path(out), _fps(task) / every)


def lifetime(run_dir: str | Path, out: str | Path, seed: int = 0, every: int | None = None) -> Path:
    """Stage after stage, what the policy then makes of every task, side by side.

    every: steps from picture to picture; None: every other one, or as many as keep an episode at a hundred pictures.
    """
    run = read_run(run_dir)
    tasks = [t.task for t in curriculum_of(run).tasks]
    every = every or max(2, *(_length(task) // LONGEST for task in tasks))
    scenes = (
        [
            Panel(f"after stage {stage + 1}: {task}{_score(run, stage, task)}", shots(run, stage, task, seed, every))
            for task in tasks
        ]
        for stage in stages(run)
    )
    return film(scenes, Path(out), _fps(tasks[0]) / every)


def most_forgotten(run: Run) -> tuple[str, int, int] | None:
    """(task, stage that taught it, last stage) with the greatest loss of success; None where nothing can be lost."""
    trained, kept = _stage_tasks(run), stages(run)
    score = {(r["stage"], r["task"]): r["success"] for r in run.rows if r["last"]}
    losses = [
        (score[stage, task] - score[kept[-1], task], task, stage)
        for stage, task in enumerate(trained)
        if stage in kept[:-1] and (stage, task) in score and (kept[-1], task) in score
    ]
    if not losses:
        return None
    _, task, stage = max(losses, key=lambda found: found[0])
    return task, stage, kept[-1]


def run_videos(run_dir: str | Path, folder: Path | None = None, seed: int = 0) -> Iterator[Path]:
    """The films of a run, each as it is finished: every task at the end, the life, the most forgotten task."""
    run = read_run(run_dir)
    folder = folder or run.folder / "videos"
    tasks, last = [t.task for t in curriculum_of(run).tasks], stages(run)[-1]
    if run.regime != "scratch":
        for task in tasks:
            yield rollout_video(run_dir, last, task, folder / f"final-{slug(task)}.mp4", seed)
        yield lifetime(run_dir, folder / "lifetime.mp4", seed)
    if run.regime == "sequence" and (found := most_forgotten(run)):
        task, before, after = found
        yield split_screen(run_dir, task, before, after, folder / f"before-after-{slug(task)}.mp4", seed)


def slug(task: str) -> str:
    """A task's id as part of a file's name: "ludus/Lift-v0" is "lift-v0"."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in task.rpartition("/")[2].lower())


def _length(task: str) -> int:
    world = registry.make(task)
    world.close()
    return world.max_episode_steps


def _fps(task: str) -> float:
    world = registry.make(task)
    world.close()
    return world.render_fps


def _who(run: Run) -> str:
    return f"{run.label} · seed {run.seed}"


def _stage_tasks(run: Run) -> list[str]:
    return [] if run.regime == "joint" else [s.task for s in curriculum_of(run).stages]


def _trained(run: Run, stage: int) -> str:
    tasks = _stage_tasks(run)
    return tasks[stage] if stage < len(tasks) else "all tasks"


def _score(run: Run, stage: int, task: str) -> str:
    """The score in the record beside the name, so that one episode is not taken for the whole."""
    found = [r for r in run.rows if r["last"] and r["stage"] == stage and r["task"] == task]
    return f" · success {found[0]['success']:.0%} in {found[0]['episodes']} episodes" if found else ""


def command(
    what: Annotated[str, typer.Argument(metavar="ENV_OR_RUN", help="a task's id, or the folder of a run")],
    out: Annotated[Path | None, typer.Option(help="the mp4, or the folder of films")] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="who acts in a task: best, shipped, scripted, random, a run's folder, or a policy's"
            " file  [default: best]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="of the first episode; the next ones count up", min=0)] = 0,
    seconds: Annotated[float | None, typer.Option(help="about how long a task's film is", min=0)] = None,
) -> None:
    """Film a task, or a run: its last policy on every task, its life, and a task before and after it was forgotten."""
    if Path(what).is_dir():
        if policy is not None or seconds is not None:
            raise ValueError(f"{what} is a folder, of whose run all is filmed: --policy and --seconds are for a task")
        if out and out.suffix == ".mp4":
            raise ValueError(f"--out {out}: of a run several films are made; name a folder for them")
        for path in run_videos(what, out, seed):
            typer.echo(path)
        return
    if os.sep in what and ":" not in what and not what.startswith(registry.NAMESPACE):
        raise ValueError(f"{what}: neither a run's folder nor a task of `ludus envs`")
    policy = policy or "best"
    name = Path(f"{slug(registry.spec(what).id)}-{Path(policy).name}.mp4")
    file = name if out is None else out if out.suffix == ".mp4" else out / name
    typer.echo(task_video(what, file, policy, seed, seconds))
