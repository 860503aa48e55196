"""The mean rewards that Unity's documents name, earned by SB3's PPO: on the wire, and in this process.

    python benchmarks/unity_baselines.py [--games Basic-v0 …] [--seeds 0 …] [--near | --wire]

Settings and budgets stand in curricula/baselines.yaml, as for `ludus run ludus/Ball3D-v0`; on the wire the very same
run goes through the bundled player and Unity's client. A row for each (game, wire or not, seed, settings) goes to
results/unity-baselines.jsonl as its run ends, and what is there is not made again. Then the table in
docs/environments/unity.md is written.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ludus.curricula import baselines, runner
from ludus.curricula.curriculum import Curriculum, Evaluation
from ludus.curricula.plan import plan
from ludus.curricula.record import read_run
from ludus.curricula.rows import Rows, put

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "unity-baselines.jsonl"
PAGE = HERE.parent / "docs" / "environments" / "unity.md"
SHARE = 0.9  # of the documented mean reward
# game: (documented mean reward, whether on the wire as a rule, episodes of an evaluation)
GAMES: Mapping[str, tuple[float, bool, int]] = {
    "Basic-v0": (0.93, True, 50),
    "Ball3D-v0": (100, True, 24),
    "GridWorld-v0": (0.8, True, 100),
    "GridWorld-v0#camera": (0.8, True, 100),
    "PushBlock-v0": (4.5, False, 100),
    "FoodCollector-v0": (10, False, 10),
}
HEAD = """| game | path | documented | earned, seed: mean | 90 % | rows of learning | minutes of a core |
|---|---|--:|---|---|--:|--:|
"""
LIBRARIES = ("stable-baselines3", "torch", "numpy", "mlagents-envs", "grpcio")


def curriculum(game: str, wire: bool) -> Curriculum:
    """The game's baseline, few evaluations; on the wire where asked."""
    made, episodes = baselines.of(game), GAMES[game][2]
    stage = made.stages[0]
    if wire:
        stage = stage.model_copy(update={"settings": stage.settings | {"wire": True}})
    tried = Evaluation(per_stage=4, episodes=episodes, last_episodes=episodes)
    return made.model_copy(update={"stages": (stage,), "evaluation": tried})


def trial(game: str, wire: bool, seed: int) -> dict[str, Any]:
    """The row of one run."""
    made, spent = curriculum(game, wire), _cpu()
    with tempfile.TemporaryDirectory() as folder:
        run = read_run(runner.run(made, seed=seed, out=Path(folder) / "run", checkpoint_share=1e-9))
    documented, last = GAMES[game][0], run.rows[-1]
    return {
        "game": game, "wire": wire, "seed": seed,
        "hash": _hash(made), "algorithm": made.usual, "documented": documented, "return": last["return"],
        "share": round(last["return"] / documented, 4), "success": last["success"], "episodes": last["episodes"],
        "steps": last["step"], "curve": [[r["step"], r["return"]] for r in run.rows],
        "seconds": round(run.costs["seconds"]), "cpu_seconds": round(_cpu() - spent),
        "versions": {name: metadata.version(name) for name in LIBRARIES},
    }  # fmt: skip


def _cpu() -> float:
    """Processor seconds of this process and of the players that it has ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _hash(made: Curriculum) -> str:
    return plan(made, made.usual).hash[:12]


def table(rows: list[dict[str, Any]]) -> str:
    """The lines of the page, of the rows of the settings as they are."""
    lines = []
    for game, (documented, _, _) in GAMES.items():
        for wire in (True, False):
            hash = _hash(curriculum(game, wire))
            mine = [r for r in rows if (r["game"], r["wire"], r["hash"]) == (game, wire, hash)]
            if mine:
                lines.append(_line(game, wire, documented, sorted(mine, key=lambda r: r["seed"])))
    return HEAD + "\n".join(lines) + "\n"


def _line(game: str, wire: bool, documented: float, mine: list[dict[str, Any]]) -> str:
    earned = ", ".join(f"{r['seed']}: {r['return']:.2f}" for r in mine)
    held = "yes" if all(r["share"] >= SHARE for r in mine) else "**missed**"
    path, steps = "wire" if wire else "in process", mine[0]["steps"]
    minutes = np.median([r["cpu_seconds"] for r in mine]) / 60
    return f"| {game} | {path} | {documented:g} | {earned} | {held} | {steps:,} | {minutes:.1f} |"


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--games", nargs="+", choices=GAMES, default=list(GAMES))
    ask.add_argument("--seeds", nargs="+", type=int, default=[0])
    path = ask.add_mutually_exclusive_group()
    path.add_argument("--near", action="store_true", help="in this process")
    path.add_argument("--wire", action="store_true", help="through the bundled player and Unity's client")
    given = ask.parse_args()
    rows = Rows(RESULTS)
    for seed in given.seeds:
        for game in given.games:
            wire = given.wire or (GAMES[game][1] and not given.near)
            key = {"game": game, "wire": wire, "seed": seed, "hash": _hash(curriculum(game, wire))}
            if not rows.has(key):
                rows.add(trial(game, wire, seed))
    put(PAGE, "baselines", table(rows))


if __name__ == "__main__":
    main()
