"""10,000 episodes of hostile actions over all robot tasks: what is not finite is refused, and nothing else breaks them.

    python benchmarks/hostile_actions.py [--tasks Lift-v0 …] [--seed 0]

Random, bang-bang, constant extremes, far out of range, and NaN and infinities. A row for every task, settings and kind
goes to results/hostile-actions.jsonl as it ends; those that are there are not made again unless the task or its scene
has changed (without the file, all are).
Exits with 1 if anything not finite came out, if a non-finite action was not refused by agent and copy with the world
left as it was, or if a task crashed. Copies that diverged are counted: they end as truncated, and that is allowed.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from ludus import envs
from ludus.envs.views import autoreset

RESULTS = Path(__file__).parent / "results" / "hostile-actions.jsonl"
VARIED = {"vary_mass": 1.0, "vary_friction": 1.0, "vary_gain": 0.5, "physics_drift": 0.5, "latency": 3, "noise": 0.05}
# each task as it is, and as these ask for where it has such settings
VARIANTS: tuple[dict[str, Any], ...] = ({}, {"body": "panda"}, {"sensing": "lidar"}, VARIED)
WANTED, LEAST = 10_000, 300  # episodes of all tasks together, and of each
EPISODES = COPIES = 100  # of each kind
Actions = dict[str, np.ndarray]


class Hostile:
    """Draws the actions of a kind for all copies: agent -> (n, width)."""

    def __init__(self, world: Any, kind: str, seed: int):
        self.world, self.draw, self.ask = world, np.random.default_rng(seed), getattr(self, kind)
        self.held: Actions = {}

    def _each(self, function) -> Actions:
        spaces = self.world.action_spaces
        return {a: function((self.world.num_envs, *spaces[a].shape)) for a in self.world.agents}

    def random(self, step: int) -> Actions:
        """Uniform in the space."""
        return self._each(lambda shape: self.draw.uniform(-1, 1, shape))

    def bang(self, step: int) -> Actions:
        """Every entry at one of its ends, held for one to five steps."""
        if not self.held or self.draw.random() < 0.4:
            self.held = self._each(lambda shape: self.draw.choice([-1.0, 1.0], shape))
        return self.held

    def extreme(self, step: int) -> Actions:
        """Every entry at one of its ends, for twenty-five steps."""
        if step % 25 == 0:
            self.held = self._each(lambda shape: self.draw.choice([-1.0, 1.0], shape))
        return self.held

    def beyond(self, step: int) -> Actions:
        """Of either sign, from the space's bounds to 1e30."""
        return self._each(lambda shape: self.draw.choice([-1, 1], shape) * 10 ** self.draw.uniform(0, 30, shape))

    def broken(self, step: int) -> Actions:
        """Uniform, after NaN and infinities somewhere were refused."""
        return self.random(step)

    def refused(self) -> bool:
        """Whether an action with one entry not finite is refused by agent and copy, and changes nothing."""
        actions, before = self.random(0), self.world.state()
        agent, copy = self.draw.choice(self.world.agents), int(self.draw.integers(self.world.num_envs))
        actions[agent][copy, self.draw.integers(actions[agent].shape[1])] = self.draw.choice([np.nan, np.inf, -np.inf])
        try:
            self.world.step(actions)
        except ValueError as error:
            named = f"{str(agent)!r} in copy {copy} is not finite" in str(error)
            return named and all(np.array_equal(before[k], v) for k, v in self.world.state().items())
        return False


KINDS = ("random", "bang", "extreme", "beyond", "broken")


