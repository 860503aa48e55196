"""Names to worlds, lazily: a name points to a string until someone makes it."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import gymnasium
import numpy as np

from .core import World, Wrapper

NAMESPACE = "ludus"
COMMON = {"max_episode_steps", "messages", "mute"}  # settings of every id
_WRONG = re.compile(r"(?:unexpected keyword|multiple values for(?: keyword)?) argument '(\w+)'")
_MOST = 300  # characters of a list of names in a message


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
    if "/" not in id:
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
    all_of_them = ", ".join(sorted(names)) or "nothing"
    if len(all_of_them) > _MOST:
        all_of_them = all_of_them[:_MOST].rpartition(",")[0] + f" and more, {len(names)} in all"
    hint = f"did you mean {', '.join(near)}?" if near else f"there is: {all_of_them}"
    return UnknownName(f"no {kind} {name!r}; {hint}")


def full(id: str) -> str:
    """The id with its namespace: 'Lift-v0' is 'ludus/Lift-v0'."""
    return id if "/" in id or ":" in id else f"{NAMESPACE}/{id}"


def spec(id: str) -> TaskSpec:
    """The spec of a registered id, or of a user's own 'module:callable'. Raises UnknownName.

    What stands behind '#' tells variants of one task apart, and nothing else: 'Lift-v0#heavy' is built as Lift-v0 is.
    """
    id, _, variant = full(id).partition("#")
    if id not in _SPECS and ":" not in id:
        raise nearest(id, _SPECS, "task")
    found = _SPECS.get(id) or TaskSpec(id, id)
    return dataclasses.replace(found, id=f"{id}#{variant}") if variant else found


def ids(*tags: str) -> tuple[str, ...]:
    """The registered ids that carry all of the tags, in the catalogue's order. Raises UnknownName for a tag of none."""
    known = {t for s in _SPECS.values() for t in s.tags} if tags else set()
    for tag in tags:
        if tag not in known:
            raise nearest(tag, sorted(known), "tag")
    return tuple(i for i, s in _SPECS.items() if set(tags) <= set(s.tags))


def tags() -> tuple[str, ...]:
    return tuple(sorted({t for s in _SPECS.values() for t in s.tags}))


def load(entry_point: str) -> Any:
    """What 'module:name' names. Raises UnknownName if it is not there.

    Somebody's own module is looked for where Python looks, and then in the folder one stands in.
    """
    module, _, name = entry_point.partition(":")
    if not module.startswith((".", "ludus.")) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # behind all else: a file there hides no module
    try:
        return getattr(importlib.import_module(module, __package__), name)
    except (ImportError, AttributeError) as error:
        raise UnknownName(f"cannot load {entry_point!r}: {error}") from error


def forwards(to: type | Callable[[Mapping[str, Any]], Iterable[type]]) -> Callable[[Any], Any]:
    """Say of an entry point who takes its **settings, for the error that a wrong one gets.

    to: a class, or a function from the settings to the classes.
    """

    def mark(build: Any) -> Any:
        build.forwards = to
        return build

    return mark


def _unknown(id: str, build: Any, settings: Mapping[str, Any], wrong: str) -> UnknownName:
    """The error for a setting that build does not take: the nearest of those that it does, itself or by a class."""
    names = _named(build) if not isinstance(build, type) else set()
    to = build if isinstance(build, type) else getattr(build, "forwards", None)
    for kind in () if to is None else (to,) if isinstance(to, type) else to(settings):
        for each in (c for c in kind.__mro__ if "__init__" in vars(c)):
            names |= _named(each.__init__)
    names -= {"self", "num_envs", "args", "kwargs", wrong}
    task = re.sub(r"-v\d+$", "", id.partition("#")[0].rpartition("/")[2])
    return nearest(wrong, sorted(names | COMMON), f"setting of {task}")


def _named(build: Any) -> set[str]:
    """The names that a function has standard values for, none where it is not written in Python."""
    try:
        return {p.name for p in inspect.signature(build).parameters.values() if p.default is not p.empty}
    except (TypeError, ValueError):
        return set()


def make(
    id: str | World,
    num_envs: int = 1,
    max_episode_steps: int | None = None,
    messages: int = 0,
    mute: bool = False,
    **settings: Any,
) -> World:
    """num_envs copies of task id; settings override the catalogue's. A World is returned as it is.

    max_episode_steps: how long an episode may be; None leaves it to the task.
    messages: width of what agents tell each other, 0 for silence; mute: nothing is heard (views.messages).
    Raises UnknownName for an unknown id, ValueError for an unknown or wrong setting.
    """
    if isinstance(id, World):
        if settings or messages or mute or max_episode_steps is not None:
            raise ValueError(f"{id.id}: settings are for ids; this world is made already")
        return id
    for name, number in {"num_envs": num_envs, "max_episode_steps": max_episode_steps}.items():
        if number is not None and (not isinstance(number, (int, np.integer)) or number < 1):
            raise ValueError(f"{name} must be a whole number from 1, not {number!r}")
    task = spec(id)
    build = load(task.entry_point)
    if isinstance(build, type) and World not in build.__mro__:
        raise ValueError(
            f"{task.entry_point}: this must be called as (num_envs=…, **settings) and return a World, "
            f"but {build.__name__} is a class of something else: name a function that makes the world"
        )
    given = copy.deepcopy(dict(task.settings)) | settings
    try:
        world = build(num_envs=num_envs, **given)
    except TypeError as error:
        wrong = _WRONG.search(str(error))
        if wrong and wrong[1] in given:
            raise _unknown(task.id, build, given, wrong[1]) from None
        if "takes no arguments" in str(error):
            raise ValueError(f"{task.id} does not take these settings: {', '.join(settings)}") from error
        raise
    if messages:
        from .views.messages import Messages

        world.id = task.id
        world = Messages(world, messages, mute)
    world.max_episode_steps = max_episode_steps or world.max_episode_steps
    layer = world
    while True:
        layer.id = task.id
        if not isinstance(layer, Wrapper):
            return world
        layer = layer.world
