"""A family of tasks comes after deployment: can the model learn it from outcomes, and does it keep what it knew?

    python benchmarks/deployment.py [--seeds 3] [--rounds 6] [--steps 3000] [--models FOLDER] [--table]

A small model a seed is trained from nothing on briefings of Household alone. Then it meets robots (LiftColour,
OpenDrawer): in every round it instructs 64 copies of each, half of its words drawn at random, scripts carry them out,
and it learns from what came of them as `--instructor-learns batch` does (instructors.lessons, updating). Three ways are
compared: with old briefings, the divergence from the model before and the gate; without the gate; and without all
three. Success is choosing in 40 new scenes of a task, in wordings for training. A row for each (way, seed, round) goes
to results/deployment.jsonl; rows that are there are not made again. The tables of docs/instructor.md are written from
the rows; --table does only that.

Then whose forgetting it is: a policy learns Household's quests of three commands, told by the model as it was deployed,
and then two robots' tasks. The old policy (after its first stage) and the new one (after its last) are each told by the
model as it was and as each way has left it: a row (seed, way "whose") with success in 200 episodes.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ludus.agents.instructors import corpus, rehearsal
from ludus.agents.instructors.language_model import LanguageModel
from ludus.agents.instructors.loading import load
from ludus.agents.instructors.prompts import as_data, prompt
from ludus.agents.instructors.pupil import Pupil
from ludus.agents.instructors.scenes import Theatre
from ludus.agents.instructors.training import Recipe, make
from ludus.agents.instructors.updating import Update, quality
from ludus.agents.memory.remembering import ALREADY, CUT_OFF
from ludus.curricula import ablate, actors, curriculum, runner
from ludus.curricula.curriculum import Evaluation, Stage
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put
from ludus.curricula.statistics import interval

RESULTS = Path(__file__).parent / "results" / "deployment.jsonl"
PAGE = Path(__file__).parents[1] / "docs" / "instructor.md"
OLD, NEW = ("ludus/Household-v0",), ("ludus/LiftColour-v0", "ludus/OpenDrawer-v0")
COPIES, EXPLORE, TRIED, UPDATE = 64, 0.5, 40, 400
REVISION = 2  # of how lessons are told and learnt, which no setting says
FIRST = 1 << 34  # the seed of the scenes that it is tried in, far from all that it learns in
WAYS = {
    "replay and gate": Update(steps=UPDATE, least=4),
    "replay, no gate": Update(steps=UPDATE, least=4, margin=1.0),
    "neither": Update(steps=UPDATE, least=4, replay=0.0, anchor="none", margin=1.0),
}


def old_model(folder: Path, seed: int, steps: int) -> Path:
    """The model as it is deployed, with the old briefings that it may rehearse beside it."""
    if not (folder / rehearsal.FILE).exists():
        pairs = [p for task in OLD for p in corpus.pairs(task, seed, 3, 256)]
        make(folder, pairs, Recipe(width=64, layers=2, inner=170, steps=steps, seed=seed))
        rehearsal.make(folder, tasks=OLD)
    return folder


def success(model: LanguageModel, theatre: Theatre) -> float:
    """The share of episodes that succeed when the model chooses and scripts carry it out."""
    n = theatre.world.num_envs
    phrase = corpus.phraser("train", np.random.default_rng(1))
    return float(theatre.play(model.instruct, range(FIRST, FIRST + n), phrase).success.mean())


def lived(model: LanguageModel, theatre: Theatre, draw: np.random.Generator) -> list[dict[str, Any]]:
    """Lines of data, as a run keeps them, of an episode in every copy."""
    told: list[tuple[Any, str]] = []

    def instruct(briefings: Sequence[Any], states: Sequence[Any]) -> tuple[list[str], list[Any]]:
        texts, states = model.instruct(briefings, states)
        for i in np.flatnonzero(draw.random(len(texts)) < EXPLORE).tolist():
            texts[i] = str(draw.choice(list(briefings[i].feasible)))
        told.extend(zip(briefings, texts, strict=True))
        return texts, states

    first = int(draw.integers(1 << 30))
    phrase = corpus.phraser("train", draw)
    played = theatre.play(instruct, range(first, first + theatre.world.num_envs), phrase)
    copies = {id(e.briefing): e.copy for e in played.examples}
    of: dict[int, list[tuple[Any, str]]] = {}
    for b, said in told:
        if id(b) in copies:  # what is said when an episode is over is not of it
            of.setdefault(copies[id(b)], []).append((b, said))

    def last(copy: int, said: str) -> str:
        """How an episode's last instruction ended: that it is won says that its goal was carried out, and no other."""
        aim = theatre.oracle.goals[int(played.goals[copy])]
        ended = "done" if theatre.oracle.understand(said) == aim else CUT_OFF
        return ended if played.success[copy] else "unfinished"

    return [
        {"task": theatre.task, "prompt": prompt(b), "said": as_data(said, 200), "won": bool(played.success[copy])}
        | {"outcome": _outcome(b, row[i + 1][0]) if i + 1 < len(row) else last(copy, said)}
        for copy, row in of.items()
        for i, (b, said) in enumerate(row)
    ]


