"""Who instructs, by name."""

from collections.abc import Mapping
from typing import Any

from ...envs import registry
from .fixed import Fixed
from .instructor import Instructor
from .language_model import LanguageModel
from .script import Script

INSTRUCTORS: dict[str, type[Instructor]] = {"fixed": Fixed, "script": Script, "language-model": LanguageModel}


def find(name: str) -> type[Instructor]:
    """The class of that name, or somebody's own by 'module:Class'. Raises UnknownName, ValueError for what is none."""
    if ":" not in name:
        if name not in INSTRUCTORS:
            raise registry.nearest(name, list(INSTRUCTORS), "instructor")
        return INSTRUCTORS[name]
    if not (isinstance(kind := registry.load(name), type) and callable(getattr(kind, "instruct", None))):
        raise ValueError(
            f"{name!r} is no instructor: a class whose instruct(briefings, states) gives sentences, states"
        )
    return kind


def make(name: str, speaker: Mapping[str, Any] | None = None) -> Instructor:
    """An instructor by its name, or by 'module:Class'; speaker: what is said of a language model (speakers.settled)."""
    from .speakers import opened

    return find(name)(**opened(speaker or {}))
