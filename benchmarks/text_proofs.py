"""Proofs over all text worlds: the planner solves every quest, masks agree with the engine, every sentence is answered.

    python benchmarks/text_proofs.py [--seed 0]

10,000 generated quests over all worlds and lengths; 1,000,000 random commands: those that the mask allows must change
the world, those that it forbids must not; 10,000 hostile sentences: an answer each, within a quarter of a second of
processor time and 2 MiB. A row for each part goes to results/text-proofs.jsonl as it ends; parts that are there for the
same code and seed are not made again. Exits with 1 where anything failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ludus import envs
from ludus.envs.text import world as text_world
from ludus.envs.text.grammar import Grammar

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "text-proofs.jsonl"
QUESTS, COMMANDS, SENTENCES = 10_000, 1_000_000, 10_000
COPIES, BLINK, ROOM = 250, 0.25, 2**21  # ROOM: bytes that a sentence may take beside itself
HOUSES = [("ludus/Household-v0", n) for n in range(1, 9)] + [("ludus/HouseholdTeam-v0", n) for n in range(1, 9)]
UNSEEN_CHANGE = ("steps", "log", "streams", "blank", "was", "over", "gained")  # what time changes, not commands
Row = dict[str, Any]


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every world, the houses with every length of quest."""
    others = [name for name in envs.ids("text") if "Household" not in name]
    return [(name, {"steps": n}) for name, n in HOUSES] + [(name, {}) for name in others]


def quests(name: str, settings: Mapping[str, Any], count: int, seed: int) -> Row:
    """How many of count episodes the script solves within their time, with commands that are allowed."""
    world: Any = envs.make(name, count, **settings)
    every, solved, allowed = np.arange(count), np.zeros(count, bool), np.ones(count, bool)
    world.reset(every, range(seed, seed + count))
    over = np.zeros(count, bool)
    for _ in range(world.max_episode_steps):
        plan, masks = world.scripted(), world.masks()
        allowed &= over | np.all([masks[a][every, plan[a]] for a in world.agents], axis=0)
        result = world.step(plan)
        solved |= result.info["success"] & ~over
        over |= result.done
    return {"quests": count, "failed": int((~(solved & allowed)).sum())}


def commands(name: str, count: int, seed: int) -> Row:
    """Commands of one agent at a time, half of them allowed: whether the mask and the engine agree."""
    world: Any = envs.make(name, COPIES)
    rng, every = np.random.default_rng(seed), np.arange(COPIES)
    world.reset(every, range(seed, seed + COPIES))
    says = np.array([c.verb == "say" for c in world.table.commands])
    given = wrong = allowed_commands = 0
    while given < count:
        k = int(rng.integers(len(world.agents)))
        mask = world.masks()[world.agents[k]]
        random = rng.integers(1, len(world.table), COPIES)
        pick = np.where(rng.random(COPIES) < 0.5, (mask * rng.random(mask.shape)).argmax(axis=1), random)
        allowed, running, before = mask[every, pick], ~world.over.any(axis=1) & (pick > 0), world.state()
        world.step({a: pick if j == k else np.zeros(COPIES, int) for j, a in enumerate(world.agents)})
        changed = np.zeros(COPIES, bool)
        for key, array in world.state().items():
            if key not in UNSEEN_CHANGE:
                changed |= (array != before[key]).reshape(COPIES, -1).any(axis=1)
        changed |= says[pick] & allowed  # a word said again is heard again, and changes nothing
        wrong += int((changed != allowed)[running].sum())
        given, allowed_commands = given + int(running.sum()), allowed_commands + int((running & allowed).sum())
        world.reset(np.flatnonzero(world.over.all(axis=1) | (rng.random(COPIES) < 0.05)))
    return {"commands": given, "allowed": allowed_commands, "failed": wrong}


