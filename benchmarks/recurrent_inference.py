"""Feed-forward, recurrent inference and LSTM policies on a task that drifts.

    python benchmarks/recurrent_inference.py [--policies refining lstm …] [--seeds 3] [--first 0] [--steps 100000]

A shot at a target: how far and in which direction a command carries is hidden, and wanders from shot to shot over a
copy's whole life. What is seen is the target, the last command, and where it landed, blurred by noise. Who hits must
invert the world as it is now; who remembers more than one shot knows it better. A row for every (policy, noise, seed)
goes to results/recurrent-inference.jsonl as it ends, and what has a row is not made again. Then the table: hits of the
deterministic policy in lives of its own whose drift is long under way; mean and 95 % bootstrap interval over seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from ludus.agents.learner import Learner
from ludus.agents.policies.inference import RecurrentInference
from ludus.curricula.rows import Rows
from ludus.curricula.statistics import interval

RESULTS = Path(__file__).parent / "results" / "recurrent-inference.jsonl"
ROWS, SHOTS, NEAR = 64, 32, 0.2  # copies; shots in an episode, after which an LSTM forgets; distance of a hit
TURN, STRETCH = 0.15, 0.05  # standard deviation of a shot's drift: of the angle in rad, of the log of the gain
SHARED = {"n_steps": 32, "gamma": 0.0, "gae_lambda": 0.95, "learning_rate": 1e-3, "ent_coef": 0.0}
PPO = SHARED | {"batch_size": 512, "n_epochs": 8, "policy_kwargs": {"net_arch": [64, 64], "log_std_init": -1.0}}
LSTM = PPO | {"policy_kwargs": {"net_arch": [64], "lstm_hidden_size": 64, "log_std_init": -1.0}}
POLICIES: dict[str, tuple[str, dict[str, Any], int]] = {  # algorithm, settings, rounds of inference (0: none)
    "feed-forward": ("ppo", PPO, 0),
    "deep": ("ppo", PPO | {"policy_kwargs": PPO["policy_kwargs"] | {"net_arch": {"pi": [64] * 8, "vf": [64, 64]}}}, 0),
    "refining 1": ("ppo", PPO, 1),
    "refining": ("ppo", PPO, 4),
    "lstm": ("recurrent-ppo", LSTM, 0),
}


class Shots(VecEnv):
    """rows copies; noise: standard deviation of what is seen of a landing. Rewards are minus the distance missed by."""

    def __init__(self, rows: int = ROWS, noise: float = 0.0, seed: int = 0):
        self.render_mode, self.noise, self.seeded, self.rng = None, noise, seed, np.random.default_rng(seed)
        super().__init__(rows, spaces.Box(-np.inf, np.inf, (6,), np.float32), spaces.Box(-1, 1, (2,), np.float32))

    def reset(self):
        if self.seeded is not None:  # a life begins; episodes only part it
            self.rng, self.seeded = np.random.default_rng(self.seeded), None
        self.angle, self.gain = self.rng.uniform(-np.pi, np.pi, self.num_envs), np.ones(self.num_envs)
        self.shots, self.hits = 0, np.zeros(self.num_envs, bool)
        self._aim(np.zeros((self.num_envs, 2)))
        return self._seen(np.zeros((self.num_envs, 2)))

    def _aim(self, last: np.ndarray) -> None:
        """A new target; last: the command before it."""
        around, far = self.rng.uniform(-np.pi, np.pi, self.num_envs), self.rng.uniform(0.2, 0.6, self.num_envs)
        self.target, self.last = np.stack([np.cos(around), np.sin(around)], axis=1) * far[:, None], last

    def _seen(self, landed: np.ndarray) -> np.ndarray:
        blurred = landed + self.noise * self.rng.normal(size=landed.shape)
        return np.concatenate([self.target, self.last, blurred], axis=1).astype(np.float32) * 2

    def step_async(self, actions):
        self.actions = np.clip(actions, -1, 1)

    def step_wait(self):
        sin, cos = np.sin(self.angle), np.cos(self.angle)
        x, y = self.actions.T
        landed = self.gain[:, None] * np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
        missed = np.linalg.norm(landed - self.target, axis=1)
        self.hits = missed < NEAR
        self.angle = self.angle + TURN * self.rng.normal(size=self.num_envs)
        stretched = np.log(self.gain) + STRETCH * self.rng.normal(size=self.num_envs)
        self.gain = np.exp(np.clip(stretched, -0.4, 0.4))
        self._aim(self.actions)
        obs, self.shots = self._seen(landed), self.shots + 1
        done = np.full(self.num_envs, self.shots % SHOTS == 0)
        infos = [{"terminal_observation": row, "TimeLimit.truncated": True} if done[0] else {} for row in obs]
        return obs, -missed.astype(np.float32), done, infos

    def seed(self, seed=None):
        self.seeded = seed
        return [seed] * self.num_envs

    def close(self): ...
    def get_attr(self, attr_name, indices=None): return [getattr(self, attr_name, None)] * self.num_envs  # fmt: skip

    def set_attr(self, attr_name, value, indices=None): ...
    def env_method(self, method_name, *args, indices=None, **kwargs): return [None] * self.num_envs  # fmt: skip

    def env_is_wrapped(self, wrapper_class, indices=None): return [False] * self.num_envs  # fmt: skip


def measure(name: str, noise: float, seed: int, steps: int) -> dict[str, Any]:
    """One life of learning, and what its policy hits."""
    algorithm, settings, rounds = POLICIES[name]
    learner = Learner(algorithm, [RecurrentInference(rounds)] if rounds else [], seed, "cpu", settings | {"decay": 0.1})
    began = time.process_time()
    learner.start("shots", Shots(noise=noise), steps=steps)
    learner.learn(steps)
    spent = time.process_time() - began
    with learner.trial("shots") as act:
        tried = hits(act, noise)
    return {
        "hits": round(tried, 4), "cpu_seconds": round(spent, 1),
        "parameters": int(sum(a.size for a in learner.weights().values())),
    }  # fmt: skip


def hits(act: Callable[..., np.ndarray], noise: float, copies: int = 500, episodes: int = 4) -> float:
    """Share of shots that land within NEAR, after each episode's first, with a seed that no learner trains on."""
    world, found = Shots(copies, noise, seed=1 << 40), []
    obs, starts = world.reset(), np.ones(copies, bool)
    for _ in range(episodes * SHOTS):
        obs, _, done, _ = world.step(act(obs, None, starts))
        found += [world.hits.mean()] * (not starts[0])
        starts = done
    return float(np.mean(found))


