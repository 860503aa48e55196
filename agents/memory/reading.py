"""Reads a world's description, English or Chinese, as facts and links: who, what, where; skips what it cannot read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

LONGEST = 60  # characters of a name, 120 of a value: what is longer is prose, and prose is not kept
IN = "in"
_MEASURED = re.compile(r"\d+(\.\d+)? ?(cm|m|degrees|m/s)\b")  # changes from step to step
_SENTENCES = re.compile(r"(?<=[.。;；])\s*")
_ABOUT_NOTHING = {"it", "nothing", "from here you", "your hands", "here", "to you they", "现在"}


class Fact(NamedTuple):
    """who, what: what is said of whom; the latest value counts."""

    who: str
    what: str
    value: str


class Link(NamedTuple):
    """An edge of the graph. how IN is a place, of which everything has one; others are kept side by side."""

    who: str
    how: str
    whom: str


class Scene(NamedTuple):
    """What a description says. places: what is seen with all that it holds, so that older links to it are void."""

    facts: list[Fact]
    links: list[Link]
    places: list[str]


class _Reader:
    """Reads sentence by sentence; remembers where one is and of whom `they` speaks."""

    def __init__(self) -> None:
        self.scene = Scene([], [], [])
        self.here, self.person = "", "they"

    def link(self, who: str, how: str, whom: str) -> None:
        if who and whom:
            self.scene.links.append(Link(who, how, whom))

    def room(self, room: str) -> None:
        self.here = room
        self.scene.facts.append(Fact("you", "are in", room))

    def furniture(self, place: str, things: str | None) -> None:
        self.link(place, IN, self.here)
        if things is not None:  # what is shut may hold anything
            self.scene.places.append(place)
        for thing in _listed(things or ""):
            self.link(thing, IN, place)

    def floor(self, things: str) -> None:
        for thing in _listed(things):
            self.link(thing, IN, self.here)

    def held(self, thing: str) -> None:
        self.link(thing, IN, "your hands")

    def present(self, person: str) -> None:
        self.person = person
        self.link(person, IN, self.here)

    def pleased(self, thing: str) -> None:
        self.link(self.person, "likes", thing)

    def displeased(self, thing: str) -> None:
        self.link(self.person, "does not like", thing)

    def wish(self, topic: str, thing: str) -> None:
        self.scene.facts.append(Fact(self.person, f"likes as {topic}", thing))
        self.pleased(thing)

    def told(self, source: str, text: str) -> None:
        """What somebody says of something is a fact about the one who says it."""
        if found := _CLAUSE.fullmatch(text) or _CLAUSE_ZH.fullmatch(text):
            who, verb, value = (part.strip() for part in found.groups())
            self.fact(source, f"says of {_bare(who)}", f"{verb} {value}")

    def fact(self, who: str, verb: str, value: str) -> None:
        who, value = _bare(who), ", ".join(v for v in value.split(", ") if not _MEASURED.search(v))
        if value and len(who) <= LONGEST and len(value) <= 2 * LONGEST and who.lower() not in _ABOUT_NOTHING:
            self.scene.facts.append(Fact(who, verb, value))


_CLAUSE = re.compile(r"(?:before, |you know that )?(.{1,60}?) (is|are|has|have|had|was|were) (.+)", re.IGNORECASE)
_CLAUSE_ZH = re.compile(r"(?:先前|你知道)?([^：，]{1,20}?)(在|是|有)(.+)")
_RULES: list[tuple[re.Pattern[str], Callable[..., None]]] = [
    (re.compile(pattern, re.IGNORECASE), rule)
    for pattern, rule in [
        (r"you are in the (.+)|你在(.+)", _Reader.room),
        (r"there is the ([^:(]+?)(?: \((?:closed|shut)\))", lambda r, place: r.furniture(place, None)),
        (r"there is the ([^:(]+)(?:: (.+) in it)?", lambda r, place, things="": r.furniture(place, things)),
        (r"这里有([^：（]+)（关着）", lambda r, place: r.furniture(place, None)),
        (r"这里有([^：（]+)(?:：里面有(.+))?", lambda r, place, things="": r.furniture(place, things)),
        (r"on the floor: (.+)|地上有：(.+)", _Reader.floor),
        (r"you hold the (.+)|你拿着(.+)", _Reader.held),
        (r"(\S+) is here|(?:.+，)?(\S+?)(?:在这里|来了)", _Reader.present),
        (r"they are pleased with the (.+)|他们喜欢送来的(.+)", _Reader.pleased),
        (r"they do not like the (.+)|他们不喜欢送来的(.+)", _Reader.displeased),
        (r"of the (.+?)s they like the (.+) today|关于(.+)，他们今天喜欢(.+)", _Reader.wish),
        (r"(.{1,40}?) says: (.+)|(.{1,20}?)(?:说|上写着)：(.+)", _Reader.told),
        (r"(.{1,40}?) (?:likes) (.+)", lambda r, who, what: r.fact(who, "likes", what)),
        (_CLAUSE.pattern, _Reader.fact),
        (_CLAUSE_ZH.pattern, _Reader.fact),
    ]
]


def read(text: str) -> Scene:
    """What a description, or a message, says; sentences of no known form say nothing."""
    reader = _Reader()
    for sentence in _SENTENCES.split(text):
        plain = sentence.strip(" .。;；")
        for pattern, rule in _RULES:
            if found := pattern.fullmatch(plain):
                rule(reader, *(g for g in found.groups() if g is not None))
                break
    return reader.scene


def _listed(things: str) -> list[str]:
    return [_bare(t) for t in re.split(r", |、", things) if t.strip()]


def _bare(name: str) -> str:
    return re.sub(r"^(the|a|an) ", "", name.strip(), flags=re.IGNORECASE)
