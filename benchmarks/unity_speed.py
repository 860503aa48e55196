"""Agent steps a second: Ball3D through Unity's client and the wire, and the same game in this process.

    python benchmarks/unity_speed.py [--game Ball3D-v0] [--areas 12] [--seconds 2] [--rounds 7]

The wire with so many areas, the game in this process with as many, and with 256, are measured in turn, round by round;
what is kept is the median over the rounds. Actions are random, episodes that end begin anew. Rates are by the clock and
by the processor (of this process and of the player together): on a machine with other work only the second is about the
code. A row goes to results/unity-speed.jsonl; the bars are 3,000 a second on the wire, and ten times that without it.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ludus import envs
from ludus.envs.views.sb3 import Sb3View

RESULTS = Path(__file__).parent / "results" / "unity-speed.jsonl"
MANY = 256
TICK = os.sysconf("SC_CLK_TCK")


class Timed:
    """A game that is stepped by chance. rates: of the rounds, (by the clock, by the processor)."""

    def __init__(self, game: str, areas: int, wire: bool):
        self.world: Any = envs.make(f"ludus/{game}", areas, **({"wire": True} if wire else {}))
        self.view = Sb3View(self.world)
        self.view.action_space.seed(0)
        self.drawn = [np.stack([self.view.action_space.sample() for _ in range(self.view.num_envs)]) for _ in range(50)]
        self.view.reset()
        self.rates: list[tuple[float, float]] = []

    def _spent(self) -> float:
        """Processor seconds of this process and of the player."""
        client = getattr(self.world, "client", None)
        if client is None:
            return time.process_time()
        fields = Path(f"/proc/{client._process.pid}/stat").read_text().rpartition(")")[2].split()
        return time.process_time() + (int(fields[11]) + int(fields[12])) / TICK

    def measure(self, seconds: float) -> None:
        steps, begun, spent = 0, time.perf_counter(), self._spent()
        while time.perf_counter() - begun < seconds:
            for actions in self.drawn:
                self.view.step(actions)
            steps += len(self.drawn) * self.view.num_envs
        self.rates.append((steps / (time.perf_counter() - begun), steps / (self._spent() - spent)))


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--game", default="Ball3D-v0")
    ask.add_argument("--areas", type=int, default=12)
    ask.add_argument("--seconds", type=float, default=2.0)
    ask.add_argument("--rounds", type=int, default=7)
    given = ask.parse_args()
    paths = {
        f"wire, {given.areas}": Timed(given.game, given.areas, True),
        f"in process, {given.areas}": Timed(given.game, given.areas, False),
        f"in process, {MANY}": Timed(given.game, MANY, False),
    }
    load = os.getloadavg()[0]
    for _ in range(given.rounds + 1):
        for path in paths.values():
            path.measure(given.seconds)
    row: dict[str, Any] = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "game": given.game}
    row |= {"areas": given.areas, "rounds": given.rounds, "load": [round(load, 1), round(os.getloadavg()[0], 1)]}
    for name, path in paths.items():
        clock, processor = np.median(path.rates[1:], axis=0)  # the first round allocates
        row[name] = {"clock": round(clock), "processor": round(processor)}
        path.view.close()
    print(json.dumps(row))
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
