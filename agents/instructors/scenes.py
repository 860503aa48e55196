"""Scenes of all families, told to an instructor and played by scripts: what it learns from, and how it is measured."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...envs import registry
from ...envs.core import World, Wrapper
from ...envs.instructions import Briefing, Instruct, Instruction
from ...envs.views.instructed import Instructed
from .oracles import Oracle, oracle

TRAIN, HELD_OUT = "train", "held-out"
SIDES = (TRAIN, HELD_OUT)
SHARE = 5  # one layout in so many is held out
LONG = {  # tasks whose goals are cut into steps: settings, and steps after which an instruction has timed out
    "ludus/Household-v0": ({"steps": (2, 8)}, 14),
    "ludus/PickPlace-v0": ({"pot": 1}, 45),
    "ludus/Stack-v0": ({}, 45),
    "ludus/LiftColour-v0": ({}, 40),
    "ludus/OpenDrawer-v0": ({}, 40),
    "ludus/FetchFromFridge-v0": ({}, 60),
    "ludus/CooperativePushBlock-v0": ({}, 40),
}  # fmt: skip
FAMILIES = {"mujoco": "robots", "unity": "games", "text": "text"}


def family(task: str) -> str:
    """ "robots", "games" or "text"."""
    return next((name for tag, name in FAMILIES.items() if tag in registry.spec(task).tags), "other")


def digest(text: str) -> int:
    """A number that stands for text, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def layout_side(layout: str) -> str:
    """Which side a start belongs to, by the hash of its description."""
    return HELD_OUT if digest(f"layout {layout}") % SHARE == 0 else TRAIN


