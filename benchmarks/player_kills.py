"""Ten SIGKILLs of the player at random moments of a training run: the run ends, and every kill is one counted restart.

    python benchmarks/player_kills.py [--kills 10] [--steps 60000] [--seed 0]

PPO learns Ball3D in twelve areas through the wire. A row goes to results/player-kills.jsonl. Exits with 1 where the run
did not end, where the restarts that costs.json reports are not as many as the kills, or where a player is left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ludus.curricula import runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.record import read_run

RESULTS = Path(__file__).parent / "results" / "player-kills.jsonl"
PAUSES = (0.5, 3.0)  # seconds from one kill to the next


def players() -> list[int]:
    """The living players that this process started, oldest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"ludus-player" in line and int(parent) == os.getpid() and state != "Z":
            found.append(int(folder.name))
    return sorted(found)


class Killer:
    """Kills a player of this process at random moments of learning, until it has made its kills.

    The oldest player is spared: it waits for evaluations and would not be missed. pauses: the shortest and the longest.
    """

    def __init__(self, seed: int, kills: int, pauses: tuple[float, float] = PAUSES):
        self.random, self.wanted, self.pauses = random.Random(seed), kills, pauses
        self.kills = 0
        self._learning, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()

    def hear(self, progress: Any) -> None:
        """What the run tells: only who learns is disturbed."""
        (self._learning.set if progress.doing == "learning" else self._learning.clear)()

    def strike(self) -> bool:
        """Kill one player now, if there is one to kill."""
        at_work = players()[1:]
        if at_work and self.kills < self.wanted:
            os.kill(self.random.choice(at_work), signal.SIGKILL)
            self.kills += 1
        return bool(at_work)

    def _run(self) -> None:
        while self.kills < self.wanted and not self._over.wait(self.random.uniform(*self.pauses)):
            if self._learning.is_set():
                self.strike()


def curriculum(steps: int, kills: int) -> Curriculum:
    settings = {"wire": True, "restarts": 2 * kills}
    return Curriculum.model_validate_json(json.dumps({
        "name": "player-kills", "observation": 8, "action": 2,
        "evaluation": {"per_stage": 1, "episodes": 12, "last_episodes": 12},
        "stages": [{"task": "ludus/Ball3D-v0", "steps": steps, "settings": settings}],
        "algorithms": {"ppo": {"rows": 12, "settings": {"n_steps": 128, "batch_size": 512, "n_epochs": 2}}},
    }))  # fmt: skip


def trial(kills: int, steps: int, seed: int) -> dict[str, Any]:
    """The row of one run."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Killer(seed, kills) as killer:
        made = runner.run(curriculum(steps, kills), seed=seed, out=Path(folder) / "run", progress=killer.hear)
        run = read_run(made)
    restarts = int(run.costs["player_restarts"])
    row = {"kills": killer.kills, "restarts": restarts, "ended": run.rows[-1]["last"], "left": len(players())}
    row |= {"task": "ludus/Ball3D-v0", "areas": 12, "steps": run.rows[-1]["step"], "seed": seed}
    row |= {"seconds": round(time.monotonic() - began, 1), "date": datetime.now(UTC).isoformat(timespec="seconds")}
    return row | {"versions": {name: metadata.version(name) for name in ("mlagents-envs", "grpcio", "protobuf")}}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    row = trial(asked.kills, asked.steps, asked.seed)
    print(json.dumps(row))
    with open(RESULTS, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return 0 if row["kills"] == row["restarts"] == asked.kills and row["ended"] and not row["left"] else 1


if __name__ == "__main__":
    sys.exit(main())
