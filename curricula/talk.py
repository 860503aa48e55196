"""Play a text world in the terminal: a person types sentences, the script plays the other agents; with a transcript."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..envs import registry
from ..envs.text.spoken import Spoken

HELP = "Type what you want to do; ? lists what is possible now; new begins another episode; quit ends"
LISTED = 60  # commands that ? tells at most


class Conversation:
    """One copy of a text world, a person who plays one agent by sentence, and a script that plays the others.

    lines: the transcript so far. Raises UnknownName for an agent that the world does not have, ValueError for a task
    that is not of words.
    """

    def __init__(self, env: str, agent: str | None = None, seed: int = 0, **settings: Any):
        if "text" not in registry.spec(env).tags:
            raise ValueError(f"{registry.full(env)} is not played in words; `ludus envs text` lists those that are")
        world = registry.make(env, text=True, **settings)
        assert isinstance(world, Spoken)
        if agent is not None and agent not in world.agents:
            raise registry.nearest(agent, list(world.agents), f"agent in {world.id}")
        self.world, self.agent, self.lines, self._seed = world, agent or world.agents[0], [], seed
        self.over = False

    def begin(self) -> str:
        """A new episode: what the person reads. The first begins with the seed, so the others are its stream's."""
        pages, _ = self.world.reset(np.arange(1), None if self.lines else [self._seed])
        self.over, self._total = False, 0.0
        return self._kept(pages[self.agent][0])

    def say(self, sentence: str) -> str:
        """The person says a sentence; what they then read."""
        self.lines.append(f"> {sentence}")
        if self.over:
            return self._kept("This episode is over: say new or quit.")
        given = self.world.scripted()
        given[self.agent] = np.array([sentence], object)
        told = [f"({a}: {given[a][0]})" for a in self.world.agents if a != self.agent]
        result = self.world.step(given)
        self._total += float(result.reward[self.agent][0])
        self.over = bool(result.done[0])
        verdict = "done" if result.info["success"][0] else "not done"
        end = [f"The episode is over: {verdict}, return {self._total:.2f}."] if self.over else []
        return self._kept("\n".join([*told, result.obs[self.agent][0], *end]))

    def possible(self, beginning: str = "") -> list[str]:
        """The commands that are possible now and begin so, as sentences in the world's language."""
        inner = self.world.text_world
        numbers = np.flatnonzero(inner.mask(inner.agents.index(self.agent))[0])
        every = (inner.table.sentence(int(n), inner.language) for n in numbers)
        return [sentence for sentence in every if sentence.startswith(beginning.lower())]

    def _kept(self, page: str) -> str:
        self.lines.append(page)
        return page


def loop(talk: Conversation, read: Callable[[], str], write: Callable[[str], Any]) -> None:
    """Read sentences until quit, or until read raises EOFError."""
    several = len(talk.world.agents) > 1
    write(f"{f'You are {talk.agent}. ' if several else ''}{HELP}.\n\n{talk.begin()}\n")
    while True:
        try:
            sentence = read().strip()
        except EOFError:
            return
        if sentence.lower() in ("quit", "exit", "q"):
            return
        if sentence == "?":
            possible = talk.possible()
            more = f"\n… and {len(possible) - LISTED} more" if len(possible) > LISTED else ""
            write("\n".join(possible[:LISTED]) + more + "\n")
        else:
            write((talk.begin() if sentence.lower() == "new" else talk.say(sentence)) + "\n")


@contextlib.contextmanager
def completion(talk: Conversation) -> Iterator[None]:
    """Tab completes what is possible now, where the terminal has readline."""
    try:
        import readline
    except ImportError:  # Windows
        yield
        return

    def complete(_: str, index: int) -> str | None:
        line = readline.get_line_buffer()
        fitting = talk.possible(line)
        return fitting[index][readline.get_begidx() :] if index < len(fitting) else None

    before = readline.get_completer()
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before)


def play(talk: Conversation, transcript: Path | None = None) -> None:
    """Play on stdin and stdout; afterwards, whatever happened, the transcript is written."""
    try:
        with completion(talk):
            loop(talk, lambda: input("> "), lambda text: print(text, file=sys.stdout, flush=True))
    except KeyboardInterrupt:
        print()
    finally:
        talk.world.close()
        if transcript is not None:
            transcript.write_text("\n".join(talk.lines) + "\n", encoding="utf-8")