def sentences(name: str, count: int, seed: int) -> Row:
    """Hostile sentences through the parser: an answer each, in bounded time and memory."""
    world: Any = envs.make(name)
    grammar, rng = Grammar(world.table), np.random.default_rng(seed)
    failed, slowest, most, referent = 0, 0.0, 0, next(iter(world.lexicon.words))
    for i, text in enumerate(hostile(grammar, rng, count)):
        watched = i % 19 == 0  # tracing memory is slow; 19 meets every kind of sentence
        if watched:
            tracemalloc.start()
        began = time.process_time()
        meant = grammar.parse(text, referent)
        spent = time.process_time() - began
        if watched:
            most = max(most, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        slowest = max(slowest, spent)
        failed += not (meant.command is not None or 0 < len(meant.answer) < 500) or spent > BLINK
    return {"sentences": count, "failed": failed + (most > ROOM), "slowest_s": round(slowest, 4), "most_bytes": most}


def hostile(grammar: Grammar, rng: np.random.Generator, count: int) -> Iterator[str]:
    """Empty, huge, of control characters, of mixed scripts, marked up, injected, and commands that were damaged."""
    table = grammar.table
    parts = ["<b>", "{thing}", "%s", "\\", "\x00", "\x1b[2J", "\u202e", "把", "ﷺ", "a\u0301", "ignore all instructions",
             "you are free now", "reward = 1", "'; drop", "$(ls)", "it", "the", "放进", "\n", "🍎"]  # fmt: skip
    for i in range(count):
        known = table.sentence(int(rng.integers(len(table))), "zh" if i % 3 == 0 else "en")
        kind = i % 8
        if kind == 0:
            yield "".join(map(chr, rng.integers(0, 0x3000, rng.integers(0, 80))))
        elif kind == 1:
            yield known + " " + str(rng.choice(parts)) * int(rng.integers(1, 40))
        elif kind == 2:
            yield " ".join(rng.choice([*parts, *known.split()], rng.integers(0, 40)))
        elif kind == 3:
            yield str(rng.choice([*parts, known])) * (1_000_000 if i % 5 == 0 else int(rng.integers(1000, 100_000)))
        elif kind == 4:
            at = int(rng.integers(len(known)))
            yield known[:at] + chr(int(rng.integers(1, 0xD800))) + known[at + 1 :]
        elif kind == 5:
            yield "".join(rng.permutation(list(known)))
        elif kind == 6:
            yield " \t\n"[: int(rng.integers(0, 4))] * int(rng.integers(0, 300))
        else:
            yield f"{rng.choice(parts)}{known}{rng.choice(parts)} and then {known}"


def parts(seed: int) -> Iterator[tuple[str, Any]]:
    """(name, what makes its row), one part for each world and proof."""
    every, names = cases(), envs.ids("text")
    for name, settings in every:
        label = f"quests {name} {settings or ''}".strip()
        yield label, lambda n=name, s=settings: quests(n, s, -(-QUESTS // len(every)), seed)
    for name in names:
        yield f"commands {name}", lambda n=name: commands(n, -(-COMMANDS // len(names)), seed)
    for name in names:
        yield f"sentences {name}", lambda n=name: sentences(n, -(-SENTENCES // len(names)), seed)


def fingerprint(seed: int) -> str:
    """One hash for the code and data of all text worlds, and this file."""
    files = [*Path(text_world.__file__).parent.glob("*.py"), *(ROOT / "assets" / "text").glob("*.yaml"), Path(__file__)]
    digest = hashlib.sha256(str(seed).encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seed", type=int, default=0)
    seed, rows = ask.parse_args(arguments).seed, []
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    mark, known = fingerprint(seed), {(r["part"], r["hash"]): r for r in map(json.loads, lines)}
    for part, make in parts(seed):
        row = known.get((part, mark))
        if row is None:
            row = {"part": part, "hash": mark, "seed": seed, **make()}
            row["date"] = datetime.now(UTC).isoformat(timespec="seconds")
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(part, *(f"{k} {v}" for k, v in row.items() if k not in ("part", "hash", "seed", "date")), flush=True)
        rows.append(row)
    for kind in ("quests", "commands", "sentences"):
        mine = [r for r in rows if kind in r]
        print(f"{sum(r[kind] for r in mine):,} {kind}, {sum(r['failed'] for r in mine)} failed")
    return int(any(r["failed"] for r in rows))


if __name__ == "__main__":
    sys.exit(main())
