"""A task as a curriculum of one stage, with the algorithm's settings and the budget that learn it from scratch."""

from __future__ import annotations

from importlib import resources
from typing import Any, Literal

import pydantic
from gymnasium import spaces

from ..agents.interface import widths
from ..envs import registry
from ..envs.views import partners as team
from . import reading
from .curriculum import Algorithm, Curriculum, Evaluation, Stage, Tier

STEPS = 1_000_000  # of a task that the table does not know
EVALUATION = Evaluation(per_stage=20, episodes=50, last_episodes=200)
TIERS = {"full": Tier(), "small": Tier(steps=0.3, per_stage=10), "smoke": Tier(steps=0.02, per_stage=2, episodes=10)}


class Baseline(pydantic.BaseModel):
    """How one task is learnt: steps in rows stepped; the rest where it differs from what all tasks share.

    rows, decay and bound are of the algorithm that comes first; ppo and masked are keywords of PPO and of masked PPO.
    words: width of the instruction's vector; encoder, words_scale, wordings, evaluation, instructor: of a curriculum;
    timeout: of its stage.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)
    steps: int = STEPS
    settings: dict[str, Any] = {}
    training: dict[str, Any] = {}
    partners: dict[str, Any] = {}
    rows: int | None = None
    decay: float | None = None
    bound: float | None = None
    ppo: dict[str, Any] = {}
    masked: dict[str, Any] = {}
    words: int = 16
    encoder: Literal["words", "learnt"] = "words"
    words_scale: float = 1.0
    wordings: Literal["one", "all"] = "one"
    instructor: Literal["fixed", "script", "language-model"] = "fixed"
    timeout: int | None = None
    evaluation: Evaluation = EVALUATION


def table() -> tuple[dict[str, Algorithm], dict[str, Baseline]]:
    """The algorithms as all tasks share them, and what is particular to a task, by id."""
    data, _ = reading.read(resources.files(str(__package__)) / "baselines.yaml", "the table of baselines")
    tasks = {t: Baseline.model_validate(b) for t, b in data.pop("tasks").items()}
    return {name: Algorithm.model_validate(settings) for name, settings in data.items()}, tasks


def of(task: str) -> Curriculum:
    """The curriculum of one task alone, by its id; its name is the task's. Raises UnknownName.

    'GridWorld-v0#camera' is a variant, which has an entry, and so settings, of its own.
    """
    task = registry.spec(task).id
    shared, tasks = table()
    if "#" in task and task not in tasks:
        raise registry.nearest(task, [t for t in tasks if "#" in t], "variant in the table of baselines")
    one = tasks.get(task, Baseline())
    own = {k: v for k in ("rows", "decay", "bound") if (v := getattr(one, k)) is not None}
    own_world = {k: getattr(one, k) for k in ("settings", "training", "partners", "timeout")}
    stage = Stage(task=task, steps=one.steps, **own_world)
    world = team.make(task, 1, one.partners, **one.settings)
    observation, action = widths(world)
    boxes = all(isinstance(s, spaces.Box) for s in world.action_spaces.values())
    usual = "ppo" if boxes or one.ppo else "maskable-ppo"
    world.close()
    keywords = one.ppo if usual == "ppo" else one.masked
    first = shared[usual].model_copy(update=own | {"settings": shared[usual].settings | keywords})
    return Curriculum(
        name=task.rpartition("/")[2].replace("#", "-"),
        about=f"{task} alone: {world.goal.text}.",
        observation=observation,
        action=action,
        words=one.words,
        encoder=one.encoder,
        words_scale=one.words_scale,
        wordings=one.wordings,
        instructor=one.instructor,
        evaluation=one.evaluation,
        stages=(stage,),
        algorithms={usual: first} | shared | {usual: first},
        tiers=TIERS,
    )
