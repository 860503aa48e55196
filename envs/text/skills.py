"""Skills worded by the verbs of the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..instructions import Check, Skill
from .lexicon import Lexicon


def skill(verb: str, slots: Mapping[str, Sequence[str]], lexicon: Lexicon, achieved: Check, progress: Check) -> Skill:
    """The skill that is said as a verb of assets/text/verbs.yaml, with the nouns that fit its slots."""
    said = lexicon.verbs[verb]
    names = {noun: lexicon.word(noun, "zh") for nouns in slots.values() for noun in nouns}
    english, held_out, chinese = (tuple(said[key]) for key in ("en", "held_out", "zh"))
    fitting = {slot: tuple(nouns) for slot, nouns in slots.items()}
    return Skill(verb, english, achieved, progress, held_out, chinese, fitting, names)
