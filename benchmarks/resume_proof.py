"""Kill a run with SIGKILL at random moments, resume it, and compare its record with an uninterrupted one, byte by byte.

    python benchmarks/resume_proof.py [--kills 10] [--seed 0] [--algorithm ppo sac]

The moments are drawn with a seed, among the run's own steps: in learning, in an evaluation, while a checkpoint is
written or renamed, while the record is appended to. Prints one line for every kill and whether all bytes are equal.
A row for every algorithm goes to results/resume-proof.jsonl; it is made anew where the code that runs, tries or saves
has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "resume-proof.jsonl"
COMPARED = ("evaluations.jsonl", "metrics.json", "policies/stage-0.safetensors", "policies/stage-1.safetensors")
MOMENTS = ("learning", "evaluating", "os.write", "os.fsync", "os.replace")
CURRICULUM = """
observation: 20
action: 4
evaluation: {per_stage: 4, episodes: 4, last_episodes: 6}
stages: [{task: Reach-v0, steps: 2500}, {task: Push-v0, steps: 2500}]
algorithms:
  ppo: {rows: 64, settings: {n_steps: 8, batch_size: 256, n_epochs: 2}}
  sac: {rows: 16, settings: {batch_size: 32, learning_starts: 200, train_freq: 4, buffer_size: 2500}}
methods:
  replay: {size: 200, batch: 32}
"""


def live(folder: Path, algorithm: str, kill: tuple[str, int] | None = None) -> None:
    """Run or go on in folder; with kill = (moment, n), die at the n-th such moment."""
    from ludus.curricula import runner

    source = folder.parent / "proof.yaml"
    source.write_text(CURRICULUM)
    if kill:
        _arm(*kill)
    how = {"methods": ["replay"], "resume": True, "checkpoint_share": float("inf"), "threads": 1}
    runner.run(source, algorithm=algorithm, out=folder, **how)


def survive(folder: Path, algorithm: str, kills: int, seed: int, tell=print) -> list[str]:
    """Kill runs `kills` times in child processes, finish them; what differs from a run that was left alone."""
    draw = random.Random(seed)
    _child(folder / "calm", algorithm, None)
    done, hurt, differ = 0, folder / "hurt-0", []
    while done < kills:
        moment = MOMENTS[draw.randrange(len(MOMENTS))], draw.randint(1, 12)
        if _child(hurt, algorithm, moment):
            done += 1
            tell(f"  {algorithm}: {hurt.name} killed at {moment[0]} number {moment[1]}")
        else:
            differ += _differing(folder / "calm", hurt)
            hurt = folder / f"hurt-{done}"
    _child(hurt, algorithm, None)
    return differ + _differing(folder / "calm", hurt)


def _differing(calm: Path, hurt: Path) -> list[str]:
    return [f"{hurt.name}/{name}" for name in COMPARED if (calm / name).read_bytes() != (hurt / name).read_bytes()]


def _child(folder: Path, algorithm: str, kill: tuple[str, int] | None) -> bool:
    """Live in a forked process; whether it was killed."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            live(folder, algorithm, kill)
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"the run in {folder} failed")
    return os.WIFSIGNALED(status)


def _arm(moment: str, number: int) -> None:
    """Replace what happens at the moment by itself, and by death before the number-th time (after half of a write)."""
    from ludus.agents.learner import Learner
    from ludus.curricula import evaluation

    where, name = {
        "learning": (Learner, "learn"),
        "evaluating": (evaluation, "evaluate"),
    }.get(moment, (os, moment.removeprefix("os.")))
    real, count = getattr(where, name), [0]

    def watched(*args):
        count[0] += 1
        if count[0] == number:
            if moment == "os.write":
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args)

    setattr(where, name, watched)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--algorithm", nargs="+", default=["ppo", "sac"])
    options = parser.parse_args(arguments)
    from ludus.curricula import curriculum, runner  # noqa: F401  before forking, once

    curriculum.load("first-steps")

    rows = [_row(algorithm, options.kills, options.seed) for algorithm in options.algorithm]
    for row in rows:
        said = "differs: " + ", ".join(row["differ"]) if row["differ"] else "byte-equal"
        print(f"{row['algorithm']}: {row['kills']} kills, seed {row['seed']}, {said} ({row['date']})")
    return int(any(row["differ"] for row in rows))


def _row(algorithm: str, kills: int, seed: int) -> dict:
    """The row that is there, or one made now; a row that differs is made again."""
    key = {"algorithm": algorithm, "kills": kills, "seed": seed, "hash": fingerprint()}
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    for row in map(json.loads, lines):
        if row.items() >= key.items() and not row["differ"]:
            return row
    with tempfile.TemporaryDirectory() as folder:
        differ = survive(Path(folder), algorithm, kills, seed)
    row = key | {"differ": differ, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return row


def fingerprint() -> str:
    """One hash for the code that a run and its resumption depend on."""
    from ludus.agents import interface, learner, state
    from ludus.agents.methods import replay
    from ludus.curricula import checkpoint, evaluation, folder, record, runner

    parts = (interface, learner, state, replay, checkpoint, evaluation, folder, record, runner)
    return hashlib.sha256("".join(inspect.getsource(p) for p in parts).encode()).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
