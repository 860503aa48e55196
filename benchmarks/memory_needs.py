"""What an instructor's memory and its messages are worth, each on and off: Assistant, Treasure, Detective.

    python benchmarks/memory_needs.py [--seeds 10] [--episodes 100] [--only NAME] [--table]

Scripts act, and know of what matters only what stands in their briefings: the description, what the memory
(agents.memory, as a run keeps it) recalls, what the other agents' instructor has written to them.

- Assistant: the helper brings what it knows that the user likes and asks about the rest. Likings of earlier visits come
  from the memory alone.
- Treasure: whoever has read both halves of the map goes to the chest, or to the key where its room is locked, if it has
  read where that is; else it goes on at random until it sees it. Ways between rooms are known, and that a chest seen
  nowhere is behind the lock.
- Detective, where nobody may speak in the world: the instructor of each writes what its description says of the one
  wanted to the two others; ann names somebody whom all fits that she has read.

Each seed is a run of its own, the difference is taken within a seed, its interval is a 95 % bootstrap over seeds. A row
for each goes to results/memory-needs.jsonl; rows that are there are not made again. Exits with 1 where an interval
holds 0.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ludus import envs
from ludus.agents.memory import Remembering
from ludus.agents.memory.remembering import shipped_store
from ludus.curricula.statistics import interval
from ludus.envs.instructions import Briefing
from ludus.envs.views import autoreset

RESULTS = Path(__file__).parent / "results" / "memory-needs.jsonl"
COPIES = 10  # so that each user comes back often
MOST = 12  # memories that a briefing is told; a run's default of 3 is measured beside it
HASTE = 20  # commands of a hunt: in the 40 that there are, who forgets gets there as well


class Reader:
    """Says the goal, and keeps what it was told."""

    def instruct(self, briefings, states):
        self.told = list(briefings)
        return [b.goal for b in briefings], list(states)


class Briefed:
    """Briefs every agent of every copy at every step. most: memories that may be told; 0: there is no memory."""

    def __init__(self, world: Any, most: int):
        self.world, self.reader = world, Reader()
        self.mind = Remembering(self.reader, shipped_store() if most else None, most)
        self.states: list[Any] = [None] * (world.num_envs * len(world.agents))
        self.episode = np.ones(world.num_envs, int)

    def read(self, also: Callable[[int, int], str] = lambda env, k: "") -> list[list[str]]:
        """What each agent (outer: copies, inner: agents) has read: the description, and what is remembered.

        also: (copy, agent) -> what it asks its memory for.
        """
        world, agents = self.world, self.world.agents
        spots = [(env, k) for env in range(world.num_envs) for k in range(len(agents))]
        briefings = [
            Briefing(
                world.aim_of(e).text, f"{world.describe(e, agents[k])}{also(e, k)}", agents[k], agents, (),
                task=world.id, episode=int(self.episode[e]),
            )
            for e, k in spots
        ]  # fmt: skip
        _, self.states = self.mind.instruct(briefings, self.states)
        told = ["\n".join([b.description, *b.memories]) for b in self.reader.told]
        return [told[i : i + len(agents)] for i in range(0, len(told), len(agents))]


class Helper:
    """Assistant's helper, who reads."""

    def __init__(self, most: int):
        self.world: Any = envs.make("ludus/Assistant-v0", COPIES)
        self.briefed = Briefed(self.world, most)

    def act(self, obs: Any) -> Any:
        home = self.world
        home.noted[:] = [self.likings(told[0].split("\n")[1:]) for told in self.briefed.read()]
        home.notes = True  # its script looks at noted
        actions = home.attend()
        home.notes = False
        return actions

    def likings(self, memories: Sequence[str]) -> list[int]:
        """(topics,): what the user likes of each; -1: not remembered. The newest memories come first."""
        found, refused = [-1] * len(self.world.topics), set()
        for memory in memories:
            if not (said := re.match(r"\w+ (likes|does not like)(?: as \w+)? (\w+)", memory)):
                continue
            verb, thing = said.groups()
            topic, which = divmod(self.world.items.index(thing), self.world.count)
            if verb != "likes":
                refused.add(thing)
            elif found[topic] < 0 and thing not in refused:
                found[topic] = which
        return found


class Explorers:
    """Treasure's two, who read."""

    def __init__(self, most: int):
        self.world: Any = envs.make("ludus/Treasure-v0", COPIES, max_episode_steps=HASTE)
        self.briefed, self.draw = Briefed(self.world, most), np.random.default_rng(0)

    def sought(self, env: int, k: int) -> tuple[str, int]:
        """(what agent k looks for, its room); ("", -1) where it looks for nothing."""
        w = self.world
        if not w.read[env].any() or w.finder(w.every)[env] != k or w.at[env, w.treasures[w.aim[env]]] == w.hands[k]:
            return "", -1
        chest = w.hidden[env, w.aim[env]]
        key, there = w.at[env, w.key], w.stood[env, chest]
        if there != w.locked[env]:
            return w.furniture[chest], int(there)
        return ("key", int(key)) if key < len(w.rooms) else ("", -1)

    def act(self, obs: Any) -> Any:
        w = self.world
        needs = {(e, k): self.sought(e, k) for e in range(COPIES) for k in range(2)}
        told = self.briefed.read(lambda e, k: f" You look for the {needs[e, k][0]}." if needs[e, k][0] else "")
        actions = w.plan()
        meet = ~w.read.any(axis=1) & (w.room[:, 0] == w.room[:, 1])
        actions["ann"] = np.where(
            meet, 0, actions["ann"]
        )  # bob shows his half, so that she who came is the one who seeks
        actions["bob"] = np.where(meet, w.table.number("show", np.arange(COPIES)), actions["bob"])
        for (e, k), (thing, room) in needs.items():
            now = rf"^{thing} in {w.rooms[room]}\b(?!.*earlier episode)"  # of which nothing is there any more
            if thing and room != w.room[e, k] and not re.search(now, told[e][k], re.M):
                exits = np.flatnonzero(w.exits(k)[e])
                actions[w.agents[k]][e] = w.table.number("go", self.draw.choice(exits))
        return actions


