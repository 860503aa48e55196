"""Ways to learn as a team, side by side: shared, independent, federated, mutual, with a central critic; and messages.

    python benchmarks/teams.py [--task ludus/Crossing-v0] [--ways shared federated] [--seeds 5] [--tier full]
    python benchmarks/teams.py --task ludus/Crossing-v0 --ways shared --messages 2 [--mute]

A row in results/teams.jsonl is one run: way, seed, messages, success and its curve over the steps, hash and costs. What
has a row is not made again. Then the means with 95 % intervals (bootstrap over seeds). Seeds: from 100.
"""

import argparse
import datetime
import json
import tempfile
from pathlib import Path

from ludus import envs
from ludus.curricula import curriculum, plan, statistics
from ludus.curricula.record import read_json, read_run
from ludus.curricula.runner import run

OUT = Path(__file__).parent / "results/teams.jsonl"
FIRST = 100
WAYS = ("shared", "independent", "federated", "mutual", "central")
KEYS = ("task", "way", "messages", "mute", "tier", "algorithm")


def main():
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--task", default="ludus/Crossing-v0")
    ask.add_argument("--ways", nargs="+", default=WAYS)
    ask.add_argument("--algorithm", default="ppo")
    ask.add_argument("--seeds", type=int, default=5)
    ask.add_argument("--messages", type=int, default=0)
    ask.add_argument("--mute", action="store_true")
    ask.add_argument("--tier", default="full")
    asked = ask.parse_args()
    made = talking(curriculum.load(asked.task), asked.messages, asked.mute)
    for seed in range(FIRST, FIRST + asked.seeds):
        for way in asked.ways:
            key = {k: getattr(asked, k, way) for k in KEYS} | {"seed": seed}
            if not any(key.items() <= row.items() for row in rows()):
                keep(key | measured(made, asked, way, seed))
    for way in asked.ways:
        key = {k: getattr(asked, k, way) for k in KEYS}
        scores = [row["success"] for row in rows() if key.items() <= row.items()]
        print(way, len(scores), statistics.interval(scores))


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
        how = {"algorithm": asked.algorithm, "methods": plan.ways(way), "tier": asked.tier, "seed": seed}
        done = read_run(run(made, out=Path(folder) / "run", device="cpu", **how))
        costs = read_json(done.folder / "costs.json")
    return {
        "date": datetime.date.today().isoformat(), "hash": done.settings["hash"], "success": done.rows[-1]["success"],
        "curve": [[r["step"], r["success"]] for r in done.rows], "parameters": costs["parameters"],
        "seconds": round(costs["seconds"]),
    }  # fmt: skip


def rows():
    return [json.loads(line) for line in OUT.read_text("utf-8").splitlines()] if OUT.exists() else []


def keep(row):
    print(json.dumps(row), flush=True)
    with OUT.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
