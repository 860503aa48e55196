"""A life of a hundred generated tasks does not grow: resident size, open files, processes after each of its tasks.

    python benchmarks/long_life.py [--family words] [--tasks 100] [--seed 0] [--methods finetune bounded-replay replay]

Each method lives through the generated curriculum at smoke size, in a process of its own: a thousand steps a task, in
episodes of ten. Tasks are not tried on the way unless --tried asks for it: that is tasks times tasks, and a slice of it
stands in the tests. Resident size must stay flat
within 10 % after the tenth task, but for what the method says that it keeps (`memory_kept_bytes`): that it may grow by.
Open files, threads and child processes must not grow at all; a run's folder gains one policy a stage. A row for every
method goes to results/long-life.jsonl; rows that are there with the same hash are not made again.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ludus.curricula import generate, plan, runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.progress import Progress

RESULTS = Path(__file__).parent / "results" / "long-life.jsonl"
SETTLED = 10  # tasks after which nothing may grow
MORE = 0.10  # of the resident size, that it may grow all the same
METHODS = ("finetune", "bounded-replay", "replay")
SIZES = {"replay": {"size": 960, "batch": 64}, "bounded-replay": {"size": 4000, "batch": 64}}  # rows kept
ROLLOUT = {"n_steps": 8, "batch_size": 480}
LENGTH = 10  # steps of an episode


def born(family: str, tasks: int, seed: int) -> Curriculum:
    """The generated curriculum in short episodes and short rollouts: many tasks are the point, not what is learnt."""
    made = generate.generate(family, tasks, seed)
    brief = [s.model_copy(update={"settings": s.settings | {"max_episode_steps": LENGTH}}) for s in made.stages]
    usual = made.algorithms["ppo" if family == "robots" else "maskable-ppo"]
    short = usual.model_copy(update={"settings": usual.settings | ROLLOUT})
    algorithms = {"ppo" if family == "robots" else "maskable-ppo": short}
    return made.model_copy(update={"stages": tuple(brief), "algorithms": algorithms, "methods": SIZES})


class Watch:
    """Takes down what the process holds whenever a run says that another stage began, and at its end."""

    def __init__(self, folder: Path):
        self.folder, self.stage = folder, 0
        self.seen: dict[str, list[int]] = {k: [] for k in ("rss", "files", "threads", "processes", "policies", "kept")}

    def __call__(self, now: Progress) -> None:
        if now.stage > self.stage or now.doing == "done":
            self.stage = now.stage
            for name, value in held(self.folder).items():
                self.seen[name].append(value)


def held(folder: Path) -> dict[str, int]:
    """Bytes resident, open files, threads, children, policies in a run's folder, bytes of the past that are kept."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    children = sum(len(task.joinpath("children").read_text().split()) for task in Path("/proc/self/task").iterdir())
    return {
        "rss": pages * resource.getpagesize(),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "processes": children,
        "policies": len(list((folder / "policies").glob("*"))),
        "kept": int(json.loads((folder / "costs.json").read_text())["memory_kept_bytes"]),
    }


def live(made: Curriculum, method: str, folder: Path, tier: str = "smoke", tried: bool = False) -> dict[str, list[int]]:
    """What is held after each task of the life. tried: all tasks, after each of them."""
    watch = Watch(folder)
    algorithm, methods, regime = plan.parse(method, made.usual)
    how = {"methods": methods, "regime": regime, "tier": tier, "evaluations": tried}
    runner.run(made, algorithm=algorithm, out=folder, progress=watch, **how)
    return watch.seen


def judged(seen: dict[str, list[int]]) -> dict[str, Any]:
    """How much grew after the tenth task, and whether that is allowed."""
    from_here = min(SETTLED, len(seen["rss"])) - 1
    rss, kept = seen["rss"][from_here:], seen["kept"][from_here:]
    grown = max(rss) - rss[0]
    growth = max(grown - (max(kept) - kept[0]), 0) / rss[0]
    alike = {k: max(seen[k][from_here:]) - seen[k][from_here] for k in ("files", "threads", "processes")}
    return {
        "rss_growth": round(grown / rss[0], 4),
        "rss_growth_beyond_kept": round(growth, 4),
        "kept_bytes_a_task": round((kept[-1] - kept[0]) / max(len(kept) - 1, 1)),
        **{f"{k}_gained": v for k, v in alike.items()},
        "flat": growth <= MORE and not any(alike.values()),
    }


def row(family: str, tasks: int, seed: int, method: str, tried: bool) -> dict[str, Any]:
    """Live it here; one row."""
    made, started = born(family, tasks, seed), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        seen = live(made, method, Path(folder, "run"), tried=tried)
    return key(family, tasks, seed, method, tried) | {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"), **judged(seen),
        "processor_seconds": round(time.process_time() - started),
        "rss_mib": [round(b / 2**20, 1) for b in seen["rss"]], "kept_kib": [round(b / 2**10) for b in seen["kept"]],
        "policies": seen["policies"][-1],
    }  # fmt: skip


def key(family: str, tasks: int, seed: int, method: str, tried: bool) -> dict[str, Any]:
    """What tells rows apart."""
    made = born(family, tasks, seed)
    algorithm, methods, regime = plan.parse(method, made.usual)
    planned = plan.plan(made, algorithm, methods, regime, tier="smoke")
    which = {"family": family, "tasks": tasks, "seed": seed, "method": method, "tried": tried}
    return which | {"hash": planned.hash[:16]}


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--family", default="words", choices=["robots", "games", "words"])
    ask.add_argument("--tasks", type=int, default=100)
    ask.add_argument("--seed", type=int, default=0)
    ask.add_argument("--methods", nargs="+", default=METHODS)
    ask.add_argument("--tried", action="store_true", help="try all tasks after each of them")
    ask.add_argument("--one", help=argparse.SUPPRESS)  # in a process of its own
    given = ask.parse_args()
    which = (given.family, given.tasks, given.seed)
    if given.one:
        print(json.dumps(row(*which, given.one, given.tried)))
        return 0
    there = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    rows = []
    for method in given.methods:
        mine = key(*which, method, given.tried)
        found = next((r for r in there if all(r.get(k) == v for k, v in mine.items())), None)
        if not found:
            words = [__file__, "--family", which[0], "--tasks", str(which[1]), "--seed", str(which[2])]
            words += ["--tried"] * given.tried
            said = subprocess.run(
                [sys.executable, *words, "--one", method], check=True, stdout=subprocess.PIPE, text=True
            )
            found = json.loads(said.stdout.splitlines()[-1])
            with RESULTS.open("a") as file:
                file.write(json.dumps(found) + "\n")
        rows.append(found)
        print(json.dumps({k: v for k, v in found.items() if not isinstance(v, list)}))
    return 0 if all(r["flat"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
