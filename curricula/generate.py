"""Curricula that nobody wrote: n different tasks of a family, drawn from a seed, with their diversity measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any

import numpy as np
import yaml

from ..agents.interface import outline, shape
from ..envs import registry
from ..envs.core import World
from . import baselines, reading
from .curriculum import Curriculum, Evaluation, Stage, Tier

STEPS = 100_000  # of every stage
ROWS = 120  # teams of one to six go into it evenly
LEFT_OUT = ("competitive", "needs-build")  # who wins there depends on who plays the others
SMOKE = Tier(steps=0.01, per_stage=1, episodes=2, last_episodes=2)
TIERS = {"full": Tier(), "small": Tier(steps=0.2, episodes=5, last_episodes=10), "smoke": SMOKE}


def generate(family: str, n: int, seed: int) -> Curriculum:
    """n stages, each another variant of a task of the family, the same ones for the same seed.

    Rounds through the tasks in an order of their own; each round draws another variant of every task, evenly among
    those that were not drawn. A variant is 'ludus/Name-v0#k', its settings from variants.yaml; where a task has several
    goals, any of them or one. Every variant is made once, and so is known to exist and to fit the body.
    Raises UnknownName for a family that is none; ValueError where it has fewer than n tasks.
    """
    if n < 1 or seed < 0:
        raise ValueError(f"a curriculum has a task at least and a seed from 0, not {n} and {seed}")
    stages = _drawn(family, n, np.random.default_rng(seed))
    body = shape([outline(s.task, s.settings) for s in stages])
    return Curriculum(
        name=f"{family}-{n}-{seed}",
        about=f"{n} tasks of {family}, drawn with seed {seed}; as different as {diversity(stages):.1f} tasks that have "
        "nothing in common (Vendi score).",
        observation=body.observation,
        action=body.action,
        words=64,
        evaluation=Evaluation(per_stage=1, episodes=10, last_episodes=20),
        stages=stages,
        algorithms=_algorithms(),
        tiers=TIERS,
    )


def parse(text: str) -> tuple[str, int, int]:
    """(family, n, seed) of 'robots:100:0'. Raises ValueError."""
    family, *numbers = text.split(":")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise ValueError(f"{text!r} is not FAMILY:TASKS:SEED, such as robots:100:0")
    return family, int(numbers[0]), int(numbers[1])


def written(curriculum: Curriculum) -> str:
    """The curriculum as YAML, which curriculum.load reads back as it is."""
    content = json.loads(curriculum.model_dump_json(exclude_defaults=True))  # no two values are one object: no aliases
    return yaml.safe_dump(content, sort_keys=False, width=120)


def diversity(stages: Sequence[Stage]) -> float:
    """The Vendi score: as how many tasks without anything in common these count, from 1 to their number.

    exp of the entropy of the eigenvalues of K / n (Friedman & Dieng 2023, "The Vendi Score", definition 3.1), where
    K[i, j] is the mean of two likenesses of stages i and j, each 1 at most and 1 with itself: the share of their tags
    that both have (Jaccard), and, for variants of one task (else 0), the mean likeness of their settings: 1 - |x - y|
    / range for numbers (Gower 1971), or whether they are the same.
    """
    tags = [set(registry.spec(s.task).tags) for s in stages]
    shared = np.array([[len(a & b) / len(a | b) for b in tags] for a in tags])
    values = np.linalg.eigvalsh((shared + _likeness(stages)) / 2 / len(stages))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def _likeness(stages: Sequence[Stage]) -> np.ndarray:
    """(n, n) mean likeness of settings; 0 between tasks."""
    tasks = np.array([s.task.partition("#")[0] for s in stages])
    alike = np.zeros((len(stages), len(stages)))
    for task in dict.fromkeys(tasks):
        of = np.flatnonzero(tasks == task).tolist()
        names = sorted({name for i in of for name in stages[i].settings})
        each = [_alike([stages[i].settings.get(name) for i in of]) for name in names] or [np.ones((len(of),) * 2)]
        alike[np.ix_(of, of)] = np.mean(each, axis=0)
    return alike


def _alike(values: Sequence[Any]) -> np.ndarray:
    if all(type(v) in (int, float) for v in values):
        numbers = np.array(values, float)
        return 1 - np.abs(numbers[:, None] - numbers) / (np.ptp(numbers) or 1)
    return np.array([[float(a == b) for b in values] for a in values])


def _drawn(family: str, n: int, chance: np.random.Generator) -> tuple[Stage, ...]:
    families, own = _table()
    if family not in families:
        raise registry.nearest(family, families, "family")
    ids = [i for i in registry.ids(families[family]["tag"]) if not set(LEFT_OUT) & set(registry.spec(i).tags)]
    left = {ids[k]: _variants(ids[k], families[family]["settings"] | own.get(ids[k], {}), chance)
            for k in chance.permutation(len(ids))}  # fmt: skip
    stages: list[Stage] = []
    while left and len(stages) < n:
        for id in list(left)[: n - len(stages)]:
            if (stage := next(left[id], None)) is None:
                del left[id]
            else:
                stages.append(stage)
    if len(stages) < n:
        raise ValueError(f"{family} has {len(stages)} different tasks; {n} were asked for")
    return tuple(stages)


def _variants(id: str, settings: dict[str, list[Any]], chance: np.random.Generator) -> Iterator[Stage]:
    """All variants of a task, in an order that is drawn."""
    goals = [goal.text for goal in _made(id).goals] if "choice" in registry.spec(id).tags else []
    settings = settings | ({"goal": [None, *goals]} if goals else {})
    sizes = [len(values) for values in settings.values()]
    for k, drawn in enumerate(chance.permutation(int(np.prod(sizes))), start=1):
        places = np.unravel_index(drawn, sizes) if sizes else ()
        chosen = {name: values[int(i)] for (name, values), i in zip(settings.items(), places, strict=True)}
        yield Stage(task=f"{id}#{k}", steps=STEPS, settings=_nested({s: v for s, v in chosen.items() if v is not None}))


def _nested(settings: dict[str, Any]) -> dict[str, Any]:
    """'parameters.scale: 2' as 'parameters: {scale: 2}'."""
    nested: dict[str, Any] = {}
    for name, value in settings.items():
        outer, _, inner = name.partition(".")
        if inner:
            nested.setdefault(outer, {})[inner] = value
        else:
            nested[outer] = value
    return nested


def _made(id: str) -> World:
    world = registry.make(id)
    world.close()
    return world


def _table() -> tuple[dict[str, Any], dict[str, dict[str, list[Any]]]]:
    data, _ = reading.read(resources.files(str(__package__)) / "variants.yaml", "the table of variants")
    return data["families"], data["tasks"]


def _algorithms() -> dict[str, Any]:
    """As tasks alone are learnt, in batches that divide what these rows gather."""
    shared, _ = baselines.table()
    sizes = {"ppo": 500, "maskable-ppo": 480}
    return {a: shared[a].model_copy(update={"rows": ROWS, "settings": shared[a].settings | {"batch_size": size}})
            for a, size in sizes.items()}  # fmt: skip
