"""What others' libraries read: rollouts of a task as a Minari dataset, a run as a Hugging Face folder with a card."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ..envs import registry
from ..envs.core import World
from ..envs.views.joint import Joint
from . import actors, metrics, policies, submit
from .record import Run, inside, read_run

PLAIN = ("scripted", "random")  # who acts in the task itself; a learnt policy acts in its own body
CARRIED = ("run.json", "evaluations.jsonl", "metrics.json", "costs.json")


def rollouts(world: World, act: Callable[[dict], dict], seeds: range) -> list[dict[str, Any]]:
    """One episode for every seed: observations (T + 1, …), actions (T, …), rewards, terminations, truncations (T,).

    Several agents are recorded as one: their observations and actions side by side, their mean reward.
    """
    joint = Joint(world)
    return [_episode(world, joint, act, seed) for seed in seeds]


def _episode(world: World, joint: Joint, act: Any, seed: int) -> dict[str, Any]:
    obs, _ = world.reset(np.arange(1), [seed])
    seen, done, rows = [joint.join(obs)[0]], False, []
    while not done:
        action = _acted(joint, act(obs))  # as it will be read again, and so to the bit what is played
        result = world.step(joint.split(action[None]))
        obs, done, cut = result.obs, bool(result.done[0]), bool(result.truncated[0])
        seen.append(joint.join(obs)[0])
        success = bool(result.info["success"][0])
        rows.append((action, float(joint.reward(result.reward)[0]), done and not cut, cut, success))
    actions, rewards, ends, cuts, success = (np.array(column) for column in zip(*rows, strict=True))
    return {
        "seed": seed, "observations": np.array(seen), "actions": actions, "rewards": rewards,
        "terminations": ends, "truncations": cuts, "infos": {"is_success": np.append(False, success)},
    }  # fmt: skip


def _acted(joint: Joint, chosen: dict[str, np.ndarray]) -> np.ndarray:
    """The agents' actions (1, …) as one action of the joint space."""
    space, parts = joint.action_space, [np.reshape(chosen[a], -1) for a in joint.agents]
    return np.concatenate(parts).astype(space.dtype).reshape(space.shape or ())


def minari(task: str, out: Path, policy: str = "best", episodes: int = 20, seed: int = 0) -> str:
    """Write a Minari dataset of the task to the folder out; returns its id (ludus/<task>/<policy>-v0).

    Read it with MINARI_DATASETS_PATH=out. Raises ValueError where Minari is missing or the dataset is there already.
    """
    out = out.absolute()  # Minari joins a relative one to itself
    try:
        os.environ["MINARI_DATASETS_PATH"] = str(out)
        import minari
        from minari.data_collector import EpisodeBuffer
    except ImportError:
        raise ValueError("a dataset needs Minari: pip install 'minari>=0.5.3' 'h5py>=3.12'") from None
    world, act, name = actors.player(task, policy, seed)
    joint, short = Joint(world), registry.spec(task).id.rpartition("/")[2].rpartition("-v")[0].lower()
    id = f"ludus/{short}/{name if name in PLAIN else 'learnt'}-v0"
    if (out / id).exists():
        raise ValueError(f"{out / id}: a dataset is there already; choose another --out")
    lives = rollouts(world, act, range(seed, seed + episodes))
    buffers = [EpisodeBuffer(id=i, **life) for i, life in enumerate(lives)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that nobody signs it
        minari.create_dataset_from_buffers(
            id,
            buffers,
            env=registry.spec(task).id if name in PLAIN else None,
            observation_space=joint.observation_space,
            action_space=joint.action_space,
            algorithm_name=name,
            description=f"{registry.spec(task).id}: {world.aim_of(0).text}",
            requirements=["ludus"],
        )
    world.close()
    return id


def hub(path: Path, out: Path) -> Path:
    """Write the run in path as a Hugging Face model folder: its policy, its record, and a card. Returns out."""
    row, run = submit.entry(path), read_run(path)
    out.mkdir(parents=True, exist_ok=True)
    policies.ship(run, out / "policy.safetensors")
    for name in CARRIED:
        shutil.copyfile(inside(path, name), out / name)
    (out / "README.md").write_text(_card(run, row), "utf-8")
    return out


def _card(run: Run, row: dict[str, Any]) -> str:
    from huggingface_hub import ModelCard, ModelCardData

    about = ModelCardData(
        library_name="ludus", tags=["reinforcement-learning", "continual-learning", "ludus", run.curriculum],
        license="apache-2.0", model_name=f"{run.curriculum} · {run.label} · seed {run.seed}",
    )  # fmt: skip
    measures = "\n".join(f"| {name} | {value:.3f} |" for name, value in row["metrics"].items())
    tasks, first = ", ".join(run.scores.tasks), run.scores.tasks[0]
    text = f"""---
{about.to_yaml()}
---

# {run.curriculum}, {run.label}, seed {run.seed}

One policy that lived through {tasks}, made by Ludus {run.settings["suite"]}.
{_learnt(run)}

| measure | value |
|---|--:|
{measures}

`policy.safetensors` holds the weights and says in its metadata how they are used; `run.json` every setting;
`evaluations.jsonl` every evaluation, from which the measures can be computed again (`ludus report`).

```python
import numpy as np
from ludus.curricula.actors import player

world, act, who = player("{first}", "policy.safetensors")
obs, info = world.reset(np.arange(1), [0])
while not (step := world.step(act(obs))).done[0]:
    obs = step.obs
```

One seed: no interval. The policy knows the tasks named here, in the body that `run.json` describes, and no others.
"""
    return str(ModelCard(text))


def _learnt(run: Run) -> str:
    """What of it was learnt: measures of forgetting mean nothing beside what was not."""
    count, missed = len(run.scores.trained), metrics.unlearnt(run.scores)
    if not count:
        return "It learnt all of them at once."
    told = f" (not {', '.join(missed)})" if missed else ""
    return (
        f"At the end of its own stage it succeeded in {metrics.LEARNT:.0%} of the episodes or more in "
        f"{count - len(missed)} of {count} stages{told}. What was not learnt cannot be forgotten: read the measures so."
    )


def command(
    what: Annotated[str, typer.Argument(metavar="TASK_OR_RUN", help="a task's id, or the folder of a finished run")],
    out: Annotated[Path | None, typer.Option(help="where to  [default: datasets/, or hub/RUN]")] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="who acts: best, shipped, scripted, random, a run's folder, or a policy's file  [default: scripted]"
        ),
    ] = None,
    episodes: Annotated[int | None, typer.Option(help="of the dataset  [default: 20]", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="of the first episode  [default: 0]", min=0)] = None,
) -> None:
    """Write a task's rollouts as a Minari dataset, or a run as a Hugging Face folder."""
    path = Path(what)
    if (path / "run.json").exists():
        if (policy, episodes, seed) != (None, None, None):
            raise ValueError(f"{path} is a run, whose policy is written: --policy, --episodes, --seed are for a task")
        print(f"a Hugging Face folder: {hub(path, out or Path('hub') / path.name)}")
        return
    folder = out or Path("datasets")
    print(f"a Minari dataset: {minari(what, folder, policy or 'scripted', episodes or 20, seed or 0)} in {folder}")