def held_out_goals(goals: Sequence[Instruction]) -> frozenset[str]:
    """The combinations of objects kept from training: of several goals the quarter with the smallest hashes."""
    texts = sorted({f"{g.skill.name} {g.arguments}" for g in goals}, key=lambda t: digest(f"goal {t}"))
    return frozenset(texts[: max(1, len(texts) // 4)]) if len(texts) > 1 else frozenset()


def goal_sides(goals: Sequence[Instruction]) -> list[str | None]:
    """The side of each goal; None for a task's only goal, which both sides share."""
    if len(goals) == 1:
        return [None]
    held = held_out_goals(goals)
    return [HELD_OUT if f"{g.skill.name} {g.arguments}" in held else TRAIN for g in goals]


def wordings(goal: Instruction, side: str, extra: Mapping[str, Sequence[str]] = {}) -> list[str]:
    """How a goal may be said on a side; extra: more wordings for training, by the skill's name.

    Held out are the skill's own held-out wordings, and the last Chinese one where there are three or more.
    """
    chinese = list(goal.skill.chinese)
    spare = chinese[2:][-1:]
    if side == HELD_OUT:
        return [goal.phrase(w) for w in (*goal.skill.held_out, *spare)] or [goal.text]
    kept = [w for w in chinese if w not in spare]
    more = [goal.phrase(w) for w in extra.get(goal.skill.name, ()) if _fits(w, goal)]
    return [goal.phrase(w) for w in (*goal.skill.wordings, *kept)] + more


def _fits(wording: str, goal: Instruction) -> bool:
    slots = {slot for slot, _ in goal.arguments}
    return all("{" + s + "}" in wording for s in slots) and wording.count("{") == len(slots)


@dataclasses.dataclass
class Example:
    """One briefing, and what the oracle would have said."""

    task: str
    briefing: Briefing
    answer: Instruction
    goal: Instruction
    copy: int
    layout: str = ""  # how the episode started, in words
    won: bool = False  # the episode was a success


@dataclasses.dataclass
class Played:
    """Episodes of a task, one a copy. steps: how many different instructions the oracle's way would take."""

    success: np.ndarray  # (n,) bool
    layouts: list[str]
    goals: np.ndarray  # (n,) int
    given: np.ndarray  # (n,) int: instructions asked for
    examples: list[Example]


class _Asking(Wrapper):
    """Notes for whom a briefing is made, and offers all instructions that its oracle can carry out."""

    def __init__(self, world: World, all_of_them: bool):
        super().__init__(world)
        self.spots: list[tuple[int, int]] = []
        self._feasible = [i for s in world.skills for i in s.instructions()] if all_of_them else None

    def describe(self, env: int, agent: str) -> str:
        self.spots.append((env, self.agents.index(agent)))
        return super().describe(env, agent)

    def feasible(self, env: int, agent: str) -> list[Instruction]:
        return super().feasible(env, agent) if self._feasible is None else self._feasible

    def taken(self) -> list[tuple[int, int]]:
        spots, self.spots = self.spots, []
        return spots


class Theatre:
    """Copies of a task, an oracle, and an instructor whose words the oracle's scripts carry out.

    meddle: share of the questions that are answered at random instead, so that mistakes are met as well.
    phrase: (goal, copy) -> how the copy's goal is worded.
    """

    def __init__(self, task: str, copies: int, **settings: Any):
        own, self.timeout = LONG.get(registry.full(task), ({}, None))
        self.task = registry.full(task)
        self.world = registry.make(task, copies, **{**own, **settings})
        self.oracle: Oracle = oracle(self.world)
        self.asking = _Asking(self.world, registry.full(task) in LONG)

    def play(
        self,
        instruct: Instruct | None,
        seeds: Sequence[int],
        phrase: Callable[[Instruction, int], str] | None = None,
        meddle: float = 0.0,
        draw: np.random.Generator | None = None,
        steps: int | None = None,
    ) -> Played:
        """One episode in every copy, or its first steps; instruct None: the oracle instructs."""
        world, n = self.world, self.world.num_envs
        draw = draw or np.random.default_rng(0)
        examples: list[Example] = []
        said: dict[int, str] = {}
        running = np.ones(n, bool)

        def asked(briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
            spots, right = self.asking.taken(), self.oracle.next()
            told = []
            for (env, k), briefing in zip(spots, briefings, strict=True):
                goal = world.aim_of(env)
                if phrase:
                    briefing = dataclasses.replace(briefing, goal=said.setdefault(env, phrase(goal, env)))
                told.append(Example(self.task, briefing, self._meant(right[env, k], goal), goal, env))
            if instruct is None:
                texts, states = [e.answer.text for e in told], list(states)
            else:
                texts, states = instruct([e.briefing for e in told], states)
            examples.extend(e for e, (env, _) in zip(told, spots, strict=True) if running[env])
            wrong = draw.random(len(texts)) < meddle
            for i in np.flatnonzero(wrong):
                texts[i] = str(draw.choice(list(told[i].briefing.feasible) or [texts[i]]))
            return list(texts), list(states)

        view = Instructed(self.asking, encode=_no_vector, instruct=asked, timeout=self.timeout)
        view.reset(np.arange(n), list(seeds))
        layouts = [" ".join(world.describe(i, a) for a in world.agents) for i in range(n)]
        success, goals = np.zeros(n, bool), world.aim.copy()
        for _ in range(min(world.max_episode_steps, steps or world.max_episode_steps)):
            told = [[self.oracle.understand(view.instruction(i, a)) for a in world.agents] for i in range(n)]
            step = view.step(self.oracle.act(np.array(told)))
            success |= running & step.done & step.info["success"]
            running &= ~step.done
            if not running.any():
                break
        success |= running & step.info["success"]
        examples = [dataclasses.replace(e, layout=layouts[e.copy], won=bool(success[e.copy])) for e in examples]
        return Played(success, layouts, goals, view.asked.sum(axis=1), examples)

    def _meant(self, place: int, goal: Instruction) -> Instruction:
        return self.oracle.vocabulary[place] if place >= 0 else goal

    def close(self) -> None:
        self.world.close()


def _no_vector(texts: Sequence[str]) -> np.ndarray:
    return np.zeros((len(texts), 1), np.float32)
