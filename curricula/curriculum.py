"""A curriculum is data: stages of tasks with budgets, read from a short YAML file and checked when it is read."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import pydantic
import yaml
from pydantic import Field

LIMIT = 1 << 18  # bytes of a curriculum file
DEPTH = 12  # of nesting in it
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"

Count = Annotated[int, Field(ge=1, le=10**12)]
Settings = dict[str, Any]


class Invalid(ValueError):
    """A curriculum that cannot be used; the message is one line: file, line, field, what would be right."""


class _Frozen(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class Resets(_Frozen):
    """What does not outlive a stage: the optimizer's moments, an off-policy buffer, the width of exploration."""

    optimizer: bool = True
    buffer: bool = True
    exploration: bool = True


class Reward(_Frozen):
    """Weights of the instructed view, beside the task's own reward: progress made, instruction done, failed."""

    progress: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    success: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    failure: Annotated[float, Field(allow_inf_nan=False)] = 0.0


class Stage(_Frozen):
    """A stretch of life on one task.

    task: a registered id, or 'module:callable' where code is allowed.
    steps: budget, in rows stepped (one per agent and copy).
    settings: of the world, over the catalogue's.
    resets: what the learner starts afresh as the stage begins.
    """

    task: str
    steps: Count
    settings: Settings = {}
    resets: Resets = Resets()

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

    decay: over every stage the learning rate falls evenly to this share of itself.
    """

    rows: Count = 64
    decay: Annotated[float, Field(ge=0, le=1)] = 1.0
    settings: Settings = {}


class Tier(_Frozen):
    """A size: a factor on every budget, and other numbers of evaluations (None: the curriculum's own)."""

    steps: float = Field(default=1.0, gt=0, le=1000)
    per_stage: Count | None = None
    episodes: Count | None = None
    last_episodes: Count | None = None


class Curriculum(_Frozen):
    """Stages in order, and what every learner that lives through them shares.

    observation, action, words: widths of the one body that meets all tasks (padded), and of the instruction's vector.
    algorithms: settings by algorithm; methods: default settings by method, or by "method@algorithm".
    """

    name: str = Field(default="", pattern=NAME, max_length=80)
    about: str = Field(default="", max_length=2000)
    version: Count = 1
    observation: Annotated[int, Field(ge=1, le=4096)]
    action: Annotated[int, Field(ge=1, le=256)]
    words: Annotated[int, Field(ge=1, le=4096)] = 16
    reward: Reward = Reward()
    evaluation: Evaluation = Evaluation()
    stages: tuple[Stage, ...] = Field(min_length=1, max_length=1000)
    algorithms: dict[str, Algorithm] = {}
    methods: dict[str, Settings] = {}
    tiers: dict[str, Tier] = {"full": Tier()}

    @pydantic.model_validator(mode="after")
    def _one_setting_a_task(self) -> Curriculum:
        for stage in self.stages:
            if stage.settings != self.tasks[self.index(stage.task)].settings:
                raise ValueError(f"{stage.task} has other settings in another stage; register the variant as a task")
        return self

    @property
    def tasks(self) -> tuple[Stage, ...]:
        """The distinct tasks, each by its first stage, in order."""
        first = {s.task: s for s in reversed(self.stages)}
        return tuple(first[t] for t in dict.fromkeys(s.task for s in self.stages))

    def index(self, task: str) -> int:
        """Which of the tasks it is, from 0."""
        return list(dict.fromkeys(s.task for s in self.stages)).index(task)

    def at(self, tier: str) -> Curriculum:
        """The curriculum at a tier's size, with no tiers left to choose. Raises UnknownName."""
        from ..envs import registry

        if tier not in self.tiers:
            raise registry.nearest(tier, self.tiers, f"tier in {self.name}")
        size = self.tiers[tier]
        stages = tuple(s.model_copy(update={"steps": max(1, round(s.steps * size.steps))}) for s in self.stages)
        counts = {k: v for k, v in size.model_dump(exclude={"steps"}).items() if v is not None}
        evaluation = self.evaluation.model_copy(update=counts)
        return self.model_copy(update={"stages": stages, "evaluation": evaluation, "tiers": {}})


def names() -> list[str]:
    """The curricula of the library."""
    library = resources.files(str(__package__)) / "library"
    return sorted(f.name.removesuffix(".yaml") for f in library.iterdir() if f.name.endswith(".yaml"))


def load(name: str | Path, allow_code: bool = False, fit: bool = True) -> Curriculum:
    """A curriculum of the library, or one's own by the path of its YAML file.

    allow_code: whether tasks may be 'module:callable'.
    fit: make one copy of every task and see that it takes its settings and fits the widths.
    Raises Invalid, one line with file, line and field; UnknownName where there is no such curriculum.
    """
    source = _source(name)
    text = _text(source)
    data, marks = _parse(text, source.name)
    try:
        made = Curriculum.model_validate_json(
            json.dumps({"name": source.name.rsplit(".", 1)[0]} | data), context={"allow_code": allow_code}
        )
        if fit:
            check_fit(made)
    except pydantic.ValidationError as error:
        raise Invalid(_one_line(error, source.name, marks)) from None
    except _Misfit as error:
        raise Invalid(f"{source.name}, line {_line(marks, error.where)}: {_dotted(error.where)}: {error}") from None
    return made


def schema() -> dict[str, Any]:
    """The JSON schema of a curriculum file."""
    return Curriculum.model_json_schema()


class _Misfit(ValueError):
    def __init__(self, where: tuple, problem: str):
        super().__init__(problem)
        self.where = where


def check_fit(curriculum: Curriculum) -> None:
    """Make one copy of every task. Raises ValueError, naming the task, where settings or widths do not fit."""
    from ..envs import registry

    for stage in curriculum.tasks:
        try:
            world = registry.make(stage.task, 1, **stage.settings)
        except (ValueError, TypeError) as error:
            raise _Misfit(
                ("stages", curriculum.stages.index(stage), "settings"), " ".join(str(error).split())
            ) from None
        spaces = {"observation": world.observation_spaces, "action": world.action_spaces}
        world.close()
        for field, of in spaces.items():
            needs, given = max(s.shape[0] if s.shape else 1 for s in of.values()), getattr(curriculum, field)
            if needs > given:
                raise _Misfit((field,), f"{stage.task} needs a width of {needs}; {given} given")


def _source(name: str | Path):
    from ..envs import registry

    path = Path(name)
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        if not path.is_file():
            raise Invalid(f"{_shown(str(name))}: no such file")
        return path
    if str(name) not in names():
        raise registry.nearest(_shown(str(name)), names(), "curriculum")
    return resources.files(str(__package__)) / "library" / f"{name}.yaml"


def _text(source) -> str:
    with source.open("rb") as file:
        raw = file.read(LIMIT + 1)
    if len(raw) > LIMIT:
        raise Invalid(f"{source.name}: larger than {LIMIT} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{source.name}: not UTF-8 text (byte {error.start})") from None


def _parse(text: str, file: str) -> tuple[dict[str, Any], dict[tuple, int]]:
    """The file's content, and the line of every path in it."""
    marks: dict[tuple, int] = {}
    try:
        _refuse_tricks(text)
        node = yaml.compose(text, yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise _Misfit((), "a curriculum is a mapping of keys to values")
        marks.update(_walk(node, ()))
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Invalid(f"{file}, line {line}: {error.problem}") from None
    except _Misfit as error:
        raise Invalid(f"{file}, line {error.where[0] if error.where else 1}: {error}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"{file}: {' '.join(str(error).split())[:200]}") from None
    return data, marks


def _refuse_tricks(text: str) -> None:
    """Look at the events alone, before anything is built from them."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line, tag = (event.start_mark.line + 1 if event.start_mark else 1,), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Misfit(line, "anchors and aliases are not allowed here; write the value out")
        if tag:
            raise _Misfit(line, f"tags are not allowed here: {_shown(tag)}")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise _Misfit(line, f"nested deeper than {DEPTH}")


def _walk(node: yaml.Node, path: tuple) -> Iterator[tuple[tuple, int]]:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or not key.tag.endswith(":str"):
                raise _Misfit((line,), f"a key must be a word, not {_shown(str(key.value))}")
            if key.value in seen:
                raise _Misfit((line,), f"{_dotted((*path, key.value))}: stands there twice")
            seen.add(key.value)
            yield (*path, key.value), line
            yield from _walk(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield (*path, i), item.start_mark.line + 1
            yield from _walk(item, (*path, i))
    elif node.tag.rsplit(":", 1)[1] not in ("str", "int", "float", "bool", "null"):
        raise _Misfit((node.start_mark.line + 1,), f"{_dotted(path)}: write {_shown(node.value)} in quotes")
    elif node.tag.endswith(":float") and node.value.lower().lstrip("+-") in (".inf", ".nan"):
        raise _Misfit((node.start_mark.line + 1,), f"{_dotted(path)}: must be a finite number, not {node.value}")


def _one_line(error: pydantic.ValidationError, file: str, marks: dict[tuple, int]) -> str:
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # a misspelt key explains a missing one
    where = tuple(x for x in first["loc"] if isinstance(x, int) or not x.startswith("function-"))
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), _fields(where), 1, 0.0)
        problem = f"no such key; did you mean {near[0]!r}?"
    elif first["type"] == "missing":
        problem = "is missing"
    elif first["type"] != "value_error" and isinstance(first["input"], (str, int, float)):
        problem += f", not {_shown(repr(first['input']))}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    at = _dotted(where) + ": " if where else ""
    return " ".join(f"{file}, line {_line(marks, where)}: {at}{problem}{more}".split())


def _fields(where: tuple) -> list[str]:
    parts = {"stages": Stage, "resets": Resets, "reward": Reward, "evaluation": Evaluation}
    parts |= {"algorithms": Algorithm, "tiers": Tier}
    model = next((parts[p] for p in reversed(where[:-1]) if p in parts), Curriculum)
    return list(model.model_fields)


def _line(marks: dict[tuple, int], where: tuple) -> int:
    """The line of the longest part of the path that stands in the file."""
    return next((marks[where[:n]] for n in range(len(where), 0, -1) if where[:n] in marks), 1)


def _dotted(where: tuple) -> str:
    return _shown(".".join(map(str, where)))


def _shown(text: str) -> str:
    """Foreign text fit for one line of a message."""
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