class Script:
    """Turns its command by the mean angle of past shots; a shot counts `fading` times as much as the one after it."""

    def __init__(self, fading: float):
        self.fading, self.angle = fading, 0j

    def __call__(self, obs: np.ndarray, masks: None, starts: np.ndarray) -> np.ndarray:
        target, last, landed = (obs[:, i] + 1j * obs[:, i + 1] for i in (0, 2, 4))
        self.angle = self.fading * self.angle + landed * last.conj()
        command = target / 2 * np.exp(-1j * np.angle(self.angle))
        return np.stack([command.real, command.imag], axis=1).astype(np.float32)


def key_of(name: str, noise: float, seed: int, steps: int) -> dict[str, Any]:
    """What tells a row from others; hash: of all settings that shape it."""
    shape = [*POLICIES[name], ROWS, SHOTS, NEAR, TURN, STRETCH, steps]
    return {
        "policy": name, "noise": noise, "seed": seed, "steps": steps,
        "hash": hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest(),
    }  # fmt: skip


def table(there: list[dict[str, Any]], keys: list[dict[str, Any]]) -> str:
    """Markdown: a line for every policy and noise among keys."""
    lines = ["| policy | noise | hits | 95 % | seeds | parameters | CPU s |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, noise in dict.fromkeys((k["policy"], k["noise"]) for k in keys):
        wanted = [k for k in keys if (k["policy"], k["noise"]) == (name, noise)]
        found = [r for r in there if any(k.items() <= r.items() for k in wanted)]
        spread = interval([r["hits"] for r in found])
        between = "–" if spread.low is None else f"{spread.low:.3f} to {spread.high:.3f}"
        seconds = np.mean([r["cpu_seconds"] for r in found])
        lines.append(
            f"| {name} | {noise:g} | {spread.estimate:.3f} | {between} | {len(found)} | "
            f"{found[0]['parameters']:,} | {seconds:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    ask.add_argument("--noise", nargs="+", type=float, default=[0.15])
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--first", type=int, default=0)
    ask.add_argument("--steps", type=int, default=100_000)
    ask.add_argument("--out", type=Path, default=RESULTS)
    asked = ask.parse_args()
    torch.set_num_threads(1)
    seeds = range(asked.first, asked.first + asked.seeds)
    keys = [key_of(p, n, s, asked.steps) for s in seeds for n in asked.noise for p in asked.policies]
    rows = Rows(asked.out)
    for key in keys:
        rows.once(key, partial(measure, key["policy"], key["noise"], key["seed"], key["steps"]))
    print(table(rows, keys))
    for noise in asked.noise:
        one, some = (hits(Script(fading), noise) for fading in (0.0, 0.6))
        print(f"noise {noise:g}: a script that goes by the last shot hits {one:.3f}, one by several {some:.3f}")


if __name__ == "__main__":
    main()
