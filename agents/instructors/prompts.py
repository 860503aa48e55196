"""A briefing as a text that a language model goes on with."""

from __future__ import annotations

import functools

from ...envs.instructions import Briefing

LONGEST = 700  # characters of a description, goal, message or memory that a prompt takes
PAST = 2  # outcomes told, the latest of the episode
ASK = {"en": "do:", "zh": "做：", "program": "program:"}


@functools.lru_cache(maxsize=1 << 16)
def prompt(briefing: Briefing, language: str = "en") -> str:
    """What the model reads: one line each, all but the last of them data. The answer follows in `language`.

    language: "en", "zh", or "program" for a program of instructions.

    The feasible instructions are not told: to choose among them is scored, to write without them is the test.
    """
    lines = [f"goal: {_line(briefing.goal)}"]
    if len(briefing.agents) > 1:
        lines.append(f"you: {_line(briefing.agent)} of {_line(', '.join(briefing.agents))}")
    lines += [f"known: {_line(m)}" for m in briefing.memories]
    lines += [f"heard: {_line(m)}" for m in briefing.messages]
    lines.append(f"seen: {_line(briefing.description)}")
    lines.append(f"past: {_line('; '.join(briefing.outcomes[-PAST:]))}")
    return "\n".join([*lines, ASK[language]])


def _line(text: str) -> str:
    """One line without what could be taken for the frame of the prompt."""
    return " ".join(text.split())[:LONGEST]
