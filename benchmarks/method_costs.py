"""What each method costs over fine-tuning, in time and in bytes kept, and what hooks that do nothing cost.

    python benchmarks/method_costs.py [--methods ewc …] [--pairs 20] [--steps 6144] [--algorithm ppo]

A pair is a life with the method and one without, in alternating order, of two tasks on rows that cost nothing, so that
what is compared is learning alone. The ratio is the median over the pairs of CPU seconds, with a 95 % bootstrap
interval; "hooks" is a method whose hooks are all there and empty, against a learner whose optimizers have no hooks at
all. A row for each method goes to results/method-costs.jsonl; those that are there are not made again.
"""

from __future__ import annotations

import argparse
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


def compare(one: Callable, other: Callable, pairs: int) -> dict[str, float]:
    """The ratio of one's seconds to other's over alternating pairs, with its interval."""
    other()  # the first life of a process is slower than any other
    ratios = []
    for i in range(pairs):
        times = {f: f()[0] for f in ((one, other) if i % 2 else (other, one))}
        ratios.append(times[one] / times[other])
    draws = np.random.default_rng(0).choice(ratios, (10_000, pairs))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return {"ratio": round(float(np.median(ratios)), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--methods", nargs="+", default=["hooks", *METHODS])
    ask.add_argument("--algorithm", choices=SETTINGS, default=None)
    ask.add_argument("--pairs", type=int, default=20)
    ask.add_argument("--steps", type=int, default=6400)
    ask.add_argument("--dry", action="store_true", help="print, write no rows")
    given = ask.parse_args(arguments)
    torch.set_num_threads(1)
    known = [json.loads(r) for r in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.exists() else []
    done = {(r["method"], r["algorithm"]) for r in known}
    for name in given.methods:
        able = ("ppo", "sac") if name == "hooks" else METHODS[name].algorithms or ("ppo", "sac")
        for algorithm in (a for a in SETTINGS if a in able and given.algorithm in (None, a)):
            if (name, algorithm) not in done:
                row = measure(name, algorithm, given.steps, given.pairs)
                print(f"{name}@{algorithm}: {row['ratio']:.3f} [{row['low']:.3f}, {row['high']:.3f}], "
                      f"{row['bytes']:,} bytes", flush=True)  # fmt: skip
                if not given.dry:
                    with RESULTS.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(row) + "\n")
    return 0


def measure(name: str, algorithm: str, steps: int, pairs: int) -> dict[str, Any]:
    kind = Method if name == "hooks" else METHODS[name]
    bare = lambda: life(algorithm, steps, hooks=name != "hooks")  # noqa: E731
    with_it = lambda: life(algorithm, steps, [kind()])  # noqa: E731
    row = {"method": name, "algorithm": algorithm, "steps": steps, "pairs": pairs, **compare(with_it, bare, pairs)}
    versions = {"torch": torch.__version__}
    return row | {"bytes": with_it()[1], "versions": versions, "date": datetime.now(UTC).isoformat(timespec="seconds")}


if __name__ == "__main__":
    sys.exit(main())
