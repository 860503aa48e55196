"""`ludus ablate`: what a policy, of a run or one that ships, does when it is told something else. Do words matter?"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from typer import Argument, Option

from ..agents.encoders import ENCODERS
from ..envs import registry
from ..envs.core import World
from ..envs.instructions import Encode, Instruct, Instruction, parse, reads_scene
from . import actors, evaluation, folder, policies, speaking
from .curriculum import Stage
from .record import Run, read_run
from .report.beside import ABLATIONS, ATTRIBUTION
from .statistics import wilson

KINDS = {
    "true": "what the run's instructor says",
    "none": "nothing: zeros in the place of the vector",
    "shuffled": "what was said to any copy, drawn",
    "wrong": "another goal of the task, drawn; where the instruction is no goal, its skill with other words",
    "wrong-task": "the goal of another task",
    "paraphrased": "the same in another wording of its skill",
    "held-out": "the same in a wording that is kept from all training",
}
AS_LEARNT = {"instructed": "true", "blind": "untold", "task-id": "task number", "goal-id": "one-hot"}  # by input
TASK = re.compile(r"(ludus/)?[\w#]+-v\d+[\w#]*")  # what is a task's name, where there is no such folder
ELSEWHERE = ("ludus/Reach-v0", "ludus/Basic-v0")  # tasks whose goal a lone task is told instead of its own


class Retold:
    """Stands between an instructor and a policy: what the one says reaches the other changed, in one of KINDS.

    world: one copy of the task, for its skills and goals. other: another task's goal, as a sentence.
    """

    def __init__(self, kind: str, instruct: Instruct, encode: Encode, world: World, other: str = "", seed: int = 0):
        self.reads_scene = reads_scene(instruct)
        self._kind, self._instruct, self._encode, self._other = kind, instruct, encode, other
        self._skills, self._goals = world.skills, world.goals
        self._draw, self._said = np.random.default_rng(seed), []

    def instruct(self, briefings: Sequence[Any], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        texts, states = self._instruct(briefings, states)
        self._said += texts
        return [self._changed(text) for text in texts], states

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), width) float32: what the policy is shown of sentences."""
        if self._kind == "wrong-task":
            texts = [self._other] * len(texts)
        return np.asarray(self._encode(texts)) * np.float32(self._kind != "none")

    def _changed(self, text: str) -> str:
        if self._kind == "shuffled":
            return self._said[self._draw.integers(len(self._said))]
        try:
            among = _others(self._kind, parse(text, self._skills), self._goals)
        except ValueError:
            among = []  # the world will not understand it either
        return among[self._draw.integers(len(among))] if among else text


def _others(kind: str, meant: Instruction, goals: Sequence[Instruction]) -> list[str]:
    """What may be said in the place of an instruction; none where it stays as it is."""
    if kind in ("paraphrased", "held-out"):
        wordings = meant.skill.held_out if kind == "held-out" else meant.skill.wordings[1:]
        return [meant.phrase(w) for w in wordings]
    if kind != "wrong":
        return []
    among = list(goals) if any(_same(g, meant) for g in goals) else list(meant.skill.instructions())
    return [i.text for i in among if not _same(i, meant)]


def _same(a: Instruction, b: Instruction) -> bool:
    return (a.skill.name, a.arguments) == (b.skill.name, b.arguments)


def kinds(world: World) -> list[str]:
    """Those of KINDS that change something in a task: a lone goal has no other, a skill may have one wording."""
    drawn = {"shuffled", "wrong"} if len(world.goals) < 2 else set()
    worded = {k for k in ("paraphrased", "held-out") if not any(_others(k, goal, world.goals) for goal in world.goals)}
    return [kind for kind in KINDS if kind not in drawn | worded]


