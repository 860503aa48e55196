"""The fixed table of a world's commands: every verb with every noun that fits its slots."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from .lexicon import Lexicon

Slots = Mapping[str, Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Command:
    """One line of the table: a verb and its nouns, slot by slot."""

    verb: str
    nouns: tuple[tuple[str, str], ...] = ()

    def phrase(self, wording: str, lexicon: Lexicon, language: str = "en") -> str:
        return wording.format(**{slot: lexicon.word(noun, language) for slot, noun in self.nouns})


class Table:
    """verbs: verb -> slot -> the nouns that fit. Commands run verb by verb; the first is to wait.

    Attributes:
        commands: the lines. index: command -> its number.
        verb: (commands,) which of the verbs it is. arguments: (commands, 2) places of its nouns in their slots.
        starts: verb -> number of its first command. shapes: verb -> numbers of nouns in its slots.
    """

    def __init__(self, lexicon: Lexicon, verbs: Mapping[str, Slots]):
        self.lexicon, self.verbs = lexicon, {"wait": {}, **verbs}
        self.names = tuple(self.verbs)
        self.shapes = {v: tuple(len(nouns) for nouns in slots.values()) for v, slots in self.verbs.items()}
        self.commands: list[Command] = []
        self.starts: dict[str, int] = {}
        verb, arguments = [], []
        for v, (name, slots) in enumerate(self.verbs.items()):
            self.starts[name] = len(self.commands)
            for nouns in itertools.product(*slots.values()):
                self.commands.append(Command(name, tuple(zip(slots, nouns, strict=True))))
                places = [slots[slot].index(noun) for slot, noun in self.commands[-1].nouns]
                verb.append(v)
                arguments.append([*places, 0, 0][:2])
        self.index = {command: number for number, command in enumerate(self.commands)}
        self.verb, self.arguments = np.array(verb), np.array(arguments)

    def __len__(self) -> int:
        return len(self.commands)

    def number(self, verb: str, *places: np.ndarray) -> np.ndarray:
        """The numbers of commands of a verb, by the places of their nouns in the slots."""
        shape = self.shapes[verb]
        if not shape:
            return np.full(np.shape(places[0]) if places else (), self.starts[verb])
        at = places[0] if len(shape) == 1 else places[0] * shape[1] + places[1]
        return self.starts[verb] + at

    def sentence(self, number: int, language: str = "en") -> str:
        """The standard wording of a command."""
        command = self.commands[number]
        return command.phrase(self.lexicon.verbs[command.verb][language][0], self.lexicon, language)

    def outcome(self, number: int, language: str = "en") -> str:
        """What the world answers when a command was carried out."""
        command = self.commands[number]
        key = "done" if language == "en" else "done_zh"
        return command.phrase(self.lexicon.verbs[command.verb][key], self.lexicon, language)