def _outcome(b: Any, after: Any) -> str:
    """What the next briefing tells of the instruction before it; nothing came where it was so already."""
    return after.outcomes[-1].rpartition(": ")[2] if after.tried > b.tried else ALREADY


def rows(way: str, seed: int, rounds: int, folder: Path) -> tuple[list[dict[str, Any]], LanguageModel]:
    """Before, and after every round: success and held-out briefings of old and new tasks; and what became of it."""
    model = LanguageModel(load(folder))
    pupil = Pupil(model, "batch", dataclasses.replace(WAYS[way], seed=seed), folder)
    draw = np.random.default_rng(seed)
    schools = [Theatre(task, COPIES) for task in NEW]
    stages = {task: Theatre(task, TRIED) for task in (*OLD, *NEW)}
    held = rehearsal.load(folder)[1]
    lines: list[dict[str, Any]] = []
    made = []
    for turn in range(rounds + 1):
        verdict: dict[str, Any] = {}
        if turn:
            lines += [line for school in schools for line in lived(model, school, draw)]
            verdict = pupil.learn(lines, len(lines), f"round {turn}")
        about = {"way": way, "seed": seed, "round": turn, "taken": verdict.get("taken"), "why": verdict.get("why", "")}
        scores = {task: round(success(model, stage), 4) for task, stage in stages.items()}
        kept = {task: round(quality(model.model, each), 4) for task, each in held.items()}  # type: ignore[arg-type]
        made.append(about | {"lessons": verdict.get("lessons", 0), "success": scores, "held_out_right": kept})
    for theatre in (*schools, *stages.values()):
        theatre.close()
    return made, model


def whose(seed: int, folder: Path, models: dict[str, LanguageModel], out: Path) -> dict[str, dict[str, float]]:
    """model -> policy "old" and "new" -> success in Household's quests of three commands."""
    stages = [Stage(task=OLD[0], steps=300_000, settings={"steps": 3}), Stage(task="ludus/Reach-v0", steps=120_000)]
    stages += [Stage(task=NEW[0], steps=200_000)]
    few = Evaluation(per_stage=4, episodes=20, last_episodes=100)
    made = curriculum.load("short-life").model_copy(update={"stages": tuple(stages), "evaluation": few})
    speaker = {"model": str(folder)}
    run = read_run(runner.run(made, seed=seed, out=out, instructor="language-model", language_model=speaker))
    found: dict[str, dict[str, float]] = {name: {} for name in models}
    for policy, after in {"old": 0, "new": len(stages) - 1}.items():
        single, act = actors.load(run, after, OLD[0])
        single.close()
        for name, model in models.items():
            stage = actors.curriculum_of(run).tasks[0]
            found[name][policy] = ablate.tried(run, stage, act, model.instruct, None, 200)["success"]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seeds", type=int, default=3)
    ask.add_argument("--rounds", type=int, default=6)
    ask.add_argument("--steps", type=int, default=3000, help="of the first training")
    ask.add_argument("--models", type=Path, help="where the deployed model is kept  [default: made anew]")
    ask.add_argument("--out", type=Path, default=RESULTS)
    ask.add_argument("--table", action="store_true")
    given = ask.parse_args(arguments)
    torch.set_num_threads(1)
    there = Rows(given.out)
    size = {"rounds": given.rounds, "steps": given.steps, "explore": EXPLORE, "revision": REVISION}
    if not given.table:
        lives(there, given, size)
    found = table(there.current({"way": way, **size, **updates(way)} for way in WAYS))
    print(found)
    put(PAGE, "deployment", found)
    if found := forgetting(there.current([{"way": "whose", **size, "updates": list(map(updates, WAYS))}])):
        print(found)
        put(PAGE, "whose", found)
    return 0


