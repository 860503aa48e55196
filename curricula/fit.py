"""Whether what a curriculum names exists and fits together: tasks, their settings, widths, algorithms, methods."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

from ..envs import registry
from .curriculum import Curriculum, Stage
from .reading import Misfit


def check_fit(curriculum: Curriculum) -> None:
    """Make one copy of every task. Raises Misfit, a ValueError that says where, for what is unknown or does not fit."""
    from ..agents.interface import shape, widths

    for name, given in curriculum.algorithms.items():
        _algorithm(name, given.settings)
    for name, given in curriculum.methods.items():
        _method(name, given)
    worlds = [_outlined(curriculum.stages.index(stage), stage) for stage in curriculum.tasks]
    try:
        kind = shape(worlds, curriculum.actions, curriculum.bins).actions
    except ValueError as error:
        raise Misfit(("actions",) if "actions" in str(error) else ("stages",), str(error)) from None
    for stage, world in zip(curriculum.tasks, worlds, strict=True):
        for field, needs in zip(("observation", "action"), widths(world, kind, curriculum.bins), strict=True):
            if needs > (given := getattr(curriculum, field)):
                raise Misfit((field,), f"{stage.task} needs a width of {needs}; {given} given")


def _outlined(index: int, stage: Stage) -> Any:
    """One copy of a stage's task as the interface sees it; a fault is told at the field that holds it."""
    from ..agents.interface import outline

    field = None
    try:
        world = outline(stage.task, stage.settings, stage.partners)
        field = "training"
        if stage.training:
            outline(stage.task, {**stage.settings, **stage.training}, stage.partners)
    except (ValueError, TypeError) as error:
        field = field or ("partners" if _can_be_made(stage) else "settings")
        raise Misfit(("stages", index, field), " ".join(str(error).split())) from None
    return world


def _can_be_made(stage: Stage) -> bool:
    """Whether a stage's task is fine by itself, so that a fault is its partners'."""
    try:
        registry.make(stage.task, 1, **stage.settings).close()
    except (ValueError, TypeError):
        return False
    return True


def _algorithm(name: str, settings: Mapping[str, Any]) -> None:
    from ..agents import networks, outsider
    from ..agents.algorithms import ALGORITHMS

    where = ("algorithms", name)
    if ":" in name:  # an agent of somebody's own: its code is looked at where one allows it
        return
    if name in outsider.BUILT_IN:
        return _settings(where, settings, outsider.defaults(outsider.load(name)), name)
    if name not in ALGORITHMS:
        raise Misfit(where, str(registry.nearest(name, [*ALGORITHMS, *outsider.BUILT_IN], "algorithm")))
    _settings(where, settings, _defaults(ALGORITHMS[name].build), name)
    try:
        networks.check(settings)
    except ValueError as error:
        raise Misfit((*where, "settings", "policy_kwargs"), str(error)) from None


def _method(key: str, settings: Mapping[str, Any]) -> None:
    from ..agents.methods import METHODS
    from ..agents.team.league import League
    from ..agents.team.teams import TEAMS

    known = {**METHODS, **TEAMS, "league": League}
    name = key.partition("@")[0]
    if ":" in name:
        return
    if name not in known:
        raise Misfit(("methods", key), str(registry.nearest(name, list(known), "method")))
    _settings(("methods", key), settings, _defaults(known[name]), name, inside=())


def _defaults(kind: Any) -> dict[str, Any]:
    return {k: p.default for k, p in inspect.signature(kind).parameters.items()}


def _settings(
    where: tuple, given: Mapping[str, Any], known: Mapping[str, Any], name: str, inside: tuple = ("settings",)
) -> None:
    """Every key is known, and its value one that it can have."""
    for key, value in given.items():
        at = (*where, *inside, key)
        if key not in known:
            raise Misfit(at, str(registry.nearest(key, list(known), f"setting of {name}")))
        if wrong := unfit(key, value, known[key]):
            raise Misfit(at, wrong)


SHARES = frozenset((
    "share", "alpha", "decay", "latest", "shrink", "gamma", "gae_lambda", "tau",
    "exploration_fraction", "exploration_initial_eps", "exploration_final_eps",
))  # fmt: skip
LEAST = {"learning_starts": 0, "gradient_steps": -1, "sde_sample_freq": -1, "verbose": 0}  # of whole ones; else 1
BROKEN = frozenset(("max_grad_norm",))  # a whole number by itself, which need not be one


def unfit(key: str, value: Any, usual: Any) -> str:
    """What is wrong with a setting whose own value is usual; "" where nothing is, or nobody knows.

    Counts are whole and 1 or more, or 0 where that is their own; other numbers 0 or more, and shares 1 at most.
    """
    if isinstance(usual, bool):
        return "" if isinstance(value, bool) else f"must be true or false, not {value!r}"
    if not isinstance(usual, int | float):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {value!r}"
    if isinstance(usual, int) and key not in BROKEN:
        least = LEAST.get(key, min(usual, 1))
        right = isinstance(value, int) and value >= least
        return "" if right else f"must be a whole number, {least} or more, not {value!r}"
    if key in SHARES:
        return "" if 0 <= value <= 1 else f"must be a number from 0 to 1, not {value!r}"
    return "" if 0 <= value < math.inf else f"must be a number, 0 or more, not {value!r}"