class Detectives:
    """Detective's three, who may not speak; their instructors may write."""

    def __init__(self, most: int):
        self.world: Any = envs.make("ludus/Detective-v0", COPIES, talk=False)
        self.briefed, self.writes = Briefed(self.world, 0), bool(most)

    def act(self, obs: Any) -> Any:
        w = self.world
        accuse = np.zeros(COPIES, int)
        for e, told in enumerate(self.briefed.read()):
            role = w.roles[w.aim[e]]
            messages = [m for text in told for m in written(text, role)] if self.writes else written(told[0], role)
            fits = [i for i, person in enumerate(w.people) if all(told_of(told[0], person, m) for m in messages)]
            accuse[e] = w.table.number("accuse", fits[0] if fits else 0)
        return {a: accuse if a == "ann" else np.zeros(COPIES, int) for a in w.agents}


def written(description: str, role: str) -> list[str]:
    """What an instructor writes to the others: the sentences that its agent's description has of the one wanted."""
    return [s for s in re.split(r"(?<=\.) ", description) if s.startswith(f"You know that the {role} ")]


def told_of(description: str, person: str, message: str) -> bool:
    """Whether what a message says of the one wanted also stands in a description of a person."""
    trait = message.rstrip(".").partition(" had ")[2]
    return any(s.startswith(f"{person} ") and trait in s for s in re.split(r"(?<=\.) ", description))


NEEDS: dict[str, tuple[Callable[[int], Any], int]] = {
    "ludus/Assistant-v0: memory": (Helper, MOST),
    "ludus/Assistant-v0: memory, three entries told": (Helper, 3),
    "ludus/Treasure-v0: memory": (Explorers, MOST),
    "ludus/Detective-v0: messages": (Detectives, 1),
}


def share(player: Any, seed: int, episodes: int) -> float:
    """The share of successes among so many episodes of all copies together, from their first on."""
    world, n, each = player.world, COPIES, -(-episodes // COPIES)
    obs, _ = world.reset(np.arange(n), range(seed * n, seed * n + n))
    won, ended = np.zeros(n, int), np.zeros(n, int)
    while ended.min() < each:
        result, obs, _ = autoreset.step(world, player.act(obs))
        counted = result.done & (ended < each)
        won, ended = won + (counted & result.info["success"]), ended + counted
        player.briefed.episode += result.done
    world.close()
    return float(won.sum() / (n * each))


def measure(need: str, seeds: int, episodes: int) -> dict[str, Any]:
    """Both shares over seeds, and their mean difference with its interval."""
    build, most = NEEDS[need]
    on, off = ([share(build(side), seed, episodes) for seed in range(seeds)] for side in (most, 0))
    row: dict[str, Any] = {}
    for name, values in (("with", on), ("without", off), ("difference", np.subtract(on, off))):
        found = interval(values)
        row |= {name: round(found.estimate, 4), f"{name}_low": _round(found.low), f"{name}_high": _round(found.high)}
    return row | {"seeds": seeds, "episodes": episodes}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line each, means over seeds and 95 % intervals."""
    lines = ["| task | with | without | difference |", "|---|--:|--:|--:|"]
    for r in rows:
        cells = [f"{r[k]:.2f} ({r[f'{k}_low']:.2f} to {r[f'{k}_high']:.2f})" for k in ("with", "without", "difference")]
        lines.append(f"| {r['need'].removeprefix('ludus/')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=10)
    ask.add_argument("--episodes", type=int, default=100)
    ask.add_argument("--only", choices=list(NEEDS))
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true", help="print the rows that are there as Markdown")
    given = ask.parse_args(arguments)
    rows = [json.loads(line) for line in given.out.read_text("utf-8").splitlines()] if given.out.exists() else []
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    known = {(r["need"], r["hash"], r["seeds"], r["episodes"]) for r in rows}
    for need in [] if given.table else [n for n in NEEDS if given.only in (None, n)]:
        if (need, code, given.seeds, given.episodes) in known:
            continue
        started = time.process_time()
        row = {"need": need, "hash": code} | measure(need, given.seeds, given.episodes)
        row |= {"date": datetime.date.today().isoformat(), "cpu_seconds": round(time.process_time() - started, 1)}
        print(json.dumps(row), flush=True)
        with given.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        rows.append(row)
    print(table([r for r in rows if r["hash"] == code]))
    return int(any(r["difference_low"] is None or r["difference_low"] <= 0 for r in rows if r["hash"] == code))


if __name__ == "__main__":
    sys.exit(main())
