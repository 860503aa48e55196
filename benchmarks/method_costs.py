"""What each method costs over fine-tuning, in time and in bytes kept, and what hooks that do nothing cost.

    python benchmarks/method_costs.py [--methods ewc …] [--algorithm ppo] [--few 6] [--pairs 20] [--steps 6400]

A pair is a life with the method and one without, of two tasks on rows that cost nothing, so that what is compared is
learning alone; which of the two comes first alternates. Time is that of the processor, which other work on the machine
changes little. The ratio is the median over the pairs, with a 95 % bootstrap interval: of `few` pairs, or of `pairs`
where those few leave open whether it is under 10 %. "hooks" is a method whose hooks are all there and empty, against a
learner whose optimizers have no hooks at all. A row for each pair goes to results/method-costs.jsonl as it ends; pairs
that are there, of the same settings, are not made again. Then the table.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ludus.agents.learner import Learner
from ludus.agents.method import Method
from ludus.agents.methods import METHODS

RESULTS = Path(__file__).parent / "results" / "method-costs.jsonl"
ROWS, WIDTH, ACTIONS = 128, 36, 4  # as first-steps has them
CLEAR = 1.10  # a ratio whose interval lies above this needs no more pairs
SETTINGS: dict[str, dict[str, Any]] = {
    "ppo": {"n_steps": 25, "batch_size": 400, "n_epochs": 10, "policy_kwargs": {"net_arch": [128, 128]}},
    "sac": {"learning_starts": 256, "batch_size": 256, "buffer_size": 20_000, "gradient_steps": 4,
            "policy_kwargs": {"net_arch": [128, 128]}},
}  # fmt: skip


class Still(VecEnv):
    """Rows drawn once and shown for ever: stepping them costs next to nothing."""

    def __init__(self, task: str):
        self.render_mode, self.rows = None, np.random.default_rng(len(task)).normal(size=(64, ROWS, WIDTH))
        self.rows, self.at, self.task = self.rows.astype(np.float32), 0, task
        space = spaces.Box(-np.inf, np.inf, (WIDTH,), np.float32)
        super().__init__(ROWS, space, spaces.Box(-1, 1, (ACTIONS,), np.float32))

    def reset(self):
        return self.rows[0]

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        self.at += 1
        obs = self.rows[self.at % 64]
        done = np.full(ROWS, self.at % 50 == 0)
        infos = [{"terminal_observation": row} if d else {} for row, d in zip(obs, done, strict=True)]
        return obs, -np.square(self.actions).sum(axis=1), done, infos

    def seed(self, seed=None): return [seed] * ROWS  # fmt: skip

    def close(self): ...
    def get_attr(self, attr_name, indices=None): return [getattr(self, attr_name, None)] * ROWS  # fmt: skip

    def set_attr(self, attr_name, value, indices=None): ...
    def env_method(self, method_name, *args, indices=None, **kwargs): return [None] * ROWS  # fmt: skip

    def env_is_wrapped(self, wrapper_class, indices=None): return [False] * ROWS  # fmt: skip


def life(algorithm: str, steps: int, methods: Sequence[Method] = (), hooks: bool = True) -> tuple[float, int]:
    """(CPU seconds, bytes kept at its end) of two tasks."""
    learner = Learner(algorithm, methods, seed=1, device="cpu", settings=SETTINGS[algorithm])
    started = time.process_time()
    for task in ("first", "second"):
        learner.start(task, Still(task))
        if not hooks:
            for _, optimizer, _ in learner.nets():
                optimizer._optimizer_step_pre_hooks.clear()
                optimizer._optimizer_step_post_hooks.clear()
        learner.learn(steps)
        learner.finish()
    return time.process_time() - started, learner.memory_bytes()


def pair(name: str, algorithm: str, steps: int, number: int) -> dict[str, Any]:
    """CPU seconds of a life with the method and of one without, and the bytes that it keeps."""
    kind = Method if name == "hooks" else METHODS[name]
    lives: dict[str, Callable[[], tuple[float, int]]] = {
        "with": lambda: life(algorithm, steps, [kind()]),
        "without": lambda: life(algorithm, steps, hooks=name != "hooks"),
    }
    found = {which: lives[which]() for which in (list(lives) if number % 2 else list(lives)[::-1])}
    return {which: round(seconds, 4) for which, (seconds, _) in found.items()} | {"bytes": found["with"][1]}


def key_of(name: str, algorithm: str, steps: int) -> dict[str, Any]:
    """What tells rows from others; hash: of all that shapes their lives."""
    shape = json.dumps([SETTINGS[algorithm], ROWS, WIDTH, ACTIONS, steps, torch.__version__], sort_keys=True)
    told = {"method": name, "algorithm": algorithm, "steps": steps}
    return told | {"hash": hashlib.sha256(shape.encode()).hexdigest(), "versions": {"torch": torch.__version__}}


def rows(path: Path, key: dict[str, Any]) -> list[dict[str, Any]]:
    """The pairs of a key, in order."""
    there = [json.loads(r) for r in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return sorted((r for r in there if key.items() <= r.items()), key=lambda r: r["pair"])


def ratio(pairs: Sequence[dict[str, Any]]) -> tuple[float, float, float]:
    """Median of with / without, and its 95 % bootstrap interval."""
    ratios = [p["with"] / p["without"] for p in pairs]
    draws = np.random.default_rng(0).choice(ratios, (10_000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def measure(key: dict[str, Any], few: int, most: int, path: Path) -> None:
    """Make the pairs that are missing."""
    for number in range(most):
        done = rows(path, key)
        if number == few and ratio(done)[1] > CLEAR:
            return
        if number not in [r["pair"] for r in done]:
            found = pair(key["method"], key["algorithm"], key["steps"], number)
            row = key | {"pair": number} | found | {"date": datetime.now(UTC).isoformat(timespec="seconds")}
            path.parent.mkdir(exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def line(key: dict[str, Any], path: Path) -> str:
    done = rows(path, key)
    middle, low, high = ratio(done)
    between = f"{100 * low - 100:+.1f} to {100 * high - 100:+.1f}"
    return (
        f"| `{key['method']}` | {key['algorithm']} | {100 * middle - 100:+.1f} % | {between} | {len(done)} | "
        f"{max(r['bytes'] for r in done):,} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--methods", nargs="+", choices=["hooks", *METHODS], default=["hooks", *METHODS])
    ask.add_argument("--algorithm", choices=SETTINGS, default=None)
    ask.add_argument("--few", type=int, default=6)
    ask.add_argument("--pairs", type=int, default=20)
    ask.add_argument("--steps", type=int, default=6400)
    ask.add_argument("--out", type=Path, default=RESULTS)
    given = ask.parse_args(arguments)
    torch.set_num_threads(1)
    print("| method | algorithm | time over fine-tuning | 95 % | pairs | bytes kept |\n|---|---|--:|--:|--:|--:|")
    warm = set()
    for name in given.methods:
        able = (METHODS[name].algorithms if name != "hooks" else None) or tuple(SETTINGS)
        for algorithm in (a for a in SETTINGS if a in able and given.algorithm in (None, a)):
            if algorithm not in warm:
                life(algorithm, given.steps)  # the first life of a process is slower than any other
                warm.add(algorithm)
            key = key_of(name, algorithm, given.steps)
            few = given.pairs if name == "hooks" else given.few  # what should cost nothing is looked at closely
            measure(key, few, max(few, given.pairs), given.out)
            print(line(key, given.out), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
