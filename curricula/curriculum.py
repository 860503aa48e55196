"""A curriculum is data: stages of tasks with budgets, read from a short YAML file and checked when it is read."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Field

from .reading import Invalid, Misfit, one_line, read, shown, told

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"

Count = Annotated[int, Field(ge=1, le=10**12)]
Settings = dict[str, Any]


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class Resets(_Frozen):
    """What does not outlive a stage: the optimizer's moments, an off-policy buffer, the width of exploration.

    critic: what states were worth; None leaves it to the algorithm's settings, or else it stays.
    """

    optimizer: bool = True
    buffer: bool = True
    exploration: bool = True
    critic: bool | None = None

    @pydantic.model_serializer(mode="wrap")
    def _said(self, write: Any) -> dict[str, Any]:
        return {k: v for k, v in write(self).items() if v is not None}


class Reward(_Frozen):
    """Weights of the instructed view, beside the task's own reward: progress made, instruction done, failed."""

    progress: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    success: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    failure: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class Until(_Frozen):
    """When a stage has done enough: an evaluation in which its own task reaches this success."""

    success: Annotated[float, Field(gt=0, le=1)]


Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Explore(_Frozen):
    """How much a stage explores: a number, or two: at its first step and at its last, with a straight line between.

    entropy: the weight of entropy in the loss; epsilon: DQN's share of random actions; noise: standard deviation of an
    off-policy algorithm's action noise. An algorithm takes what it has; what is not said is as its settings have it.
    """

    entropy: Amount | tuple[Amount, Amount] | None = None
    epsilon: Share | tuple[Share, Share] | None = None
    noise: Amount | tuple[Amount, Amount] | None = None

    @pydantic.model_serializer(mode="wrap")
    def _said(self, write: Any) -> dict[str, Any]:
        return {k: v for k, v in write(self).items() if v is not None}

    @property
    def spans(self) -> dict[str, tuple[float, float]]:
        """name -> (first, last), of what is said."""
        said = {k: getattr(self, k) for k in type(self).model_fields}
        return {k: v if isinstance(v, tuple) else (v, v) for k, v in said.items() if v is not None}


class Stage(_Frozen):
    """A stretch of life on one task.

    task: a registered id, or 'module:callable' where code is allowed; with '#' and a word behind it where the same task
        stands in other stages under other settings or with other partners.
    steps: budget, in rows stepped (one per agent and copy).
    settings: of the world, over the catalogue's.
    training: settings over these where it is learnt; it is tried, and filmed, without.
    resets: what the learner starts afresh as the stage begins.
    partners: group -> "idle", "random", "scripted" or "league": who plays the groups that do not learn. The league is
        the learner's past selves; when the policy is tried, and in films, the script plays in its place.
    explore: how much is explored in it, where that differs from the algorithm's settings.
    until: the stage ends early, at the first of its evaluations that finds this; steps are then the most it may take.
    timeout: steps after which an instruction that was not carried out has timed out and the instructor is asked again,
        where the task is learnt and where it is tried; None: it stands until it is done or the episode ends.
    announced: False: the world changes and nobody says so. The learner goes on as if its stage did: nothing is reset,
        methods hear of no other task, the learning rate falls on; what is tried and recorded is as ever.
    """

    task: str
    steps: Count
    settings: Settings = {}
    training: Settings = {}
    resets: Resets = Resets()
    partners: dict[str, Literal["idle", "random", "scripted", "league"]] = {}
    explore: Explore | None = None
    until: Until | None = None
    timeout: Count | None = None
    announced: bool = True

    @pydantic.model_serializer(mode="wrap")
    def _said(self, write: Any) -> dict[str, Any]:
        """What has no partners, no early end, no timeout and no exploration of its own does not speak of them.

        So it always was written, and hashed; nor does what is announced.
        """
        usual: dict[str, Any] = {"partners": {}, "explore": None, "until": None, "timeout": None, "announced": True}
        usual["training"] = {}
        return {k: v for k, v in write(self).items() if k not in usual or v != usual[k]}

    @pydantic.model_validator(mode="after")
    def _silent(self) -> Stage:
        if not self.announced and (self.resets != Resets() or self.explore):
            raise ValueError("a stage that is not announced goes on as the one before it: leave out resets and explore")
        return self

    @pydantic.field_validator("task")
    @classmethod
    def _known(cls, task: str, info: pydantic.ValidationInfo) -> str:
        from ..envs import registry

        if ":" in task and not (info.context or {}).get("allow_code"):
            raise ValueError(f"{task!r} would run code of its own; allow it with --allow-code")
        return registry.spec(task).id


