"""Names to worlds, lazily: a name points to a string until someone makes it."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import gymnasium

from .core import World

NAMESPACE = "ludus"


class UnknownName(ValueError):
    """A name that nothing carries; the message offers the nearest."""


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """Where a task lives and how it is built.

    entry_point: "module:callable", called as callable(num_envs=…, **settings) -> World;
        a leading dot means relative to ludus.envs.
    """

    id: str
    entry_point: str
    tags: tuple[str, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


_SPECS: dict[str, TaskSpec] = {}


def register(id: str, entry_point: str, *tags: str, **settings: Any) -> None:
    """Add a task, here and with gymnasium. Raises ValueError if the id is taken or badly formed."""
    if id in _SPECS:
        raise ValueError(f"task {id!r} is already registered")
    if not id.startswith(f"{NAMESPACE}/") and "/" not in id:
        raise ValueError(f"task id {id!r} must look like 'namespace/Name-v0'")
    _SPECS[id] = TaskSpec(id, entry_point, tags, settings)
    package = __package__
    gymnasium.register(
        id,
        entry_point=f"{package}.views.gym:GymView",
        vector_entry_point=f"{package}.views.vector:make",
        kwargs={"world": id},
        disable_env_checker=True,  # it looks at one step and warns about batches; our tests look at all of them
    )


def nearest(name: str, names: Mapping[str, Any] | list[str], kind: str) -> UnknownName:
    """The error for a name that is not among names."""
    near = difflib.get_close_matches(name, list(names), n=3, cutoff=0.4)
    hint = f"did you mean {', '.join(near)}?" if near else f"there is: {', '.join(sorted(names)) or 'nothing'}"
    return UnknownName(f"no {kind} {name!r}; {hint}")


def full(id: str) -> str:
    """The id with its namespace: 'Lift-v0' is 'ludus/Lift-v0'."""
    return id if "/" in id or ":" in id else f"{NAMESPACE}/{id}"


def spec(id: str) -> TaskSpec:
    """The spec of a registered id, or of a user's own 'module:callable'. Raises UnknownName."""
    id = full(id)
    if id in _SPECS:
        return _SPECS[id]
    if ":" in id:
        return TaskSpec(id, id)
    raise nearest(id, _SPECS, "task")


def ids(*tags: str) -> tuple[str, ...]:
    """The registered ids that carry all of the tags, in the catalogue's order."""
    return tuple(i for i, s in _SPECS.items() if set(tags) <= set(s.tags))


def tags() -> tuple[str, ...]:
    return tuple(sorted({t for s in _SPECS.values() for t in s.tags}))


def load(entry_point: str) -> Any:
    """What 'module:name' names. Raises UnknownName if it is not there."""
    module, _, name = entry_point.partition(":")
    try:
        return getattr(importlib.import_module(module, __package__), name)
    except (ImportError, AttributeError) as error:
        raise UnknownName(f"cannot load {entry_point!r}: {error}") from error


def make(id: str | World, num_envs: int = 1, **settings: Any) -> World:
    """num_envs copies of task id; settings override the catalogue's. A World is returned as it is.

    Raises UnknownName for an unknown id, ValueError for an unknown or wrong setting.
    """
    if isinstance(id, World):
        return id
    if num_envs < 1:
        raise ValueError(f"num_envs must be at least 1, not {num_envs}")
    task = spec(id)
    build = load(task.entry_point)
    try:
        world = build(num_envs=num_envs, **(copy.deepcopy(dict(task.settings)) | settings))
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise ValueError(f"{task.id}: {str(error).split(') ')[-1].split('() ')[-1]}") from error
        raise
    world.id = task.id
    return world
