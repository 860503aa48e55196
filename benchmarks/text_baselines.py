"""What learnt policies make of talk and of memory: masked PPO with them and without, on the same budget.

    python benchmarks/text_baselines.py [--needs talk memory] [--seeds 3] [--first 0] [--episodes 1000]

Detective with talk or without, Assistant with notes of earlier visits or without; settings and steps are those of
curricula/baselines.yaml for both sides. Success is of deterministic actions over so many episodes; a copy's user comes
back, and the first visits, of which nobody has notes, count too. The difference is taken within a seed, its 95 %
interval is the bootstrap over seeds. A row for each side and seed goes to results/text-baselines.jsonl; one that is
there, of the same settings, steps and code of the world, is not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import text_needs
import torch

from ludus import envs
from ludus.agents.interface import widths
from ludus.agents.learner import Learner
from ludus.curricula import baselines, body
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.statistics import interval

RESULTS = Path(__file__).parent / "results" / "text-baselines.jsonl"
NEEDS = {"talk": ("ludus/Detective-v0", "talk"), "memory": ("ludus/Assistant-v0", "notes")}
ALGORITHM = "maskable-ppo"


def alone(task: str, setting: str, value: bool) -> Curriculum:
    """The task as `ludus run` learns it, but for one setting of its world."""
    made = baselines.of(task)
    stage = made.stages[0].model_copy(update={"settings": made.stages[0].settings | {setting: value}})
    observation, action = widths(envs.make(task, 1, **stage.settings))
    return made.model_copy(update={"stages": (stage,), "observation": observation, "action": action})


def learn(made: Curriculum, seed: int) -> tuple[Learner, Any]:
    """The learner at the end of its budget, and the interface that it acts through."""
    stage, given = made.stages[0], made.algorithms[ALGORITHM]
    own = {"rows": given.rows, "decay": given.decay}
    learner = Learner(ALGORITHM, seed=seed, device="cpu", settings=own | given.settings)
    interface = body.of(made, "instructed")
    learner.start(stage.task, interface.env([stage.task], given.rows, [stage.settings]), steps=stage.steps)
    learner.learn(stage.steps)
    return learner, interface


def measure(need: str, present: bool, seed: int, episodes: int) -> dict[str, Any]:
    """Learn one side with one seed, and try it."""
    task, setting = NEEDS[need]
    made, began = alone(task, setting, present), time.process_time()
    learner, interface = learn(made, seed)
    seconds = time.process_time() - began
    world = interface.world(task, text_needs.COPIES, settings=made.stages[0].settings)

    def actions(obs: Any) -> Any:
        masks = world.masks()
        assert masks is not None
        rows, allowed = (np.concatenate([of[a] for a in world.agents]) for of in (obs, masks))
        return dict(zip(world.agents, np.split(act(rows, allowed), len(world.agents)), strict=True))

    with learner.trial(task) as act:
        success = text_needs.shares(world, actions, seed, episodes)
    return {"success": round(success, 4), "steps": learner.num_timesteps, "cpu_minutes": round(seconds / 60, 1)}


def fingerprint(need: str, present: bool, episodes: int) -> str:
    task, setting = NEEDS[need]
    made = alone(task, setting, present)
    shape = [made.stages[0].model_dump(), made.algorithms[ALGORITHM].model_dump(), made.words, episodes]
    text = inspect.getsource(type(envs.make(task).unwrapped)) + json.dumps(shape, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--needs", nargs="+", choices=list(NEEDS), default=list(NEEDS))
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--first", type=int, default=0)
    ask.add_argument("--episodes", type=int, default=1000)
    given = ask.parse_args(arguments)
    torch.set_num_threads(1)
    scores: dict[tuple[str, bool], list[float]] = {}
    for need in given.needs:
        for seed in range(given.first, given.first + given.seeds):
            for present in (True, False):
                row = kept(need, present, seed, given.episodes)
                scores.setdefault((need, present), []).append(row["success"])
    for need in given.needs:
        sides = scores[need, True], scores[need, False]
        gap = interval(np.subtract(*sides))
        ends = f"({gap.low:.3f} to {gap.high:.3f})" if gap.low is not None else ""
        print(f"{need}: with {np.mean(sides[0]):.3f}, without {np.mean(sides[1]):.3f}, gap {gap.estimate:.3f} {ends}")
    return 0


def kept(need: str, present: bool, seed: int, episodes: int) -> dict[str, Any]:
    """The row of one side and seed, made where it is not there."""
    key = {"need": need, "with": present, "seed": seed, "hash": fingerprint(need, present, episodes)}
    lines = RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []
    for row in map(json.loads, lines):
        if key.items() <= row.items():
            return row
    row = key | measure(need, present, seed, episodes) | {"episodes": episodes, "date": time.strftime("%Y-%m-%d")}
    print(json.dumps(row), flush=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return row


if __name__ == "__main__":
    sys.exit(main())
