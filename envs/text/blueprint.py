"""What a house's file must say: sections of the right kind, names that there are, rooms that somebody can enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .. import registry
from .lexicon import LANGUAGES, read

SECTIONS = {
    "agents": dict, "rooms": list, "furniture": dict, "things": dict, "states": dict, "quests": list, "words": dict,
}  # fmt: skip
KINDS = {dict: "a mapping", list: "a list", str: "a word"}
SLOTS = {"open": ("place",), "put": ("thing", "place"), "serve": ("thing", "state", "place")}  # others: a thing


def read_house(name: str, **sections: type) -> dict[str, Any]:
    """lexicon.read, for a house. Raises ValueError that names the file and what is wrong in it."""
    data = read(name, **sections)
    try:
        check(data)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return data


def check(data: Mapping[str, Any]) -> None:
    """Raises ValueError that says where in the file something is missing, of a wrong kind, or of no such name."""
    for section, kind in SECTIONS.items():
        if section not in data:
            raise ValueError(f"a house needs the section {section!r}; it has {', '.join(data)}")
        _of(kind, data[section], section)
    rooms, furniture, states = data["rooms"], data["furniture"], data["states"]
    for agent, may in data["agents"].items():
        _names(may, rooms, "room", f"agents: {agent}", least=1)
        if rooms[0] not in may:
            raise ValueError(f"agents: {agent} must be able to enter {rooms[0]!r}, the first room, where all can meet")
    for room in rooms:
        if not any(room in may for may in data["agents"].values()):
            raise ValueError(f"rooms: nobody may enter {room!r}; say so under agents, or leave it out")
    for piece, about in furniture.items():
        where = f"furniture: {piece}"
        _names(_of(dict, about, where).get("rooms"), rooms, "room", f"{where}: rooms", least=1)
    for thing, about in data["things"].items():
        where = f"things: {thing}"
        _names(_of(dict, about or {}, where).get("states", []), states, "state", f"{where}: states")
    verbs = read("verbs")
    for state, about in states.items():
        where = f"states: {state}"
        _names([_of(dict, about, where).get("verb")], verbs, "verb", f"{where}: verb")
        _names([about.get("at")], furniture, "furniture", f"{where}: at")
        _names([about["undoes"]] if "undoes" in about else [], states, "state", f"{where}: undoes")
    for number, quest in enumerate(data["quests"], 1):
        _quest(_of(dict, quest, where := f"quests: number {number}"), where, data)
    for word, about in data["words"].items():
        for key, names in _of(dict, about or {}, f"words: {word}").items():
            if key not in ("also", *LANGUAGES):
                raise ValueError(f"words: {word}: {registry.nearest(str(key), ['also', *LANGUAGES], 'language')}")
            _of(list, names, f"words: {word}: {key}")


def _quest(quest: Mapping[str, Any], where: str, data: Mapping[str, Any]) -> None:
    makes = [about["verb"] for about in data["states"].values()]
    _names([quest.get("skill")], ["open", "take", "put", "serve", *makes], "skill", f"{where}: skill")
    slots = {"thing": data["things"], "place": data["furniture"], "state": data["states"]}
    taken = SLOTS.get(quest["skill"], ("thing",))
    for slot, names in quest.items():
        if slot != "skill":
            _names([slot], taken, "slot", f"{where}: {quest['skill']}")
            _names(names, slots[slot], slot, f"{where}: {slot}")


def _of(kind: type, given: Any, where: str) -> Any:
    if not isinstance(given, kind):
        raise ValueError(f"{where}: must be {KINDS[kind]}, not {given!r}")
    return given


def _names(given: Any, known: Iterable[str], kind: str, where: str, least: int = 0) -> None:
    for name in _of(list, given, where):
        if name not in known:
            raise ValueError(f"{where}: {registry.nearest(str(name), list(known), kind)}")
    if len(given) < least:
        raise ValueError(f"{where}: needs a {kind} at least")