def suffer(world: Any, kind: str, episodes: int, seed: int = 0) -> dict[str, int]:
    """Counts of what happened in so many episodes of the kind; each copy lives through its share, one at least."""
    hostile, n = Hostile(world, kind, seed), world.num_envs
    share, ended, step = math.ceil(episodes / n), np.zeros(n, int), 0
    count = dict.fromkeys(("episodes", "steps", "succeeded", "failed", "diverged", "not_finite", "not_refused"), 0)
    obs, _ = world.reset(np.arange(n), [seed + i for i in range(n)])
    while ended.min() < share:
        count["not_refused"] += kind == "broken" and not hostile.refused()
        result, obs, _ = autoreset.step(world, hostile.ask(step))
        seen = (*result.obs.values(), *result.reward.values(), *obs.values())
        count["not_finite"] += sum(int(np.size(a) - np.isfinite(a).sum()) for a in seen)
        done, step = result.done, step + 1
        ended += done
        count["succeeded"] += int((done & result.info["success"]).sum())
        count["failed"] += int((done & ~result.truncated).sum())
        count["diverged"] += int(result.info["diverged"].sum())
    return count | {"episodes": int(ended.sum()), "steps": step * n}


def cases(tasks: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task, and then their variants."""
    for settings in VARIANTS:
        for name in tasks:
            try:
                envs.make(name, **settings).close()
            except envs.UnknownName:  # no such setting, or another kind of body
                continue
            yield envs.spec(name).id, settings


def fingerprint(world: Any, given: Mapping[str, Any]) -> str:
    """One hash for what a row depends on: what was asked for, and the task as it is written."""
    written = [inspect.getsource(c) for c in (Hostile, *type(world.task).__mro__) if c is not object]
    model = np.empty(mujoco.mj_sizeModel(world.sims.model), np.uint8)
    mujoco.mj_saveModel(world.sims.model, None, model)
    text = json.dumps(given, sort_keys=True) + "".join(written)
    return hashlib.sha256(text.encode() + model.tobytes()).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--tasks", nargs="+")
    ask.add_argument("--seed", type=int, default=0)
    given = ask.parse_args(arguments)
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    known = {(r["task"], r["kind"], r["hash"]): r for r in map(json.loads, lines)}
    rows, crashed = [], 0
    for name, settings in cases(given.tasks or envs.ids("mujoco")):
        for kind in KINDS:
            try:
                rows.append(_row(name, settings, kind, given.seed, known))
            except Exception as error:  # whatever it was, the others are tried too
                crashed += 1
                print(f"{name} {settings or ''} {kind}: {type(error).__name__}: {error}")
    return _tell(rows, crashed, whole=not given.tasks)


def _row(name: str, settings: dict, kind: str, seed: int, known: Mapping) -> dict[str, Any]:
    """The row of one case, made now or before."""
    world = envs.make(name, COPIES, **settings)
    asked = {"settings": settings, "episodes": EPISODES, "copies": COPIES, "seed": seed}
    mark = fingerprint(world, asked)
    if (name, kind, mark) in known:
        return known[name, kind, mark]
    began = time.perf_counter()
    count = suffer(world, kind, EPISODES, seed)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    row = {"task": name, "settings": settings, "kind": kind, "hash": mark, "seed": seed, **count}
    row |= {"seconds": round(time.perf_counter() - began, 1), "date": now, "versions": _versions()}
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(" ".join([name, *map(str, settings.values()), kind, *(f"{k} {v}" for k, v in count.items())]), flush=True)
    return row


def _versions() -> dict[str, str]:
    return {"mujoco": mujoco.__version__, "numpy": np.__version__}


def _tell(rows: Sequence[Mapping[str, Any]], crashed: int, whole: bool) -> int:
    """Print the sum of the rows; 0 if nothing broke."""
    total = {k: sum(r[k] for r in rows) for k in ("episodes", "steps", "diverged", "not_finite", "not_refused")}
    tasks = {r["task"] for r in rows}
    fewest = min((sum(r["episodes"] for r in rows if r["task"] == t) for t in tasks), default=0)
    print(f"{total['episodes']:,} episodes over {len(tasks)} tasks, {fewest:,} or more of each: ", end="")
    print(f"{total['not_finite']} numbers not finite, {total['not_refused']} wrong actions not refused, ", end="")
    print(f"{crashed} crashes; {total['diverged']} copies diverged in {total['steps']:,} steps")
    few = whole and (total["episodes"] < WANTED or fewest < LEAST)
    return int(bool(few or crashed or total["not_finite"] or total["not_refused"]))


if __name__ == "__main__":
    sys.exit(main())