def updates(way: str) -> dict[str, Any]:
    """How an update of this way learns, as a row says it."""
    return {"update": dataclasses.asdict(WAYS[way]) | {"shares": list(WAYS[way].shares)}}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line before, and one a way after the last round; mean over seeds and 95 % interval."""
    names = [task.rpartition("/")[2].removesuffix("-v0") for task in (*OLD, *NEW)]
    lines = [f"| way | {' | '.join(names)} | updates taken |", "|---" + "|--:" * (len(names) + 1) + "|"]
    ends = {way: [r for r in rows if r["way"] == way and r["round"] == r["rounds"]] for way in WAYS}
    firsts = [r for r in rows if r["round"] == 0 and r["way"] == next(iter(WAYS))]
    for name, mine in {"before": firsts, **ends}.items():
        if mine:
            cells = [_shown([r["success"][task] for r in mine]) for task in (*OLD, *NEW)]
            taken = [sum(bool(q["taken"]) for q in rows if q["way"] == name and q["seed"] == r["seed"]) for r in mine]
            told = "" if name == "before" else ", ".join(map(str, taken))
            lines.append(f"| {name} | {' | '.join(cells)} | {told} |")
    return "\n".join(lines)


def _shown(values: Sequence[float]) -> str:
    found = interval(values)
    return f"{found.estimate:.2f}" + (f" ({found.low:.2f} to {found.high:.2f})" if found.low is not None else "")


def forgetting(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line a model, a column a policy; mean over seeds and 95 % interval."""
    if not rows:
        return ""
    lines = ["| model | old policy | new policy |", "|---|--:|--:|"]
    for name in rows[0]["success"]:
        cells = [_shown([r["success"][name][policy] for r in rows]) for policy in ("old", "new")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def lives(there: Rows, given: argparse.Namespace, size: dict[str, Any]) -> None:
    """The rows that are missing."""
    with tempfile.TemporaryDirectory() as aside:
        for seed in range(given.seeds):
            folder, models = (given.models or Path(aside)) / str(seed), {}
            last = {"way": "whose", "seed": seed, **size, "updates": list(map(updates, WAYS))}
            for way in (w for w in WAYS if not there.has(last)):
                old_model(folder, seed, given.steps)
                began = time.process_time()
                made, models[way] = rows(way, seed, given.rounds, folder)
                took = {"cpu_seconds": round(time.process_time() - began)}
                for row in made:
                    if not there.has({k: row[k] for k in ("way", "seed", "round")} | size | updates(way)):
                        there.add(row | size | updates(way) | took)
            if models:
                began = time.process_time()
                found = whose(
                    seed, folder, {"as deployed": LanguageModel(load(folder))} | models, Path(aside) / f"run-{seed}"
                )
                there.add(last | {"success": found, "cpu_seconds": round(time.process_time() - began)})


if __name__ == "__main__":
    sys.exit(main())