class Evaluation(_Frozen):
    """How every task is tried: per_stage times a stage, `episodes` each, `last_episodes` at the stage's end."""

    per_stage: Count = 10
    episodes: Count = 20
    last_episodes: Count = 100


class Algorithm(_Frozen):
    """rows: of the training VecEnv; settings: keywords of the Stable-Baselines3 class.

    budget: share of every stage's steps that it takes: who learns from few steps makes many updates of each.
    decay: over every stage the learning rate falls evenly to this share of itself.
    resets: what its stages start afresh, beyond what every stage does.
    bound: how far the mean of continuous actions may be from 0; None: as far as it likes.
    """

    rows: Count = 64
    budget: Annotated[float, Field(gt=0, le=100)] = 1.0
    decay: Annotated[float, Field(ge=0, le=1)] = 1.0
    resets: dict[Literal["critic"], bool] = {}
    bound: Annotated[float, Field(ge=1, le=10)] | None = None
    settings: Settings = {}


class Tier(_Frozen):
    """A size: a factor on every budget, and other numbers of evaluations (None: the curriculum's own).

    least: steps that every stage keeps of its budget, so that what is learnt quickly is learnt in a small size, too.
    """

    steps: float = Field(default=1.0, gt=0, le=1000)
    least: Count = 1
    per_stage: Count | None = None
    episodes: Count | None = None
    last_episodes: Count | None = None


class Curriculum(_Frozen):
    """Stages in order, and what every learner that lives through them shares.

    observation, action, words: widths of the one body that meets all tasks (padded), and of the instruction's vector.
    actions: how the body acts; auto: in the way that its tasks do. action counts the entries of continuous actions, the
        values of discrete ones, or the branches. bins: values of a continuous entry among branches.
    instructor: who instructs unless one says otherwise.
    encoder: what makes vectors of sentences: hashed words, or the learnt encoder, which has at most 64 of width.
    words_scale: the instruction's vector is multiplied by this; a louder sentence is sooner told from another.
    wordings: while it is learnt, an instruction is told as it was said, or in any of its skill's wordings but the
        held-out ones, drawn whenever it takes effect; the policy is tried with what was said.
    algorithms: settings by algorithm; methods: default settings by method, or by "method@algorithm".
    """

    name: str = Field(default="", pattern=NAME, max_length=80)
    about: str = Field(default="", max_length=2000)
    version: Count = 1
    observation: Annotated[int, Field(ge=1, le=1_000_000)]
    action: Annotated[int, Field(ge=1, le=4096)]
    words: Annotated[int, Field(ge=1, le=4096)] = 16
    actions: Literal["auto", "continuous", "discrete", "branches"] = "auto"
    bins: Annotated[int, Field(ge=2, le=101)] = 7
    instructor: Literal["fixed", "script", "language-model"] = "fixed"
    encoder: Literal["words", "learnt"] = "words"
    words_scale: Annotated[float, Field(gt=0, le=1000)] = 1.0
    wordings: Literal["one", "all"] = "one"
    reward: Reward = Reward()
    evaluation: Evaluation = Evaluation()
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=1000)
    algorithms: dict[str, Algorithm] = {}
    methods: dict[str, Settings] = {}
    tiers: dict[str, Tier] = {"full": Tier()}

    @pydantic.model_validator(mode="after")
    def _begins_announced(self) -> Curriculum:
        if not self.stages[0].announced:
            raise ValueError("a life begins with a stage that is announced")
        return self

    @pydantic.model_validator(mode="after")
    def _one_setting_a_task(self) -> Curriculum:
        for stage in self.stages:
            first = self.tasks[self.index(stage.task)]
            if any(getattr(stage, k) != getattr(first, k) for k in ("settings", "training", "partners", "timeout")):
                raise ValueError(f"{stage.task} has other settings in another stage; name this one {stage.task}#…")
        return self

    @pydantic.model_serializer(mode="wrap")
    def _said(self, write: Any) -> dict[str, Any]:
        """What acts as its tasks do, and keeps to the task's own words, does not say so.

        So it always was written, and hashed.
        """
        usual: dict[str, Any] = {"actions": "auto", "bins": 7, "instructor": "fixed"}
        usual |= {"encoder": "words", "words_scale": 1.0, "wordings": "one"}
        return {k: v for k, v in write(self).items() if k not in usual or v != usual[k]}

    @pydantic.model_validator(mode="after")
    def _encoded(self) -> Curriculum:
        from ..agents.encoders import WIDTH

        if self.encoder == "learnt" and self.words > WIDTH:
            raise ValueError(f"the learnt encoder's vectors have {WIDTH} entries at most; words is {self.words}")
        return self

    @property
    def tasks(self) -> tuple[Stage, ...]:
        """The distinct tasks, each by its first stage, in order."""
        first = {s.task: s for s in reversed(self.stages)}
        return tuple(first[t] for t in dict.fromkeys(s.task for s in self.stages))

    @property
    def usual(self) -> str:
        """The algorithm that learns it unless one asks for another: the first that it has settings for."""
        return next(iter(self.algorithms), "ppo")

    def index(self, task: str) -> int:
        """Which of the tasks it is, from 0."""
        return list(dict.fromkeys(s.task for s in self.stages)).index(task)

    def at(self, tier: str) -> Curriculum:
        """The curriculum at a tier's size, with no tiers left to choose. Raises UnknownName."""
        from ..envs import registry

        if tier not in self.tiers:
            raise registry.nearest(tier, self.tiers, f"tier in {self.name}")
        size = self.tiers[tier]
        counts = {k: v for k, v in size.model_dump(exclude={"steps", "least"}).items() if v is not None}
        evaluation = self.evaluation.model_copy(update=counts)
        return self.shortened(size.steps, size.least).model_copy(update={"evaluation": evaluation, "tiers": {}})

    def shortened(self, share: float, least: int = 1) -> Curriculum:
        """The curriculum with this share of every stage's steps; of each at least so many, as far as it has them."""
        steps = [max(round(s.steps * share), min(s.steps, least), 1) for s in self.stages]
        stages = tuple(s.model_copy(update={"steps": n}) for s, n in zip(self.stages, steps, strict=True))
        return self.model_copy(update={"stages": stages})


