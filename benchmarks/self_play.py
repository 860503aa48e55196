"""Self-play: a policy that meets only its past selves, rated against a fixed pool on the way.

    python benchmarks/self_play.py [--task ludus/SoccerTwos-v0] [--seconds 600] [--games 24] [--limit 300] [--points 4]
                                   [--shaped 2]

PPO plays one side of the game and a league of its past selves the other. Before learning and then at so many points on
the way it is rated (Elo) against three players who do not change: chance, the script, and itself at the first of these
points, in so many games on either side, which end after so many decisions (then an even game, unless somebody earned
more). A goal is rare where nobody can play: the learner is also paid `shaped` times what its side's first goal and its
chase of the ball, as skills, gained in progress in a step (0: the game's own reward alone); ratings are of the game
alone. The row in results/self-play.jsonl holds the curve, and is not made again where it is there; seconds are those of
the processor, spent on learning.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from ludus import envs
from ludus.agents.learner import Learner
from ludus.agents.team.league import League, frozen
from ludus.agents.team.match import Pool
from ludus.curricula.rows import Rows
from ludus.envs import revisions
from ludus.envs.core import Step, World, Wrapper
from ludus.envs.instructions import Instruction
from ludus.envs.views.sb3 import Sb3View

OUT = Path(__file__).parent / "results/self-play.jsonl"
SEED, ROWS = 0, 64
PPO = {
    "n_steps": 128, "batch_size": 1024, "n_epochs": 4, "gamma": 0.98, "gae_lambda": 0.95, "learning_rate": 1e-3,
    "ent_coef": 0.005, "policy_kwargs": {"net_arch": [64, 64]},
}  # fmt: skip
LEAGUE = {"every": 100_000, "swap": 20_000}


class Shaped(Wrapper):
    """A world whose first group is also paid for its progress in what it is asked to do, `weight` times the gain."""

    def __init__(self, world: World, weight: float, tasks: list[Instruction]):
        super().__init__(world)
        self.weight, self.tasks = weight, tasks
        self.members = next(iter(world.groups.values()))
        self.before = np.zeros(world.num_envs)

    def worth(self) -> np.ndarray:
        return np.mean([task.progress(self.world) for task in self.tasks], axis=0)

    def reset(self, ids, seeds=None):
        seen = self.world.reset(ids, seeds)
        self.before[ids] = self.worth()[ids]
        return seen

    def step(self, actions):
        step, now = self.world.step(actions), self.worth()
        paid, self.before = self.weight * (now - self.before), now
        reward = dict(step.reward) | {agent: step.reward[agent] + paid for agent in self.members}
        return Step(step.obs, reward, step.terminated, step.truncated, step.info)


def shaped(task: str, copies: int, weight: float) -> World:
    """The game with the goal of its first side, and where it knows such a thing, the way to the ball, paid for."""
    world = envs.make(task, copies)
    chase = [s(team=next(iter(world.groups))) for s in world.skills if s.name == "chase"]
    return Shaped(world, weight, [world.goals[0], *chase]) if weight else world


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="ludus/SoccerTwos-v0")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--games", type=int, default=24)
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--points", type=int, default=4)
    parser.add_argument("--shaped", type=float, default=2.0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    about = {"task": asked.task, "seed": SEED, "games": asked.games, "limit": asked.limit, "shaped": asked.shaped}
    about |= {"points_rated": asked.points, "seconds_asked": asked.seconds}
    about |= {"revision": revisions.revision(asked.task), "rows": ROWS, "ppo": PPO, "league": LEAGUE}
    rows = Rows(OUT)
    if found := next((row for row in rows if about.items() <= row.items()), None):
        print(json.dumps(found))
        return
    first, other = envs.make(asked.task).groups.items()
    world = shaped(asked.task, ROWS // len(first[1]), asked.shaped)
    view = Sb3View(world, ROWS, partners={other[0]: "league"})
    learner = Learner("ppo", [League(**LEAGUE, seed=SEED)], SEED, "cpu", PPO)
    learner.start(asked.task, view)
    curve = [(0, 0.0, frozen(learner))]
    while (spent := curve[-1][1]) < asked.seconds * 0.99:
        begun = time.process_time()
        while spent + time.process_time() - begun < asked.seconds / asked.points * len(curve):
            learner.learn(ROWS * PPO["n_steps"])
        curve.append((learner.num_timesteps, spent + time.process_time() - begun, frozen(learner)))
        print(f"{curve[-1][0]:,} rows, {curve[-1][1]:.0f} s", flush=True)
    games = envs.make(asked.task, asked.games, max_episode_steps=asked.limit)
    pool = Pool(games, {"random": "random", "scripted": "scripted", "early self": curve[1][2]})
    rated = [(steps, *pool.rate(player)) for steps, _, player in curve]
    row = {
        **about, "seconds": round(curve[-1][1]),
        "pool": {name: round(elo) for name, elo in pool.ratings.items()},
        "curve": [[steps, round(elo)] for steps, elo, _ in rated],
        "points": {name: round(share, 3) for name, share in rated[-1][2].items()},
    }  # fmt: skip
    rows.add(row)


if __name__ == "__main__":
    main()
