"""Runs on a Ray cluster that loses workers and a node end with the same numbers as without Ray.

    python benchmarks/cluster_proof.py [--runs 20] [--kills 2]

Three nodes on this machine, of one core each. While the runs are made, `kills` workers die by SIGKILL and one node is
lost, at drawn moments. A dated row goes to results/cluster-proof.jsonl.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from ludus.curricula import bench, cluster, curriculum

RESULTS = Path(__file__).parent / "results" / "cluster-proof.jsonl"
ALIKE = ("evaluations.jsonl", "metrics.json")


def made(runs: int, folder: Path) -> list[bench.Job]:
    """Fine-tuning and replay on first-steps at its smallest size, with as many seeds as it takes."""
    small = curriculum.load("first-steps")
    seeds = range(-(-runs // 2))
    return bench.jobs("first-steps", small, ("finetune", "replay"), seeds, folder, references=False, tier="smoke")[
        :runs
    ]


def workers() -> list[int]:
    """The processes in which runs are made now."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and b"ray::attempt" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def harm(nodes, spare, kills: int, rng: np.random.Generator, told: list[str], over: threading.Event) -> None:
    """Kill workers and lose a node while the runs are made."""
    acts = ["worker"] * kills + ["node"]
    for act in rng.permutation(acts):
        over.wait(rng.uniform(8, 20))
        while not over.is_set() and not (alive := workers()):
            time.sleep(0.2)
        if over.is_set():
            return
        if act == "node":
            nodes.remove_node(spare, allow_graceful=False)
        else:
            os.kill(int(rng.choice(alive)), signal.SIGKILL)
        told.append(str(act))


def restarts(jobs: list[bench.Job]) -> int:
    return sum(int(json.loads((j.folder / "costs.json").read_text()).get("resumes", 0)) for j in jobs)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--runs", type=int, default=20)
    ask.add_argument("--kills", type=int, default=2)
    ask.add_argument("--seed", type=int, default=0)
    given = ask.parse_args()
    from ray.cluster_utils import Cluster

    rng, told, over = np.random.default_rng(given.seed), [], threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        plain, harmed = made(given.runs, Path(folder, "plain")), made(given.runs, Path(folder, "ray"))
        failed = bench.perform(plain, 2, lambda _: None)
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        spare = [nodes.add_node(num_cpus=1) for _ in range(2)][-1]
        villain = threading.Thread(target=harm, args=(nodes, spare, given.kills, rng, told, over))
        villain.start()
        started = time.monotonic()
        failed |= cluster.perform(harmed, 0, lambda _: None, address=str(nodes.address))
        seconds = time.monotonic() - started
        over.set()
        villain.join()
        nodes.shutdown()
        same = not failed and all(
            (a.folder / name).read_bytes() == (b.folder / name).read_bytes()
            for a, b in zip(plain, harmed, strict=True)
            for name in ALIKE
        )
        row = {
            "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            "runs": given.runs, "workers_killed": told.count("worker"), "nodes_lost": told.count("node"),
            "restarts_counted": restarts(harmed) if not failed else None, "same_numbers": same,
            "failed": list(failed.values()), "seconds": round(seconds, 1),
        }  # fmt: skip
    print(json.dumps(row))
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return 0 if same and len(told) == given.kills + 1 else 1


if __name__ == "__main__":
    sys.exit(main())
