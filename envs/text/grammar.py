"""Sentences to commands, in English and Chinese: wordings, synonyms, pronouns, and plain answers to the rest.

Time is bounded: a sentence is cut to LONGEST characters, then held against a fixed list of patterns.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata

from .table import Command, Table

LONGEST = 160
_PRONOUNS = {"en": ("it", "that", "this", "them", "one"), "zh": ("它们", "它", "这个", "那个")}
_ARTICLES = re.compile(r"\b(?:the|an|a|some|my|your)\b")
_POLITE = re.compile(r"^(?:please |could you |can you |i |now |then |请你|请|我想|我要|我)+|(?: please| now)+$")
_MARKS = re.compile(r"[\s.,;:!?'\"`“”‘’。，；：！？、()\[\]<>]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclasses.dataclass(frozen=True)
class Meant:
    """What a sentence means: a command's number, or None and why not; the noun that "it" stands for from now on."""

    command: int | None
    answer: str = ""
    referent: str | None = None


def language(text: str) -> str:
    """The language to answer in: "zh" where there is a Chinese character near the beginning."""
    return "zh" if _CHINESE.search(text[:LONGEST]) else "en"


def plain(text: str) -> str:
    """A sentence without marks, articles, politeness and case, cut to LONGEST characters."""
    text = unicodedata.normalize("NFKC", text[:LONGEST])[:LONGEST].lower()
    text = "".join(c if c.isprintable() else " " for c in text)
    words = _MARKS.sub("" if _CHINESE.search(text) else " ", text).strip()
    words = _POLITE.sub("", words)
    return " ".join(_ARTICLES.sub(" ", words).split())


class Grammar:
    """Understands the commands of a table in every wording, held-out ones too."""

    def __init__(self, table: Table):
        self.table, self.lexicon = table, table.lexicon
        self._patterns = [
            (verb, re.compile(_pattern(wording)))
            for verb in table.names
            for key in ("en", "held_out", "zh")
            for wording in self.lexicon.verbs[verb][key]
        ]
        self._nouns = {plain(n): noun for noun in self.lexicon.words for n in self.lexicon.names(noun)}

    def parse(self, text: str, referent: str | None = None) -> Meant:
        """What text means, where "it" stands for referent. Never raises for a string."""
        said, tongue = plain(text), language(text)
        if not said:
            return Meant(None, self.lexicon.say("nothing", tongue), referent)
        failures: list[Meant] = []
        for verb, pattern in self._patterns:
            if match := pattern.fullmatch(said):
                meant = self._resolve(verb, match.groupdict(), referent, tongue)
                if meant.command is not None:
                    return meant
                failures.append(meant)
        if failures:
            return failures[0]
        return Meant(None, self.lexicon.say("no_verb", tongue), referent)

    def _resolve(self, verb: str, said: dict[str, str], referent: str | None, tongue: str) -> Meant:
        nouns: list[tuple[str, str]] = []
        last = referent
        for slot, fitting in self.table.verbs[verb].items():
            word = said[slot].strip()
            noun = referent if word in _PRONOUNS[tongue] else self._nouns.get(word)
            if noun is None:
                why = "no_referent" if word in _PRONOUNS[tongue] else "no_noun"
                return Meant(None, self.lexicon.say(why, tongue, word=word), referent)
            if noun not in fitting:
                word = self.lexicon.word(noun, tongue)
                return Meant(None, self.lexicon.say("no_sense", tongue, word=word), noun)
            nouns.append((slot, noun))
            last = nouns[0][1]
        return Meant(self.table.index[Command(verb, tuple(nouns))], "", last)


def _pattern(wording: str) -> str:
    """A wording as a regular expression with a group a slot, without what plain() takes out of sentences."""
    slots = re.split(r"\{(\w+)\}", wording)
    tight = _CHINESE.search(wording) is not None
    parts = []
    for i, part in enumerate(slots):
        if i % 2:
            parts.append(f"(?P<{part}>.+)" if tight else rf"(?P<{part}>\S.*)")
        else:
            fixed = " ".join(_ARTICLES.sub(" ", _POLITE.sub("", part.lower()) if i == 0 else part).split())
            parts.append(re.escape(fixed if not tight else fixed.replace(" ", "")))
    if tight:
        return "".join(parts)
    return " ".join(p for p in parts if p)
