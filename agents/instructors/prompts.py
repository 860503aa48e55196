"""A briefing as a text that a language model goes on with."""

from __future__ import annotations

import functools
from typing import Any

from ...envs.instructions import Briefing

LONGEST = 700  # characters of a description, goal, message or memory that a prompt takes
PAST = 2  # outcomes told, the latest of the episode
LONG = ("known: ", "heard: ", "seen: ")  # lines that a prompt may lose the ends of
ASK = {"en": "do:", "zh": "做：", "program": "program:"}
_MARKUP = str.maketrans("<>|[]", "‹›¦()")  # of tokenizers: "<|end|>", "</s>", "[INST]" in a text are letters, not marks


@functools.lru_cache(maxsize=1 << 16)
def prompt(briefing: Briefing, language: str = "en") -> str:
    """What the model reads: one line each, all but the last of them data. The answer follows in `language`.

    language: "en", "zh", or "program" for a program of instructions.

    The feasible instructions are not told: to choose among them is scored, to write without them is the test.
    """
    lines = [f"goal: {as_data(briefing.goal)}"]
    if len(briefing.agents) > 1:
        lines.append(f"you: {as_data(briefing.agent)} of {as_data(', '.join(briefing.agents))}")
    lines += [f"known: {as_data(m)}" for m in briefing.memories]
    lines += [f"heard: {as_data(m)}" for m in briefing.messages]
    lines.append(f"seen: {as_data(briefing.description)}")
    own = briefing.outcomes[briefing.earlier :]
    lines.append(f"past: {as_data('; '.join(own[-PAST:]))}")
    return "\n".join([*lines, ASK[language]])


def shortened(text: str, longest: int) -> str:
    """A prompt of whose longer lines of what is known, heard and seen so many characters are left."""
    return "\n".join(
        line[: line.index(":") + 2 + longest] if line.startswith(LONG) else line for line in text.split("\n")
    )


def as_data(text: str, longest: int = LONGEST) -> str:
    """Text as one line of printable characters without what a tokenizer or the frame of the prompt could obey."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return " ".join(shown.split())[:longest].translate(_MARKUP)


def holds(data: Any, words: str) -> bool:
    """Whether words stand in a text of JSON data, in any case and spacing."""
    if isinstance(data, str):
        return _folded(words) in _folded(data)
    if isinstance(data, dict):
        return any(holds(part, words) for pair in data.items() for part in pair)
    return isinstance(data, (list, tuple)) and any(holds(part, words) for part in data)


def _folded(text: str) -> str:
    return as_data(text, len(text)).casefold()
