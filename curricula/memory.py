"""`ludus memory`: what the instructor of a run remembers, and having a text forgotten everywhere in the run."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from typer import Argument, Option

from ..envs import registry
from ..envs.registry import nearest
from ..envs.views.instructed import OUTCOMES
from . import checkpoint, folder
from .curriculum import Curriculum
from .mind import DATA, KEPT, MEMORY, cut, packed, settle, unpacked
from .record import read_settings

_TOLD = ("current", "coming", "told_as")  # of a world whose agents are told what to do: places in its book


def command(
    what: Annotated[str, Argument(metavar="show|forget", help="look; or remove a text")],
    run: Annotated[Path, Argument(metavar="RUN", help="the folder of a run made with --memory")],
    words: Annotated[str, Argument(metavar="[WORDS]", help="forget: the text, in any case")] = "",
    about: Annotated[str, Option(help="show: only what has to do with these words")] = "",
    most: Annotated[int, Option(help="show: of each view, the newest", min=1)] = 20,
    cache: Annotated[Path | None, Option(help="forget: a file of answers beside LUDUS_INSTRUCTOR_CACHE's")] = None,
    as_json: Annotated[bool, Option("--json", help="show: print JSON, for machines")] = False,
) -> None:
    """Show what a run's instructor remembers; or forget a text: in the memory, the kept answers and the data."""
    if what not in ("show", "forget"):
        raise nearest(what, ["show", "forget"], "thing to do with a memory")
    if what == "show":
        _show(run, about or words, most, as_json)
    else:
        for place, count in forget(run, words, cache).items():
            typer.echo(f"{place}: {count} removed")


def _show(run: Path, about: str, most: int, as_json: bool) -> None:
    from ..agents.memory.store import VIEWS, in_words

    found = recalled(run, about, most)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for view in VIEWS:
        typer.echo(f"{view} ({len(found[view])})")
        for row in found[view]:
            typer.echo(f"  {in_words(view, row)}")


def recalled(run: Path, about: str = "", most: int = 20) -> dict[str, list[dict[str, Any]]]:
    """view -> entries, the newest first; about: by their words, or goals alike. Raises StoreError."""
    from ..agents.instructors.prompts import holds
    from ..agents.memory.store import VIEWS, Store

    store = _opened(Store, run / MEMORY)
    near = store.near(about) if about else {}
    found = {}
    for view in VIEWS:
        rows = [r for r in reversed(store.rows(view)) if not about or r.get("goal") in near or holds(r, about)]
        found[view] = sorted(rows, key=lambda r: -near.get(r.get("goal", ""), 0.0))[:most]
    store.close()
    return found


def forget(run: Path, words: str, cache: Path | None = None) -> dict[str, int]:
    """Remove a text from all that a run keeps of its instructor; place -> how many entries were removed.

    Not undone is what was learnt from it: policies, and an instructor that was updated since.
    """
    if not words.strip():
        raise ValueError("say which words are to be forgotten: ludus memory forget RUN WORDS")
    if not (run / "run.json").is_file():
        raise ValueError(f"{run}: holds no run")
    with folder.locked(run):
        saved = checkpoint.newest(run / "checkpoints")
        counts = _forget_saved(saved, run, words) if saved else {DATA: _forget_lines(run, words)}
        if (run / MEMORY).exists():
            counts[MEMORY] = _forget_entries(run / MEMORY, words)
        files = [p for p in (os.environ.get("LUDUS_INSTRUCTOR_CACHE"), cache) if p]
        counts |= {str(file): _forget_answers(Path(file), words) for file in files}
    return counts


class _Lines:
    """The first bytes of a run's data without the words. gone: the places of the lines to go among all."""

    def __init__(self, path: Path, words: str, size: int | None = None):
        from ..agents.instructors.prompts import holds

        self.all = path.read_bytes()[:size].splitlines(keepends=True) if path.exists() else []
        self.gone = {i for i, line in enumerate(self.all) if holds(_read(line), words)}

    @property
    def kept(self) -> bytes:
        return b"".join(line for i, line in enumerate(self.all) if i not in self.gone)

    def left_of(self, count: int) -> int:
        """How many are kept of the first so many lines that can be learnt from."""
        from ..agents.instructors import lessons

        whole = [i for i, line in enumerate(self.all) if lessons.parsed(line.decode(errors="replace")) is not None]
        return sum(i not in self.gone for i in whole[:count])


def _forget_lines(run: Path, words: str) -> int:
    lines = _Lines(run / DATA, words)
    if lines.gone:
        folder.write(run / DATA, lines.kept)
    return len(lines.gone)


def _forget_entries(path: Path, words: str) -> int:
    from ..agents.memory.store import Store

    store = _opened(Store, path)
    count = store.forget(_matching(words))
    if count:
        store.save(path)
    store.close()
    return count