def names() -> list[str]:
    """The curricula of the library."""
    library = resources.files(str(__package__)) / "library"
    return sorted(f.name.removesuffix(".yaml") for f in library.iterdir() if f.name.endswith(".yaml"))


def load(name: str | Path, allow_code: bool = False, fit: bool = True) -> Curriculum:
    """A curriculum of the library, one's own by the path of its YAML file, or a task's id: that task alone.

    allow_code: whether tasks may be 'module:callable'.
    fit: make one copy of every task and see that it takes its settings and fits the widths.
    Raises Invalid, one line with file, line and field; UnknownName where there is no such curriculum.
    """
    if _is_task(str(name)):
        from . import baselines

        return baselines.of(str(name))
    source = _source(name)
    data, marks = read(source)
    try:
        made = Curriculum.model_validate_json(
            json.dumps({"name": source.name.rsplit(".", 1)[0]} | data), context={"allow_code": allow_code}
        )
        if fit:
            from .fit import check_fit

            check_fit(made)
    except pydantic.ValidationError as error:
        raise one_line(error, source.name, marks, _fields) from None
    except Misfit as error:
        raise told(error, source.name, marks) from None
    return made


def schema() -> dict[str, Any]:
    """The JSON schema of a curriculum file."""
    return Curriculum.model_json_schema()


def _is_task(name: str) -> bool:
    from ..envs import registry

    return registry.full(name).partition("#")[0] in registry.ids() and name not in names()


def _source(name: str | Path):
    from ..envs import registry

    path = Path(name)
    if str(name).startswith(f"{registry.NAMESPACE}/") and not path.suffix:
        registry.spec(str(name))  # says which task is meant
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if not path.is_file():
            what = "is a folder, not a curriculum's YAML file" if path.is_dir() else "no such file"
            raise Invalid(f"{shown(str(name))}: {what}")
        return path
    if str(name) not in names():
        tasks = [id.removeprefix(f"{registry.NAMESPACE}/") for id in registry.ids()]
        error = registry.nearest(shown(str(name)), [*names(), *tasks], "curriculum or task")
        raise error if "did you mean" in str(error) else registry.nearest(shown(str(name)), names(), "curriculum")
    return resources.files(str(__package__)) / "library" / f"{name}.yaml"


def _fields(where: tuple) -> list[str]:
    parts = {"stages": Stage, "resets": Resets, "explore": Explore, "until": Until, "reward": Reward}
    parts |= {"evaluation": Evaluation, "algorithms": Algorithm, "tiers": Tier}
    model = next((parts[p] for p in reversed(where[:-1]) if p in parts), Curriculum)
    return list(model.model_fields)
