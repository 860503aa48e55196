"""Who instructs what lives as a run did (films, ablations, cross-play), found in its folder; and why they said so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..envs.instructions import Briefing, Instruct, reads_scene
from .mind import LEARNT, MEMORY
from .record import Run, RunError


class Speech:
    """An instructor of single copies that keeps why its last words were said. why: agent -> a line."""

    def __init__(self, instruct: Instruct, instructor: Any, because: str = ""):
        """because: why, where the instructor itself keeps no reasons."""
        self.reads_scene = reads_scene(instruct)
        self._instruct, self._instructor, self._because = instruct, instructor, because
        self.why: dict[str, str] = {}

    def instruct(self, briefings: Sequence[Briefing], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        from ..agents.instructors.language_model import LanguageModel, in_brief

        said = self._instruct(briefings, states)
        self.why |= {b.agent: self._because for b in briefings}
        if isinstance(self._instructor, LanguageModel):
            self.why |= {choice.briefing.agent: in_brief(choice) for choice in self._instructor.choices}
        return said


def speech(run: Run) -> Instruct:
    """What a run's agents are told: as instructor() says it, with its memory; the script where nobody may be asked."""
    from ..agents.instructors import make

    if run.settings.get("instructor", "fixed") == "fixed":
        return make("fixed", {}).instruct
    try:
        found = instructor(run)
    except RunError as error:
        script = make("script", {})
        return Speech(script.instruct, script, f"the script: {str(error).rpartition(': ')[2]}").instruct
    return Speech(remembering(run, found), found).instruct


def remembering(run: Run, instructor: Any) -> Instruct:
    """The instructor's own instruct, or with the memory that the run has kept, which is only read."""
    if not run.settings.get("memory"):
        return instructor.instruct
    from ..agents.encoders import TextEncoder
    from ..agents.memory import Remembering
    from ..agents.memory.store import Store

    return Remembering(instructor, Store.load(run.folder / MEMORY, TextEncoder(64))).recall


def instructor(run: Run) -> Any:
    """Who instructs in a run; a language model as the run has made it, where it has learnt. Raises RunError."""
    from ..agents.instructors import make

    name, learnt = run.settings["instructor"], run.folder / LEARNT
    if ":" in name:
        raise RunError(f"{run.folder}: its instructor {name!r} is code of somebody's own: a folder's word runs none")
    if name == "language-model" and learnt.is_dir() and not learnt.is_symlink():
        return make(name, speaker(run, learnt))
    return make(name, speaker(run))


def speaker(run: Run, model: Path | None = None) -> dict[str, Any]:
    """What the run says of its language model; model: the folder of another one, that speaks as it does.

    Raises RunError for what is wrong there, and for an address: a folder's word sends nobody a key.
    """
    from ..agents.instructors import speakers

    said, where = run.settings.get("language_model") or {}, f"{run.folder / 'run.json'}: language_model"
    if not isinstance(said, dict):
        raise RunError(f"{where}: is no mapping of settings")
    if "endpoint" in said:
        raise RunError(f"{where}: it is behind an endpoint, which is not asked on a folder's word")
    said = {k: v for k, v in said.items() if k != "offline"} | ({"model": str(model)} if model else {})
    try:
        return speakers.settled(said)
    except (ValueError, TypeError) as error:
        raise RunError(f"{where}: {error}") from None
