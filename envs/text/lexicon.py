"""The words of a world in two languages, and the YAML files that they and the world's data come from."""

from __future__ import annotations

import copy
import functools
import importlib.resources
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from .. import registry

LANGUAGES = ("en", "zh")
_ASSETS = importlib.resources.files("ludus.assets") / "text"


def read(name: str, **sections: type) -> dict[str, Any]:
    """The data of a world: a name under assets/text, or the path of a YAML file of one's own.

    A file's `base` names another whose sections it replaces, section by section; words are added.
    sections: those that there must be, and whether each is a dict, a list, a str or an int.
    Raises ValueError that names the file and the section for what is not so, UnknownName for an unknown name.
    """
    data = _merged(str(name), ())
    for section, kind in sections.items():
        if section not in data:
            raise ValueError(f"{name}: the section {section!r} is missing; there is {', '.join(data)}")
        if not isinstance(data[section], kind):
            raise ValueError(f"{name}: {section}: must be a {kind.__name__}, not {data[section]!r}")
    return data


def _merged(name: str, above: tuple[str, ...]) -> dict[str, Any]:
    if name in above:
        raise ValueError(f"{name}: a file cannot be its own base: {' → '.join((*above, name))}")
    data = copy.deepcopy(_load(name))
    if "base" in data:
        base = _merged(str(data.pop("base")), (*above, name))
        if not isinstance(words := data.get("words", {}), dict):
            raise ValueError(f"{name}: words: must be a mapping from a noun to its other names, not {words!r}")
        data = base | data | {"words": base.get("words", {}) | words}
    return data


def _load(name: str) -> dict[str, Any]:
    own = name.endswith((".yaml", ".yml"))
    return _parsed(name, Path(name).read_text(encoding="utf-8")) if own else _shipped(name)


@functools.cache
def _shipped(name: str) -> dict[str, Any]:
    known = [f.name.removesuffix(".yaml") for f in _ASSETS.iterdir() if f.name.endswith(".yaml")]
    if name not in known:
        raise registry.nearest(name, known, "text world")
    return _parsed(name, (_ASSETS / f"{name}.yaml").read_text(encoding="utf-8"))


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{name}: not YAML: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"{name}: a text world is a mapping with sections, not {type(data).__name__}")
    return data


class Lexicon:
    """Nouns, and the phrases of verbs and answers.

    words: noun -> {"zh": the Chinese names, "also": other English ones}; the noun itself is the English name.
    Raises ValueError for a name that two nouns share.
    """

    def __init__(self, words: Mapping[str, Mapping[str, list[str]]]):
        self.words = words
        self.verbs, self.phrases = read("verbs"), read("phrases")
        self._meant: dict[str, str] = {}
        for noun in words:
            for name in self.names(noun):
                if self._meant.setdefault(name.lower(), noun) != noun:
                    raise ValueError(f"the name {name!r} stands for {self._meant[name.lower()]!r} and for {noun!r}")

    def names(self, noun: str) -> list[str]:
        """Every name of a noun, in both languages."""
        entry = self.words.get(noun) or {}
        return [noun, *entry.get("also", ()), *entry.get("zh", ())]

    def noun(self, name: str) -> str | None:
        """The noun that a name stands for."""
        return self._meant.get(name.lower())

    def word(self, noun: str, language: str = "en") -> str:
        """A noun's standard name."""
        if language == "en":
            return noun
        return ((self.words.get(noun) or {}).get("zh") or [noun])[0]

    def say(self, phrase: str, language: str = "en", **nouns: str) -> str:
        """An answer or a piece of a description; nouns are put into the language, other words stand as they are."""
        return self.phrases[phrase][language].format(**{k: self.word(v, language) for k, v in nouns.items()})

    def listed(self, nouns: Iterable[str], language: str = "en") -> str:
        return ("、" if language == "zh" else ", ").join(self.word(n, language) for n in nouns)
