"""Many runs on Ray: each is a task, put on any core of the cluster, and resumed from its folder wherever it lands."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .bench import Job
from .progress import Progress, Tell
from .record import Record, RunError

ATTEMPTS = 100  # of a run, after workers or nodes that died under it
PATIENCE = 120.0  # seconds that a run waits for the lock of a worker that is being put away
LOOK = 2.0  # seconds between two looks at what the runs have written


def perform(
    todo: Sequence[Job],
    workers: int,
    tell: Tell,
    done: Callable[[Job], None] | None = None,
    address: str = "local",
) -> dict[Job, str]:
    """Make every job on a Ray cluster; those that failed, with one line each.

    The folders must lie on storage that every node sees at the same path, and every node needs the suite. A worker or
    a node that dies costs its runs what they did since their last checkpoint; the lock on a folder sees to it that no
    run is made twice at once. Interrupted, it stops them all.

    workers: runs at a time, one core each; 0: as many as the cluster has cores.
    address: "local" starts Ray on this machine; otherwise that of a cluster, or "auto".
    """
    ray = _ray()
    with _connected(ray, address):
        run = ray.remote(num_cpus=1, max_retries=ATTEMPTS, max_calls=1)(attempt)
        waiting, live, failed = list(todo), {}, {}
        limit = workers or len(todo)
        try:
            while waiting or live:
                while waiting and len(live) < limit:
                    job = waiting.pop(0)
                    live[run.remote(_anywhere(job).command(1)[3:])] = job
                ended, _ = ray.wait(list(live), timeout=LOOK)
                for job in live.values():
                    tell_of(job, tell)
                for reference in ended:
                    job = live.pop(reference)
                    said = _outcome(ray, reference)
                    if said:
                        failed[job] = said
                    elif done:
                        done(job)
        finally:
            for reference in live:
                ray.cancel(reference, force=True)
    return failed


def attempt(words: Sequence[str]) -> str:
    """Make or resume one run by its command line, in this process; its last words, "" when it is done."""
    from . import cli

    until = time.monotonic() + PATIENCE
    while True:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = cli.invoke(list(words))
        line = said.getvalue().strip().rpartition("\n")[2]
        if not code or "another process runs here" not in line or time.monotonic() > until:
            return line.removeprefix("ludus: ") or f"ended with {code}" if code else ""
        time.sleep(1)  # whoever holds the folder lost its node, or is about to


def _anywhere(job: Job) -> Job:
    """The job with paths that do not depend on where a worker stands."""
    source = str(Path(job.source).absolute()) if job.source.endswith((".yaml", ".yml")) else job.source
    return dataclasses.replace(job, folder=job.folder.absolute(), source=source)


def tell_of(job: Job, tell: Tell) -> None:
    """Say where a run stands, as its record has it."""
    with contextlib.suppress(RunError, OSError):
        rows = Record(job.folder / "evaluations.jsonl").rows()
        if not rows:
            return
        last, parts = rows[-1], job.plan.parts
        stage = max(last["stage"], 0)
        scores = {row["task"]: row["success"] for row in rows}
        where = ("learning", stage, len(parts), parts[stage].name, last["step"], sum(p.steps for p in parts))
        tell(Progress(job.plan.label, job.plan.seed, *where, scores))


def _outcome(ray: Any, reference: Any) -> str:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ValueError("--ray needs Ray, which is an extra: pip install 'ray>=2.50'") from None
    return ray


def _reachable(address: str) -> None:
    """Raise ValueError where nobody answers at host:port: Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()
        except OSError as error:
            raise ValueError(f"no Ray cluster at {address!r}: {error.strerror or error}") from None


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Ray, as it is there already, or started for as long as this lasts."""
    if ray.is_initialized():
        yield
        return
    _reachable(address)
    one = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = {"env_vars": one | {k: os.environ[k] for k in ("PYTHONPATH", "MUJOCO_GL") if k in os.environ}}
    try:
        ray.init(
            None if address == "local" else address,
            runtime_env=environment,
            log_to_driver=False,
            logging_level="error",
            include_dashboard=False if address == "local" else None,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(f"no Ray cluster at {address!r}: {' '.join(str(error).split())[:200]}") from None
    try:
        yield
    finally:
        ray.shutdown()
