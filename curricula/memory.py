"""`ludus memory`: what the instructor of a run remembers, and having a text forgotten everywhere in the run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from ..envs.registry import nearest
from . import checkpoint, folder
from .mind import DATA, MEMORY, packed, unpacked


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
        counts = {DATA: _forget_lines(run / DATA, words)}
        if (run / MEMORY).exists():
            counts[MEMORY] = _forget_entries(run / MEMORY, words)
        if saved := checkpoint.newest(run / "checkpoints"):
            counts["checkpoint"] = _forget_saved(saved, words, run / DATA)
        files = [p for p in (os.environ.get("LUDUS_INSTRUCTOR_CACHE"), cache) if p]
        counts |= {str(file): _forget_answers(Path(file), words) for file in files}
    return counts


def _forget_lines(path: Path, words: str) -> int:
    from ..agents.instructors.prompts import holds

    if not path.exists():
        return 0
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not holds(_read(line), words)]
    if len(kept) < len(lines):
        folder.write(path, "".join(kept).encode())
    return len(lines) - len(kept)


def _forget_entries(path: Path, words: str) -> int:
    from ..agents.memory.store import Store

    store = _opened(Store, path)
    count = store.forget(_matching(words))
    if count:
        store.save(path)
    store.close()
    return count


def _forget_saved(path: Path, words: str, data: Path) -> int:
    """The same in a checkpoint, so that the run that goes on from it does not remember."""
    from ..agents.instructors.prompts import holds

    arrays, meta = checkpoint.load(path)
    if "instructor" not in arrays:
        return 0
    mind, memory = unpacked(arrays["instructor"]), unpacked(arrays["memory"])
    answers = {k: a for k, a in mind["answers"].items() if not holds(a, words)}
    count = len(mind["answers"]) - len(answers)
    mind["answers"] = answers
    if memory["store"]:
        count += _forget_views(memory["store"], words)
    memory["kept_bytes"] = data.stat().st_size if data.exists() else 0
    arrays |= {"instructor": packed(mind), "memory": packed(memory)}
    for name in [n for n in arrays if n.endswith("instructed.notes")]:
        notes = unpacked(arrays[name])
        count += _forget_open(notes["states"], words)
        arrays[name] = packed(notes)
    checkpoint.save(path.parent, int(path.name) + 1, arrays, meta)
    return count


def _forget_views(state: dict[str, Any], words: str) -> int:
    from ..agents.memory.store import Store

    store = Store(_no_vectors)
    store.restore(state)
    count = store.forget(_matching(words))
    state["views"] = store.state()["views"]
    store.close()
    return count


def _forget_open(states: Any, words: str) -> int:
    """What was said in episodes that are still on, copy by copy and agent by agent."""
    from ..agents.instructors.prompts import holds

    count = 0
    for state in (s for row in states for s in row if isinstance(s, dict) and "open" in s):
        kept = [line for line in state["open"] if not holds(line, words)]
        count += len(state["open"]) - len(kept)
        state["open"] = kept
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
    finally:
        answers.close()


def _matching(words: str) -> Callable[[str], bool]:
    from ..agents.instructors.prompts import holds

    return lambda text: holds(text, words)


def _opened(kind: Any, path: Path) -> Any:
    from ..agents.encoders import TextEncoder

    return kind.load(path, TextEncoder(64), entries=1 << 30, size=1 << 40)


def _no_vectors(texts: Any) -> Any:
    raise AssertionError("nothing is compared here")


def _read(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return line
