"""Runs on a Ray cluster that loses workers and a node end with the same numbers as without Ray.

    python benchmarks/cluster_proof.py [--runs 20] [--kills 2] [--seed 0]

Three nodes on this machine, of one core each. While the runs are made, `kills` workers die by SIGKILL and one node is
lost, each when a drawn number of runs is done and another has saved something. The runs are small: two stages, a few
seconds. Those without Ray stay in build/cluster-proof and are not made again; a dated row goes to
results/cluster-proof.jsonl, and one that is there for the same runs, kills and seed is not made again either.
"""

from __future__ import annotations

import argparse
import contextlib
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
PLAIN = Path(__file__).resolve().parent.parent / "build" / "cluster-proof"
ALIKE = ("evaluations.jsonl", "metrics.json")
SMALL = """
observation: 20
action: 4
evaluation: {per_stage: 6, episodes: 4, last_episodes: 8}
stages: [{task: Reach-v0, steps: 8000}, {task: Push-v0, steps: 8000}]
algorithms:
  ppo: {rows: 64, settings: {n_steps: 25, batch_size: 400, n_epochs: 2}}
methods:
  replay: {size: 500, batch: 64}
"""


def made(runs: int, folder: Path) -> list[bench.Job]:
    """Fine-tuning and replay on the small curriculum, with as many seeds as it takes."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "small.yaml"
    source.write_text(SMALL)
    seeds = range(-(-runs // 2))
    small = curriculum.load(source)
    return bench.jobs(str(source), small, ("finetune", "replay"), seeds, folder, references=False)[:runs]


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


def harm(
    nodes, spare, jobs: list[bench.Job], kills: int, rng: np.random.Generator, told: list[str], over: threading.Event
) -> None:
    """Kill workers and lose a node while the runs are made."""
    acts = ["worker"] * kills + ["node"]
    moments = sorted(rng.choice(max(len(jobs) - 4, len(acts)), len(acts), replace=False))
    for act, moment in zip(rng.permutation(acts), moments, strict=True):
        while not over.is_set() and not (sum(j.finished for j in jobs) >= moment and (alive := at_work(jobs))):
            time.sleep(0.1)
        if over.is_set():
            return
        if act == "node":
            nodes.remove_node(spare, allow_graceful=False)
        else:
            os.kill(int(rng.choice(sorted(alive))), signal.SIGKILL)
        told.append(str(act))


def at_work(jobs: list[bench.Job]) -> list[int]:
    """The workers whose run has a checkpoint to go on from: they hold its lock open."""
    saved = {j.folder / "lock" for j in jobs if not j.finished and list(j.folder.glob("checkpoints/*/meta.json"))}
    found = []
    for pid in workers():
        with contextlib.suppress(OSError):
            if saved & {Path(os.readlink(fd)) for fd in Path(f"/proc/{pid}/fd").iterdir()}:
                found.append(pid)
    return found


def restarts(jobs: list[bench.Job]) -> int:
    return sum(int(json.loads((j.folder / "costs.json").read_text()).get("resumes", 0)) for j in jobs)


def main() -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--runs", type=int, default=20)
    ask.add_argument("--kills", type=int, default=2)
    ask.add_argument("--seed", type=int, default=0)
    given = ask.parse_args()
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "300")  # read as Ray is imported; a busy machine is slow
    from ray.cluster_utils import Cluster

    plain = made(given.runs, PLAIN)
    about = {"runs": given.runs, "kills": given.kills, "seed": given.seed, "hash": plain[0].plan.hash[:16]}
    there = [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    if found := next((row for row in there if all(row.get(k) == v for k, v in about.items())), None):
        print(json.dumps(found))
        return 0 if good(found, given.kills) else 1
    rng, told, over = np.random.default_rng(given.seed), [], threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        harmed = made(given.runs, Path(folder, "ray"))
        said = {job: cluster.attempt(job.command(1)[3:]) for job in plain if not job.finished}  # here, without Ray
        failed = {job: line for job, line in said.items() if line}
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        spare = [nodes.add_node(num_cpus=1) for _ in range(2)][-1]
        villain = threading.Thread(target=harm, args=(nodes, spare, harmed, given.kills, rng, told, over))
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
            **about, "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
            "workers_killed": told.count("worker"), "nodes_lost": told.count("node"),
            "restarts_counted": restarts(harmed) if not failed else None, "same_numbers": same,
            "failed": list(failed.values()), "seconds": round(seconds, 1),
        }  # fmt: skip
        told_of = reported(harmed, Path(folder, "report.html")) if not failed else None
        row["restarts_in_the_report"] = told_of
    print(json.dumps(row))
    with RESULTS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    return 0 if good(row, given.kills) else 1


def reported(jobs: list[bench.Job], out: Path) -> int:
    """The restarts that a report of these runs speaks of."""
    from ludus.curricula import report
    from ludus.curricula.record import read_run

    page = report.write([read_run(job.folder) for job in jobs], out).read_text()
    return int(page.partition(" restart")[0].rpartition("· ")[2])


def good(row: dict, kills: int) -> bool:
    """Nothing differs, all harm was done, and the restarts are told: a node takes one run with it at most."""
    told = row["workers_killed"] == kills and row["nodes_lost"] == 1
    counted = row["restarts_counted"] == row["restarts_in_the_report"] and kills <= row["restarts_counted"] <= kills + 1
    return row["same_numbers"] and told and counted


if __name__ == "__main__":
    sys.exit(main())
