"""How fast text worlds step: encoded observations and masks at 1,024 copies, and TextWorld on a comparable quest.

    python benchmarks/text_speed.py [--rounds 3] [--python PYTHON]

Random allowed commands, auto-reset, the masks of every step; drawing the commands is not timed. TextWorld (Côté et al.
2018, https://arxiv.org/abs/1806.07690) plays a quest of three commands in five rooms with eight things by random
admissible commands; PYTHON is an interpreter that has it, where this one has not. Everything is measured in turn, so
that other work meets all alike; rates are of processor time on one core. page_ms is what an agent's page takes to
write, words_ms a whole step of one copy in words (every agent's sentence read, every page written): medians over steps
of the script. Rows go to results/text-speed.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ludus import envs
from ludus.envs.views import autoreset

RESULTS = Path(__file__).parent / "results" / "text-speed.jsonl"
COPIES, STEPS, BAR = 1024, 24, 100_000
PAGES, PAGE_BAR = 60, 1.0  # steps in words; milliseconds
TEXTWORLD = """
import random, sys, tempfile, time, textworld
from textworld import EnvInfos, GameOptions
options = GameOptions()
options.seeds, options.nb_rooms, options.nb_objects, options.quest_length = 1, 5, 8, 3
with tempfile.TemporaryDirectory() as folder:
    path = folder + "/game.json"
    textworld.generator.make_game(options).save(path)
    env = textworld.start(path, EnvInfos(admissible_commands=True, won=True))
    state, draw, spent, steps = env.reset(), random.Random(0), 0.0, 0
    while steps < 60:
        command = draw.choice(state["admissible_commands"])
        began = time.process_time()
        state, _, done = env.step(command)
        if done or steps % 40 == 39:
            state = env.reset()
        spent, steps = spent + time.process_time() - began, steps + 1
    print(steps / spent, textworld.__version__)
"""


def rate(name: str) -> float:
    """Agent steps a second of processor time."""
    world: Any = envs.make(name, COPIES)
    world.reset(np.arange(COPIES), range(COPIES))
    rng, spent, masks = np.random.default_rng(0), 0.0, world.masks()
    chance = rng.random((4, COPIES, len(world.table)), dtype=np.float32)
    for t in range(STEPS):
        actions = {a: (mask * chance[t % 4]).argmax(axis=1) for a, mask in masks.items()}
        began = time.process_time()
        autoreset.step(world, actions)
        masks = world.masks()
        spent += time.process_time() - began
    return STEPS * COPIES * len(world.agents) / spent


def words(name: str) -> tuple[float, float]:
    """Milliseconds of processor time: one agent's page, and one copy's whole step in words."""
    world: Any = envs.make(name, 1, text=True)
    world.reset(np.arange(1), [0])
    pages, steps = [], []
    for _ in range(PAGES):
        said = world.scripted()
        began = time.process_time()
        result = world.step(said)
        stepped = time.process_time()
        for agent in world.agents:
            world.page(0, agent)
        pages.append((time.process_time() - stepped) / len(world.agents))
        steps.append(stepped - began)
        if result.done.any():
            world.reset(np.arange(1))
    return 1000 * median(pages), 1000 * median(steps)


def textworld(python: str) -> tuple[float, str]:
    """Steps a second of TextWorld, and its version; (0, why) where it cannot be run."""
    done = subprocess.run([python, "-c", TEXTWORLD], capture_output=True, text=True, timeout=400)
    if done.returncode:
        return 0.0, done.stderr.strip().splitlines()[-1]
    found, version = done.stdout.split()[-2:]
    return float(found), version


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--rounds", type=int, default=3)
    ask.add_argument("--python", default=sys.executable)
    given = ask.parse_args(arguments)
    names = [name for name in envs.ids("text") if "needs-build" not in envs.spec(name).tags]
    rates: dict[str, list[float]] = {name: [] for name in names}
    spent = {name: words(name) for name in names}
    theirs, about = [], ""
    for _ in range(given.rounds):
        for name in names:
            rates[name].append(rate(name))
        found, about = textworld(given.python)
        theirs += [found] if found else []
    load = round(os.getloadavg()[0], 2)
    facts = {"copies": COPIES, "rounds": given.rounds, "load": load, "date": time.strftime("%Y-%m-%d")}
    told = {name: {"page_ms": round(page, 3), "words_ms": round(step, 3)} for name, (page, step) in spent.items()}
    rows = [{"world": name, "rate": round(median(rates[name])), **told[name], **facts} for name in names]
    if theirs:
        other = median(theirs)
        rows = [row | {"times_textworld": round(row["rate"] / other)} for row in rows]
        rows.append({"world": f"TextWorld {about}", "rate": round(other, 1), **facts, "copies": 1})
    else:
        print(f"TextWorld was not measured: {about}")
    with RESULTS.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    for row in rows:
        more = f"a page in {row['page_ms']} ms, a step in {row['words_ms']} ms" if "page_ms" in row else ""
        print(f"{row['world']}: {row['rate']:,} agent steps a second", row.get("times_textworld", ""), more)
    return int(any(median(rates[name]) < BAR or spent[name][0] >= PAGE_BAR for name in names))


if __name__ == "__main__":
    sys.exit(main())
