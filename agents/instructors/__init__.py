"""Who instructs, by name."""

from collections.abc import Mapping
from typing import Any

from .fixed import Fixed
from .instructor import Instructor
from .language_model import LanguageModel
from .script import Script

INSTRUCTORS: dict[str, type[Instructor]] = {"fixed": Fixed, "script": Script, "language-model": LanguageModel}


def make(name: str, speaker: Mapping[str, Any] | None = None) -> Instructor:
    """An instructor by its name; speaker: what is said of a language model (speakers.settled)."""
    from .speakers import opened

    return INSTRUCTORS[name](**opened(speaker or {}))
