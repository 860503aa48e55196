"""The page about the MuJoCo tasks, written from what the tasks say: python -m ludus.envs.mujoco.page > the page."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence

from .. import registry
from .task import Entry
from .world import MujocoWorld

INTRODUCTION = """# Robots

The tasks that MuJoCo simulates, each in a file of `envs/mujoco`. This page is written by
`python -m ludus.envs.mujoco.page` from what the tasks say about themselves.

An action is one number in [-1, 1] per column; what lies outside is clipped. Observations are float32, in the order of
the tables, clipped at the bound given. Rewards of arms lie between 0 and 1 a step before costs; robots that avoid are
paid for what they come nearer, and pay for what they lose again. An episode counts as a success if its goal is met at
its last step. A copy whose simulation breaks down ends as truncated, with `info["diverged"]`. Every task has a script
that solves it (`world.scripted()`).

Where "Goal" below lists several, an episode is about one of them, and nothing observed tells which: make such a task
with `gym.make(id, instructed=True)`, as in every view, and the instruction's vector stands behind the observation, in
columns that the tables leave out; or keep to one with `goal="…"`. `info["instruction"]` has the sentence.

Beside its own numbers every task has the settings `vary_mass`, `vary_friction`, `vary_gain`, `physics_drift`,
`latency`, `noise` (physics that varies and drifts), `demo_starts` and `demo_rate` (episodes that begin half-way),
`obs="rgb"` and `size` (pictures): see [physics.md](physics.md).
The pictures below are drawn by `python examples/picture.py docs/images`.
"""


def page() -> str:
    """The whole page, in Markdown."""
    return "\n".join([INTRODUCTION, *(section(id) for id in registry.ids("mujoco"))])


def section(id: str) -> str:
    """One task's part of the page."""
    world = registry.make(id)
    assert isinstance(world, MujocoWorld)
    task = world.task
    name = id.split("/")[1].split("-")[0]
    lines = [
        f"## {id}",
        "",
        f"![{name} in the middle of its script](../images/tasks/{name}.png)",
        "",
        _first(sys.modules[type(task).__module__].__doc__),
        "",
        _all(task),
        "",
    ]
    lines += [
        f"An episode takes {task.horizon} steps of {world.step_seconds:.2g} s. Agents: {_names(task.agents)}.",
        "",
    ]
    for group in world.groups:
        lines += ["Observation:", "", *_table(task.entries[group]), "", "Action:", "", *_table(task.actions[group]), ""]
    lines += [f"Reward: {_all(task.reward)}", ""]
    if "nearness" in _all(task.reward):
        lines += [f"Nearness: {_all(getattr(task, 'come', None))}", ""]
    lines += [f"Ends early: {_all(task.failure)}", ""]
    lines += [
        f"Goal: {' — or: '.join(goal.text for goal in task.goals)}.",
        "",
        "| skill | said | kept from training | Chinese |",
        "|---|---|---|---|",
    ]
    for skill in task.skills:
        said = (" · ".join(wordings) for wordings in (skill.wordings, skill.held_out, skill.chinese))
        lines += [f"| {skill.name} | {' | '.join(said)} |"]
    return "\n".join([*lines, ""])


def _table(entries: Sequence[Entry]) -> list[str]:
    rows, at = ["| columns | meaning | unit | bound |", "|---|---|---|---|"], 0
    for entry in entries:
        columns = str(at) if entry.width == 1 else f"{at} to {at + entry.width - 1}"
        rows.append(f"| {columns} | {entry.meaning} | {entry.unit} | {entry.bound:g} |")
        at += entry.width
    return rows


def _names(agents) -> str:
    return ", ".join(f"`{agent}`" for agent in agents)


def _first(text: str | None) -> str:
    return (text or "").strip().splitlines()[0]


def _all(thing) -> str:
    return " ".join((inspect.getdoc(thing) or "").split())


if __name__ == "__main__":
    print(page(), end="")
