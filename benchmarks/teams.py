"""Ways to learn as a team, side by side: shared, independent, federated, mutual, with a central critic; and messages.

    python benchmarks/teams.py [--task Bargain-v0] [--ways shared federated] [--seeds 3] [--first 0] [--tier full]
    python benchmarks/teams.py --task whispers --messages 2 [--mute]

A row in results/teams.jsonl is one run: way, seed, messages, success and its curve over the steps, hash and costs. What
has a row is not made again. Then the means with 95 % intervals (bootstrap over seeds). The task `whispers` is the world
of tests/whispers.py, which needs messages: one agent sees a sign that the other has to act.
"""

import argparse
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from ludus import envs
from ludus.curricula import curriculum, plan, statistics
from ludus.curricula.record import read_json, read_run
from ludus.curricula.rows import Rows
from ludus.curricula.runner import run

HERE = Path(__file__).parent
OUT = HERE / "results/teams.jsonl"
WAYS = ("shared", "independent", "federated", "mutual", "central")
KEYS = ("task", "way", "messages", "mute", "tier", "algorithm")
WHISPERS = {
    "name": "whispers", "observation": 2, "action": 1, "stages": [{"task": "whispers:make", "steps": 24_000}],
    "evaluation": {"per_stage": 5, "episodes": 100, "last_episodes": 500},
    "algorithms": {"ppo": {"rows": 64, "settings": {
        "n_steps": 32, "batch_size": 512, "n_epochs": 4, "gamma": 0.5, "learning_rate": 0.005,
        "policy_kwargs": {"net_arch": [16]}}}},
}  # fmt: skip


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--task", default="Bargain-v0")
    ask.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    ask.add_argument("--algorithm", help="default: the one that the task is learnt by")
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--first", type=int, default=0)
    ask.add_argument("--messages", type=int, default=0)
    ask.add_argument("--mute", action="store_true")
    ask.add_argument("--tier", default="full")
    asked = ask.parse_args()
    made = talking(found(asked.task), asked.messages, asked.mute)
    asked.task, asked.algorithm = made.name, asked.algorithm or made.usual
    rows = Rows(OUT)
    for seed in range(asked.first, asked.first + asked.seeds):
        for way in asked.ways:
            rows.once(key_of(made, asked, way, seed), partial(measured, made, asked, way, seed))
    print(table(made, asked, rows))


def found(name):
    """The curriculum of a task; whispers is no task of the suite."""
    if name != "whispers":
        return curriculum.load(name)
    sys.path.insert(0, str(HERE.parent / "tests"))
    return curriculum.Curriculum.model_validate_json(json.dumps(WHISPERS), context={"allow_code": True})


def how(asked, way, seed):
    return {"algorithm": asked.algorithm, "methods": plan.ways(way), "tier": asked.tier, "seed": seed}


def key_of(made, asked, way, seed):
    """What tells a row from others; its hash is of all that shapes the run."""
    shape = plan.plan(made, allow_code=True, **how(asked, way, seed)).hash
    return {k: getattr(asked, k, way) for k in KEYS} | {"seed": seed, "hash": shape}


def table(made, asked, rows):
    lines = ["| way | success | 95 % | parameters | seeds |", "|---|--:|--:|--:|--:|"]
    for way in asked.ways:
        keys = [key_of(made, asked, way, seed) for seed in range(asked.first, asked.first + asked.seeds)]
        there = [row for row in rows if any(k.items() <= row.items() for k in keys)]
        spread = statistics.interval([row["success"] for row in there])
        between = "–" if spread.low is None else f"{spread.low:.2f} to {spread.high:.2f}"
        lines.append(f"| {way} | {spread.estimate:.2f} | {between} | {there[0]['parameters']:,} | {len(there)} |")
    return "\n".join(lines)


def talking(made, messages, mute):
    """The curriculum with messages in every stage, and the widths that they need."""
    if not messages:
        return made
    more = {"messages": messages} | ({"mute": True} if mute else {})
    stages = tuple(s.model_copy(update={"settings": s.settings | more}) for s in made.stages)
    others = max(len(envs.make(s.task, 1, **s.settings).agents) for s in made.stages) - 1
    wide = {"observation": made.observation + messages * others, "action": made.action + messages}
    return made.model_copy(update={"stages": stages} | wide)


def measured(made, asked, way, seed):
    """One run, and what is kept of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        done = read_run(run(made, out=out, device="cpu", allow_code=True, **how(asked, way, seed)))
        costs = read_json(done.folder / "costs.json")
    return {
        "success": done.rows[-1]["success"],
        "curve": [[r["step"], r["success"]] for r in done.rows], "parameters": costs["parameters"],
        "seconds": round(costs["seconds"]),
    }  # fmt: skip


if __name__ == "__main__":
    main()
