"""How much of its speed training keeps when the shipped model instructs, from a cold cache, in processor time.

    python benchmarks/instructor_speed.py [--task NAME] [--steps 40960] [--copies 256] [--pairs 3] [--profile]

The tasks: Household with quests of two to eight commands, and FetchFromFridge, where an instruction that was not
carried out has timed out after 40 of 150 steps; each is learnt as `ludus run` does. Two learners with one seed, one
instructed by the fixed instructor and one by the model, take turns; share is fixed time ÷ model time of a turn, with a
95 % bootstrap interval over the turns. Beside it stand how often the model was asked, how many answers were kept ones,
and how many instructions an episode had. A row goes to results/instructor-speed.jsonl; --model is another one than the
shipped; --profile prints where the time goes instead.
"""

from __future__ import annotations

import argparse
import cProfile
import datetime
import json
import pstats
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ludus.agents.instructors import LanguageModel
from ludus.agents.instructors.loading import fingerprint, load
from ludus.agents.learner import Learner
from ludus.curricula import body, curriculum, plan
from ludus.curricula.mind import Mind
from ludus.curricula.statistics import interval

RESULTS = Path(__file__).parent / "results" / "instructor-speed.jsonl"
TASKS: dict[str, dict[str, Any]] = {
    "Household-v0": {"settings": {"steps": [2, 8]}},
    "FetchFromFridge-v0": {"timeout": 40},
}


class Lesson:
    """A learner of the task under an instructor. spent: processor seconds, a turn each."""

    def __init__(self, task: str, instructor: str, copies: int, steps: int, folder: Path, model: str):
        alone = curriculum.load(task)
        stage = alone.stages[0].model_copy(update={"steps": steps} | TASKS[task])
        alone = alone.model_copy(update={"stages": (stage,)})
        planned = plan.plan(alone, alone.usual, instructor=instructor)
        self.mind = Mind(planned, folder)
        if isinstance(asked := self.mind.instructor, LanguageModel):
            asked.adopt(load(model), fingerprint(model))  # opened before the clock runs
        interface = body.of(planned.curriculum, "instructed")
        how: dict[str, Any] = {"timeouts": [stage.timeout], "instruct": self.mind.instruct}
        self.env = interface.env([stage.task], copies, [stage.settings], **how)
        self.view: Any = self.env.world.world  # the instructed view, which counts episodes
        settings = planned.settings | {"n_steps": planned.settings["n_steps"] * planned.settings["rows"] // copies}
        self.learner = Learner(planned.algorithm, settings=settings, device="cpu")
        self.learner.start(stage.task, self.env, steps=steps)
        self.spent: list[float] = []

    def learn(self, steps: int) -> None:
        began = time.process_time()
        self.learner.learn(steps)
        self.spent.append(time.process_time() - began)


def measured(task: str, copies: int, steps: int, pairs: int, folder: Path, name: str) -> dict[str, Any]:
    fixed, model = (Lesson(task, who, copies, steps * pairs, folder, name) for who in ("fixed", "language-model"))
    for _ in range(pairs):
        fixed.learn(steps)
        model.learn(steps)
    share = interval([a / b for a, b in zip(fixed.spent, model.spent, strict=True)])
    counts = model.mind.instructor.counts  # type: ignore[attr-defined]
    rows, episodes = model.learner.num_timesteps, int(model.view._episode.sum())
    return {
        "copies": copies, "steps": rows, "pairs": pairs, "share": round(share.estimate, 3),
        "low": share.low and round(share.low, 3), "high": share.high and round(share.high, 3),
        "steps_per_cpu_second": round(rows / sum(model.spent)),
        "fixed_steps_per_cpu_second": round(rows / sum(fixed.spent)),
        "instructions": int(counts["asked"]), "instructions_an_episode": round(counts["asked"] / episodes, 2),
        "calls": int(counts["calls"]), "calls_per_1000_steps": round(1000 * counts["calls"] / rows, 2),
        "hit_rate": round(1 - counts["calls"] / max(counts["asked"], 1), 4), "tokens": int(counts["tokens"]),
        "ms_a_call": round(1000 * (sum(model.spent) - sum(fixed.spent)) / max(counts["calls"], 1), 2),
    }  # fmt: skip


def profile(task: str, copies: int, steps: int, folder: Path, model: str) -> None:
    lesson, watch = Lesson(task, "language-model", copies, steps, folder, model), cProfile.Profile(time.process_time)
    lesson.mind.instructor._timed = lambda work: work()  # type: ignore[attr-defined]  # in the thread that is watched
    watch.runcall(lesson.learn, steps)
    pstats.Stats(watch).sort_stats("cumulative").print_stats(60)


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--task", choices=TASKS, default="Household-v0")
    ask.add_argument("--copies", type=int, default=256)
    ask.add_argument("--steps", type=int, default=40960, help="of a turn")
    ask.add_argument("--pairs", type=int, default=3)
    ask.add_argument("--model", default="shipped")
    ask.add_argument("--profile", action="store_true")
    given = ask.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if given.profile:
            profile(given.task, given.copies, given.steps, Path(folder), given.model)
            return 0
        row = {
            "task": f"ludus/{given.task}",
            "model": f"{Path(given.model).name} {fingerprint(given.model)[-16:]}",
            "date": datetime.date.today().isoformat(),
        }
        row |= measured(given.task, given.copies, given.steps, given.pairs, Path(folder), given.model)
    print(json.dumps(row))
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
