"""What text worlds need, by scripts: Detective with talk or without, Assistant with memory of other visits or without.

    python benchmarks/text_needs.py [--seeds 20] [--episodes 200]

Each seed is a run of its own; the difference is taken within a seed, and its 95 % interval is the bootstrap over seeds.
A row for each world goes to results/text-needs.jsonl; it is made anew where the settings or the code have changed.
Exits with 1 where an interval holds 0.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ludus import envs
from ludus.curricula.statistics import interval
from ludus.envs.views import autoreset

RESULTS = Path(__file__).parent / "results" / "text-needs.jsonl"
COPIES = 10  # so that each user comes back often


def shares(world: Any, actions: Callable[[Any], Any], seed: int, episodes: int) -> float:
    """The share of successes among so many episodes of all copies together, from their first on.

    actions: what all agents observe -> what they do.
    """
    n = world.num_envs
    obs, _ = world.reset(np.arange(n), range(seed * n, seed * n + n))
    won, ended, each = np.zeros(n, int), np.zeros(n, int), -(-episodes // n)
    while ended.min() < each:
        result, obs, _ = autoreset.step(world, actions(obs))
        counted = result.done & (ended < each)
        won, ended = won + (counted & result.info["success"]), ended + counted
    return float(won.sum() / ended.clip(max=each).sum())


def detective(talk: bool) -> tuple[Any, Callable[[Any], Any]]:
    """The script tells what it knows; where nothing can be said, it names whoever fits its own clue."""
    world = envs.make("ludus/Detective-v0", COPIES, talk=talk)
    return world, lambda obs: world.scripted()


def assistant(notes: bool) -> tuple[Any, Callable[[Any], Any]]:
    """The script acts on what the user said in this visit, and in others where it has notes of them."""
    world: Any = envs.make("ludus/Assistant-v0", COPIES, notes=notes)
    return world, lambda obs: world.attend()


NEEDS = {"ludus/Detective-v0: talk": detective, "ludus/Assistant-v0: memory": assistant}


def measure(need: str, seeds: int, episodes: int) -> dict[str, Any]:
    """Both shares of every seed, and their mean difference with its interval."""
    sides = {side: NEEDS[need](side) for side in (True, False)}
    scores = {
        side: [shares(*both, seed=seed, episodes=episodes) for seed in range(seeds)] for side, both in sides.items()
    }
    gap = interval(np.subtract(scores[True], scores[False]))
    return {
        "with": round(float(np.mean(scores[True])), 4),
        "without": round(float(np.mean(scores[False])), 4),
        "difference": round(gap.estimate, 4),
        "low": gap.low,
        "high": gap.high,
        "seeds": seeds,
        "episodes": episodes,
    }


def fingerprint(need: str, *settings: int) -> str:
    world, _ = NEEDS[need](True)
    text = inspect.getsource(type(world)) + inspect.getsource(sys.modules[__name__]) + str(settings)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=20)
    ask.add_argument("--episodes", type=int, default=200)
    given = ask.parse_args(arguments)
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    known = {(r["need"], r["hash"]): r for r in map(json.loads, lines)}
    rows = []
    for need in NEEDS:
        mark = fingerprint(need, given.seeds, given.episodes)
        row = known.get((need, mark))
        if row is None:
            date = datetime.now(UTC).isoformat(timespec="seconds")
            row = {"need": need, "hash": mark, **measure(need, given.seeds, given.episodes), "date": date}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        rows.append(row)
        print(f"{need}: with {row['with']:.3f}, without {row['without']:.3f}, ", end="")
        print(f"difference {row['difference']:.3f} ({row['low']:.3f} to {row['high']:.3f})")
    return int(any(r["low"] is None or r["low"] <= 0 for r in rows))


if __name__ == "__main__":
    sys.exit(main())