def ablate(
    run: Run,
    episodes: int = 200,
    tasks: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Rows {task, instruction, success, low, high, n} of tasks (none: all), by the policy as its own stage left it.

    The episodes are those of the run's evaluations, with deterministic actions; low and high a 95 % Wilson interval.
    A run that was not told sentences has one row a task, which says what it was told (AS_LEARNT). Raises RunError.
    """
    made, learnt = actors.curriculum_of(run), actors.stages(run)
    names = [stage.task for stage in made.stages]
    for task in tasks:
        if registry.full(task) not in names:
            raise registry.nearest(task, [*dict.fromkeys(names)], f"task in {made.name}")
    rows = []
    for i, stage in enumerate(made.tasks):
        if tasks and stage.task not in map(registry.full, tasks):
            continue
        after = [j for j in learnt if run.settings["regime"] == "joint" or names[j] == stage.task]
        if after:
            other = made.tasks[(i + 1) % len(made.tasks)].task
            rows += _of_task(run, stage, *actors.load(run, after[-1], stage.task), other, episodes, tell)
    return rows


def shipped(task: str, episodes: int = 200, tell: Callable[[str], None] = lambda _: None) -> list[dict[str, Any]]:
    """As ablate, of the policy that ships for a task. Raises ValueError where none does (UnknownName: no such task)."""
    task = registry.spec(task).id
    if (found := policies.load(task)) is None:
        raise ValueError(f"no policy ships for {task}; learn one (ludus run {task}) and name its folder")
    single, act, about = found
    run = policies.run_of(about)
    stage = next(s for s in actors.curriculum_of(run).tasks if s.task == task)
    return _of_task(run, stage, single, act, task, episodes, tell)


def _of_task(
    run: Run, stage: Stage, single: World, act: actors.Act, other: str, episodes: int, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """single: one copy of the task, which is closed here; other: the task whose goal is told instead."""
    rows = []
    for row in _told_otherwise(run, stage, single, act, other, episodes):
        tell(f"{row['task']}, {row['instruction']}: {row['success']:.2f}")
        rows.append(row)
    single.close()
    return rows


def _told_otherwise(
    run: Run, stage: Stage, single: World, act: actors.Act, other: str, episodes: int
) -> Iterator[dict[str, Any]]:
    made, input = actors.curriculum_of(run), run.settings["input"]
    if other == stage.task:
        other = next(t for t in ELSEWHERE if t != stage.task)
    with contextlib.closing(registry.make(other)) as elsewhere:
        foreign = elsewhere.goal.text
    teller = speaking.instructor(run)
    for kind in kinds(single) if input == "instructed" else ["true"]:
        told = Retold(kind, speaking.remembering(run, teller), ENCODERS[made.encoder](made.words), single, foreign)
        name = kind if input == "instructed" else AS_LEARNT[input]
        yield {"task": stage.task, "instruction": name} | tried(run, stage, act, told.instruct, told.encode, episodes)


def tried(
    run: Run, stage: Stage, act: actors.Act, instruct: Instruct, encode: Encode | None, episodes: int
) -> dict[str, Any]:
    """success, low, high and n of a policy of the run in a stage's task, told so."""
    world = actors.world(run, stage.task, episodes, encode=encode, instruct=instruct)
    success = evaluation.evaluate(world, _afresh(act))["success"]
    world.close()
    low, high = wilson(round(success * episodes), episodes)
    return {"success": success, "low": round(low, 4), "high": round(high, 4), "n": episodes}


def _afresh(act: actors.Act) -> actors.Act:
    """The policy, told at its first step that episodes begin: what it remembers of others goes."""
    steps = itertools.count()

    def acting(obs: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        first = next(steps) == 0
        return act(obs, masks, np.full(len(obs), first)) if getattr(act, "remembers", False) else act(obs, masks)

    return acting


def sensitivity(rows: Sequence[dict[str, Any]], to: str = "wrong") -> dict[str, float]:
    """instruction_sensitivity: task -> success with true instructions minus that with those of another kind."""
    score = {(row["task"], row["instruction"]): row["success"] for row in rows}
    return {task: s - score[task, to] for (task, kind), s in score.items() if kind == "true" and (task, to) in score}


def write(run: Run, rows: Sequence[dict[str, Any]], name: str = ABLATIONS) -> Path:
    """Keep the rows in the run's folder, where the report finds them."""
    folder.write_json(run.folder / name, list(rows))
    return run.folder / name


def command(
    run: Annotated[Path, Argument(metavar="RUN", help="the folder of a run, or a task whose policy ships")],
    task: Annotated[list[str] | None, Option(help="only this one; may be repeated")] = None,
    episodes: Annotated[int, Option(help="of each task and kind of instruction", min=1, max=100_000)] = 200,
    whose: Annotated[
        bool, Option("--whose-forgetting", help="instead: old and new language model with old and new policy")
    ] = False,
    as_json: Annotated[bool, Option("--json", help="print JSON, for machines")] = False,
) -> None:
    """Try a policy with changed instructions: none, shuffled, wrong, of another task, in other words."""
    say = (lambda _: None) if as_json else typer.echo
    if not run.exists() and TASK.fullmatch(str(run)):
        if whose or task:
            raise ValueError(f"{run} is a task: --task and --whose-forgetting are for the folder of a run")
        _show(shipped(str(run), episodes, say), as_json)
        return
    if whose and task:
        raise ValueError("--whose-forgetting is about all tasks of a run at once: leave --task out")
    one = read_run(run)
    if whose:
        from . import attribution

        made = write(one, rows := attribution.two_by_two(one, episodes), ATTRIBUTION)
        typer.echo(json.dumps(rows, indent=1) if as_json else f"{attribution.told(rows)}\nrows: {made}")
        return
    rows = ablate(one, episodes, task or (), say)
    made = write(one, rows)
    _show(rows, as_json)
    say(f"rows: {made}")


def _show(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print(json.dumps(list(rows), indent=1))
        return
    for name, gap in sensitivity(rows).items():
        typer.echo(f"{name}: instruction_sensitivity {gap:+.2f} (true minus wrong)")
