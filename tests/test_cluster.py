"""Runs on Ray end as they would have without it, though a worker dies under them."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from test_runner import TINY

from ludus.curricula import bench, cli, cluster, curriculum

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from cluster_proof import restarts, workers  # type: ignore[import-not-found]


def kill_one_that_has_saved(folder, killed, over):
    """Put an end to a worker as soon as its run has a checkpoint to go on from."""
    while not over.is_set() and not killed:
        if list(folder.glob("*/checkpoints/*/meta.json")) and (alive := workers()):
            os.kill(alive[0], signal.SIGKILL)
            killed.append(alive[0])
        time.sleep(0.01)


def test_a_worker_that_dies_costs_a_restart_and_no_number(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_worker_niceness", "0")  # Ray's workers are nice by 15, and other tests are not
    file = tmp_path / "tiny.yaml"
    file.write_text(json.dumps(TINY))
    made = curriculum.load(file)
    plain, rayed = (
        bench.jobs(str(file), made, ("replay",), (0,), tmp_path / name, references=False) for name in ("plain", "ray")
    )
    assert cluster.attempt(plain[0].command(1)[3:]) == ""  # here, without Ray
    told, done, killed, over = [], [], [], threading.Event()
    villain = threading.Thread(target=kill_one_that_has_saved, args=(tmp_path / "ray", killed, over))
    villain.start()
    try:
        assert not cluster.perform(rayed, 1, told.append, done.append)
    finally:
        over.set()
        villain.join()
    assert killed and restarts(rayed) == 1 and done == rayed and told[-1].label == "replay@ppo"
    for name in ("evaluations.jsonl", "metrics.json"):
        assert (plain[0].folder / name).read_bytes() == (rayed[0].folder / name).read_bytes()


@pytest.mark.parametrize("address", ["nowhere.invalid:1"])
def test_a_cluster_that_is_not_there_is_said_in_one_line(tmp_path, capsys, address):
    file = tmp_path / "tiny.yaml"
    file.write_text(json.dumps(TINY))
    words = ["bench", str(file), "--methods", "finetune", "--ray", address, "--out", str(tmp_path / "out")]
    assert cli.invoke(words) == 2
    assert "no Ray cluster at 'nowhere.invalid:1'" in capsys.readouterr().err
