"""Self-play: a policy that meets only its past selves, rated against a fixed pool on the way.

    python benchmarks/self_play.py [--task ludus/Tennis-v0] [--seconds 600]

PPO plays one side of the game and a league of its past selves the other. Before learning and then five times on the way
it is rated (Elo) against three players who do not change: chance, the script, and itself after a fifth of the time.
The row in results/self-play.jsonl holds the curve; seconds are those of the processor. Seeds: 100.
"""

import argparse
import datetime
import json
import time
from pathlib import Path

import torch

from ludus import envs
from ludus.agents.learner import Learner
from ludus.agents.team.league import League, frozen
from ludus.agents.team.match import Pool
from ludus.envs.views.sb3 import Sb3View

OUT = Path(__file__).parent / "results/self-play.jsonl"
SEED, ROWS, GAMES, POINTS = 100, 64, 50, 5
PPO = {
    "n_steps": 128, "batch_size": 1024, "n_epochs": 4, "gamma": 0.98, "gae_lambda": 0.95, "learning_rate": 1e-3,
    "ent_coef": 0.005, "policy_kwargs": {"net_arch": [64, 64]},
}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="ludus/Tennis-v0")
    parser.add_argument("--seconds", type=float, default=600)
    asked = parser.parse_args()
    if OUT.exists() and any(json.loads(line)["task"] == asked.task for line in OUT.read_text("utf-8").splitlines()):
        return print(f"{OUT}: a row of {asked.task} is there")
    torch.set_num_threads(1)
    other = list(envs.make(asked.task).groups)[1]
    view = Sb3View(asked.task, ROWS, partners={other: "league"})
    learner = Learner("ppo", [League(every=100_000, swap=20_000, seed=SEED)], SEED, "cpu", PPO)
    learner.start(asked.task, view)
    curve = [(0, 0.0, frozen(learner))]
    while (spent := curve[-1][1]) < asked.seconds * 0.99:
        begun = time.process_time()
        while spent + time.process_time() - begun < asked.seconds / POINTS * len(curve):
            learner.learn(ROWS * PPO["n_steps"])
        curve.append((learner.num_timesteps, spent + time.process_time() - begun, frozen(learner)))
        print(f"{curve[-1][0]:,} rows, {curve[-1][1]:.0f} s", flush=True)
    pool = Pool(envs.make(asked.task, GAMES), {"random": "random", "scripted": "scripted", "early self": curve[1][2]})
    rated = [(steps, *pool.rate(player)) for steps, _, player in curve]
    row = {
        "date": datetime.date.today().isoformat(), "task": asked.task, "seed": SEED, "seconds": round(curve[-1][1]),
        "pool": {name: round(elo) for name, elo in pool.ratings.items()},
        "curve": [[steps, round(elo)] for steps, elo, _ in rated],
        "points": {name: round(share, 3) for name, share in rated[-1][2].items()},
    }  # fmt: skip
    print(json.dumps(row))
    with OUT.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