def _forget_saved(path: Path, run: Path, words: str) -> dict[str, int]:
    """The same in a checkpoint and in the data up to it, so that the run that goes on from it does not remember.

    What was written after it goes: it will be lived again. The checkpoint is replaced first, the data after: whoever is
    stopped in between finds them made already (mind.cut).
    """
    arrays, meta = checkpoint.load(path)
    if "instructor" not in arrays:
        return {DATA: _forget_lines(run, words), "checkpoint": 0}
    mind, memory = unpacked(arrays["instructor"]), unpacked(arrays["memory"])
    settle(run, memory["kept_bytes"])
    all_of_them, lines = _Lines(run / DATA, words), _Lines(run / DATA, words, memory["kept_bytes"])
    count = _forget_open_ends(arrays, words, lambda place: _goals(run, meta, place))
    answers = {k: a for k, a in mind["answers"].items() if not _matching(words)(a)}
    count += len(mind["answers"]) - len(answers)
    mind["answers"] = answers
    if memory["store"]:
        count += _forget_views(memory["store"], words)
    if lines.gone:
        memory["kept_bytes"] = len(lines.kept)
        if "pupil" in arrays:
            pupil = unpacked(arrays["pupil"])
            pupil["learnt"] = lines.left_of(pupil["learnt"])
            arrays["pupil"] = packed(pupil)
        folder.write(run / KEPT, lines.kept)
    if all_of_them.gone or count:
        number = int(path.name) + 1
        meta["at"]["saves"] = number
        arrays |= {"instructor": packed(mind), "memory": packed(memory)}
        checkpoint.save(path.parent, number, arrays, meta)
        cut(run, memory["kept_bytes"])
    return {DATA: len(all_of_them.gone), "checkpoint": count}


def _forget_views(state: dict[str, Any], words: str) -> int:
    from ..agents.memory.store import Store

    store = Store(_no_vectors)
    store.restore(state)
    count = store.forget(_matching(words))
    state["views"] = store.state()["views"]
    store.close()
    return count


def _forget_open_ends(arrays: dict[str, Any], words: str, goals: Callable[[int], list[str]]) -> int:
    """What was said in episodes that are still on, world by world. goals: of the world of that place in the stage."""
    count = 0
    for name in [n for n in arrays if n.endswith("instructed.notes")]:
        notes, prefix = unpacked(arrays[name]), name.removesuffix("notes")
        said = [i for i, text in enumerate(notes["texts"]) if _matching(words)(text)]
        if said:
            place = name.removeprefix("env/").partition(".")[0]
            own = goals(int(place) if place.isdecimal() else 0)
            said = [i for i in said if i >= len(own)]  # its goals a world knows by itself
            count += _forget_phrases(arrays, prefix, notes, said, len(own))
        count += _forget_open(notes["states"], words)
        arrays[name] = packed(notes)
    return count


def _goals(run: Path, meta: dict[str, Any], place: int) -> list[str]:
    """The goals of a world that the run's stage has, as sentences."""
    said = read_settings(run)
    made = Curriculum.model_validate_json(json.dumps(said["curriculum"]))
    task = made.tasks[place] if said["regime"] == "joint" else made.stages[meta["at"]["stage"]]
    with contextlib.closing(registry.make(task.task, 1, **(task.settings | task.training))) as world:
        return [goal.text for goal in world.goals]


def _forget_phrases(arrays: dict[str, Any], prefix: str, notes: dict[str, Any], said: list[int], goals: int) -> int:
    """Take sentences out of a world's book, and their outcomes; whoever is told one is told the goal instead."""
    texts, gone = notes["texts"], np.zeros(len(notes["texts"]), bool)
    gone[said] = True
    table: dict[str, np.ndarray] = {
        k: np.array(arrays[prefix + k]) for k in (*_TOLD, "history", "own", "met", "rests") if prefix + k in arrays
    }
    for name in (k for k in _TOLD if k in table):
        for env, k in np.argwhere(gone[table[name]]):
            goal = next((line["goal"] for line in (notes["states"][env][k] or {}).get("open", ())), None)
            if goal in texts[:goals]:
                table[name][env, k] = texts.index(goal)
                table["met"][env, k] = table["rests"][env, k] = False
            else:
                gone[table[name][env, k]] = False  # nobody knows what else to tell
    lost = (table["history"] >= 0) & gone[table["history"] // len(OUTCOMES)]
    width = lost.shape[2]
    own = np.arange(width) >= width - table["own"][..., None]
    table["own"] -= (lost & own).sum(axis=2)
    moved = np.cumsum(~gone) - 1
    for name in (k for k in _TOLD if k in table):
        table[name] = moved[table[name]]
    place, outcome = np.divmod(table["history"], len(OUTCOMES))
    table["history"] = np.where(lost | (place < 0), -1, moved[place] * len(OUTCOMES) + outcome)
    arrays |= {prefix + k: v.astype(arrays[prefix + k].dtype) for k, v in table.items()}
    notes["texts"] = [text for text, g in zip(texts, gone, strict=True) if not g]
    return int(gone.sum())


def _forget_open(states: Any, words: str) -> int:
    """The same in what an instructor keeps of them, copy by copy and agent by agent."""
    holds, count = _matching(words), 0
    for state in (s for row in states for s in row if isinstance(s, dict) and "open" in s):
        kept = [line for line in state["open"] if not holds(line)]
        count += len(state["open"]) - len(kept)
        state["open"] = kept
        if holds(state.get("inner")):  # such as a program: it begins anew
            state["inner"] = None
            count += 1
    return count


def _forget_answers(path: Path, words: str) -> int:
    from ..agents.instructors.cache import Cache

    if not path.is_file():
        return 0
    answers = Cache(path)
    if answers.broken:
        raise ValueError(f"{path}: cannot be read as kept answers: {answers.broken}")
    try:
        return answers.forget(words)
    except sqlite3.Error as error:
        raise ValueError(f"{path}: the words are still in these answers: {error}") from None
    finally:
        answers.close()


def _matching(words: str) -> Callable[[Any], bool]:
    from ..agents.instructors.prompts import holds

    return lambda data: holds(data, words)


def _opened(kind: Any, path: Path) -> Any:
    from ..agents.encoders import TextEncoder

    return kind.load(path, TextEncoder(64), entries=1 << 30, size=1 << 40)


def _no_vectors(texts: Any) -> Any:
    raise AssertionError("nothing is compared here")


def _read(line: bytes) -> Any:
    text = line.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
