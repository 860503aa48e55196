"""What physics that varies and pictures cost: steps a second against the task as it is.

    python benchmarks/physics_costs.py [--tasks Lift-v0 …] [--seconds 1] [--rounds 5]

Everything is measured in turn within one run, so that other work on the machine meets all alike: keep the ratios.
A row for every task and setting goes to results/physics-costs.jsonl; those that are there, of the task as it
is, are not made again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ludus import envs
from ludus.curricula.speed import Runner, compare
from ludus.envs import registry, revisions
from ludus.envs.views import autoreset

RESULTS = Path(__file__).parent / "results" / "physics-costs.jsonl"
TASKS = ("Lift-v0", "TwoArmLift-v0", "Crossing-v0")
PIXELS = 8  # copies that see pictures; the others are 64
SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "vary_mass": {"vary_mass": 0.3},
    "vary_friction, vary_gain": {"vary_friction": 0.3, "vary_gain": 0.3},
    "latency": {"latency": 3},
    "noise": {"noise": 0.01},
    "pictures of 84 × 84": {"obs": "rgb"},
}


def runner(task: str, name: str) -> Runner:
    """An episode under random actions, its end and the next one's start included; of pictures, its first steps."""
    settings = SETTINGS[name]
    world = envs.make(task, PIXELS if "obs" in settings else 64, nthread=1, **settings)
    rng, n = np.random.default_rng(0), world.num_envs
    steps = 5 if "obs" in settings else world.max_episode_steps
    actions = {a: rng.uniform(-1, 1, (n, *(space.shape or ()))) for a, space in world.action_spaces.items()}

    def prepare() -> None:
        world.reset(np.arange(n), range(n))

    def block() -> None:
        for _ in range(steps):
            autoreset.step(world, actions)

    return Runner(name, steps * n, prepare, block, world.close)


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--tasks", nargs="+", default=TASKS)
    ask.add_argument("--seconds", type=float, default=1.0)
    ask.add_argument("--rounds", type=int, default=5)
    given = ask.parse_args(arguments)
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    known = {(row["env"], row.get("revision", 0)) for row in map(json.loads, lines)}
    for task in map(registry.full, given.tasks):
        if (task, now := revisions.revision(task)) in known:
            continue
        rows = compare(task, [runner(task, name) for name in SETTINGS], given.seconds, given.rounds)
        about = {"revision": now, "date": datetime.now(UTC).isoformat(timespec="seconds")}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(dataclasses.asdict(row) | about) + "\n" for row in rows)
        for row in rows:
            told = f"{row.ratio:.3f} [{row.low:.3f}, {row.high:.3f}]"
            print(f"{row.env}, {row.name}: {row.rate:,.0f} steps a second, ratio {told}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
