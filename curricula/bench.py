"""Many runs side by side, each a process of its own; one table at the end, one row of results for each run."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .curriculum import Curriculum
from .plan import Plan, parse, plan
from .progress import Progress, Tell
from .record import read_json

REFERENCES = ("joint", "scratch")
TOLD_APART = ("tier", "input", "instructor", "hash", "seed")  # the first that differs says why a run is another one


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """A run to be made: what is to be done, and in which folder. source: how the curriculum was named."""

    plan: Plan
    folder: Path
    source: str
    allow_code: bool = False

    @property
    def finished(self) -> bool:
        """Whether this very run is there; one with other settings is not, and stands in its way."""
        there = (self.folder / "metrics.json").exists() and read_json(self.folder / "run.json")
        return bool(there) and there.get("hash") == self.plan.hash

    def command(self, threads: int) -> list[str]:
        """The command line that makes or resumes it."""
        p = self.plan
        methods = [m["name"] for m in p.methods] or [p.label.partition("@")[0]]
        words = ["run", self.source, "--algorithm", p.algorithm, "--input", p.input, "--instructor", p.instructor]
        words += _of_speaker(p.speaker)
        words += [w for m in methods for w in ("--method", m)]
        words += ["--tier", p.tier, "--seed", str(p.seed), "--device", p.device, "--out", str(self.folder)]
        words += ["--threads", str(threads), "--resume", "--json", *["--allow-code"] * self.allow_code]
        return [sys.executable, "-m", "ludus.curricula.cli", *words]


def _of_speaker(speaker: Mapping[str, Any]) -> list[str]:
    """The options of `ludus run` that say which language model it is. Raises ValueError for what has none."""
    said = {k: v for k, v in speaker.items() if k != "offline"}
    if other := said.keys() - {"model", "mode", "endpoint"}:
        raise ValueError(f"{min(other)} of a language model is for a run from Python; `ludus run` has no option for it")
    return [w for k, v in said.items() for w in (f"--{k}", str(v))] + ["--online"] * (not speaker.get("offline", True))


def jobs(
    source: str, curriculum: Curriculum, labels: Iterable[str], seeds: Iterable[int], out: Path, references=True, **how
) -> list[Job]:
    """A job for every label ("replay@sac", "joint", …) and seed; every algorithm brings its references.

    how: tier, input, instructor, device, allow_code. Raises ValueError before anything starts.
    """
    allow_code = how.pop("allow_code", False)
    wanted = [parse(label, curriculum.usual) for label in labels]
    if references:
        wanted += [parse(f"{regime}@{algorithm}") for algorithm, _, _ in wanted for regime in REFERENCES]
    found = []
    for seed in seeds:
        for algorithm, methods, regime in dict.fromkeys(wanted):
            made = plan(curriculum, algorithm, methods, regime, seed=seed, allow_code=allow_code, **how)
            _of_speaker(made.speaker)
            found.append(Job(made, out / f"{made.label}-{seed}", source, allow_code))
    return found


def check(todo: Iterable[Job]) -> None:
    """Raise ValueError, before anything starts, where the run in a job's folder is another one."""
    for job in todo:
        if (job.folder / "run.json").exists():
            there = read_json(job.folder / "run.json")
            differ = [key for key in TOLD_APART if there.get(key) != getattr(job.plan, key)]
            if {"hash", "seed"} & set(differ):
                what = f"{differ[0]} {str(there.get(differ[0]))[:20]!r}, not {str(getattr(job.plan, differ[0]))[:20]!r}"
                raise ValueError(f"{job.folder}: another run is there ({what}); choose another --out, or move it away")


def perform(todo: Sequence[Job], workers: int, tell: Tell, done: Callable[[Job], None] | None = None) -> dict[Job, str]:
    """Make every job, `workers` at a time; those that failed, with one line each. Interrupted, it stops them all.

    done: told of every job as it is finished, so that its result is kept whatever becomes of the others.
    """
    threads = max(1, (os.cpu_count() or 1) // max(1, workers))
    waiting, news = list(todo), queue.Queue()
    live: dict[Job, subprocess.Popen] = {}
    failed: dict[Job, str] = {}
    try:
        while waiting or live:
            while waiting and len(live) < workers:
                job = waiting.pop(0)
                live[job] = _start(job, threads, news)
            job, what = news.get()
            if isinstance(what, Progress):
                tell(what)
            else:
                if live.pop(job).wait():
                    failed[job] = what
                elif done:
                    done(job)
    finally:
        for process in live.values():
            process.terminate()  # which a run takes as it takes Ctrl-C
        for process in live.values():
            process.wait()
    return failed


def _start(job: Job, threads: int, news: queue.Queue) -> subprocess.Popen:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(
        job.command(threads), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    threading.Thread(target=_listen, args=(job, process, news), daemon=True).start()
    return process


def _listen(job: Job, process: subprocess.Popen, news: queue.Queue) -> None:
    """Pass on a run's progress, then its last words."""
    said: list[str] = []
    errors = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
    errors.start()
    for line in process.stdout or ():
        try:
            news.put((job, Progress(**json.loads(line))))
        except (ValueError, TypeError):
            said.append(line)
    errors.join()
    news.put((job, said[-1].strip().removeprefix("ludus: ") if said else "ended without a word"))
