"""What a run is to do, checked before anything starts; and the hash of all that shapes its result."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..envs import registry, revisions
from .curriculum import Curriculum, Stage
from .fit import unfit

RESULTS = 1  # raise it when the code changes what a run gives: records with another hash are not compared
SHIPPED_FIRST = "48ffa91c6b7c8dc9"  # the weights of the language model with which runs were hashed without them
LEARNS = ("never", "stage", "batch", "online")
REGIMES = {"finetune": "sequence", "joint": "joint", "scratch": "scratch"}


@dataclasses.dataclass(frozen=True)
class Part:
    """A stretch of training: its name, the indices of the tasks trained, the budget, evaluations, what is reset.

    enough: success on its task at which it moves on before the budget is spent; None: it takes all.
    explore: first and last value of what it explores by, over the algorithm's settings.
    called: the task that the learner hears of; not its own where the stage is not announced.
    span: steps until the next stage that is announced.
    """

    name: str
    tasks: tuple[int, ...]
    steps: int
    points: int
    resets: dict[str, bool]
    enough: float | None = None
    explore: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    called: str = ""
    span: int = 0
    announced: bool = True


@dataclasses.dataclass(frozen=True)
class Plan:
    """A run, resolved. curriculum: at its tier; settings: of the algorithm, rows included; methods: name, settings.

    own: task, or instructor -> fingerprints of somebody's own code and file, where it is made by such.
    """

    curriculum: Curriculum
    algorithm: str
    settings: dict[str, Any]
    methods: tuple[dict[str, Any], ...]
    regime: str
    input: str
    instructor: str
    tier: str
    seed: int
    device: str
    memory: bool = False
    learns: str = "never"
    speaker: dict[str, Any] = dataclasses.field(default_factory=dict)
    own: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        """Such as "replay@ppo"."""
        return label([m["name"] for m in self.methods], self.regime, self.algorithm)

    @property
    def shape(self) -> dict[str, Any]:
        """All that shapes the result, the seed apart."""
        from ..agents.instructors import loading, speakers

        apart = {"name", "about", "instructor", "algorithms", "methods", "tiers"}  # the plan says what became of them
        content = self.curriculum.model_dump(mode="json", exclude=apart)
        keys = ("algorithm", "settings", "methods", "regime", "input", "instructor")
        joint = {"rows": "by the root of steps"} if self.regime == "joint" else {}  # they were divided evenly once
        kept = self._beside(speakers.identity(self.speaker))  # so that runs without are hashed as before
        changed = {s.task: n for s in self.curriculum.tasks if (n := revisions.revision(s.task))}
        worlds = {"worlds": changed} if changed else {}
        bounded = {"bound": "cut, not squashed"} if self.settings.get("bound") else {}  # it was squashed once
        told = {"past": "of the episode"} if self.instructor == "language-model" else {}  # it was of those before, too
        if told and "model" not in self.speaker and (ships := loading.weights()) != SHIPPED_FIRST:
            told["shipped"] = ships
        beside = joint | kept | worlds | bounded | told | self._against
        return {"results": RESULTS, "curriculum": content} | {k: getattr(self, k) for k in keys} | beside

    @property
    def _against(self) -> dict[str, Any]:
        """Settings of the league, where one sits in a stage and they are not as usual: so runs are hashed as before."""
        from ..agents.team.league import League

        settings = _league(self.curriculum, self.algorithm)
        return {"league": settings} if settings not in (None, _defaults(League)) else {}

    @property
    def extras(self) -> dict[str, Any]:
        """What the instructor does beside instructing, which model it is, what is somebody's own: where there is."""
        return self._beside(self.speaker)

    def _beside(self, speaker: dict[str, Any]) -> dict[str, Any]:
        said = {
            "memory": self.memory,
            "learns": self.learns if self.learns != "never" else "",
            "language_model": speaker,
            "own": self.own,
        }
        return {name: value for name, value in said.items() if value}

    @cached_property
    def hash(self) -> str:
        """sha256 over the canonical JSON of shape."""
        return hashlib.sha256(json.dumps(self.shape, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def share(self, task: str) -> float:
        """A task's share of the rows with the regime "joint": the root of its stages' steps.

        By steps alone the small tasks drown among the others' gradients, evenly the long ones go short: of Reach, Lift
        and Push in first-steps (seed 0), the first way learnt 0.18, 1 and 0.98, the second 1, 1 and 0.30.
        """
        return sum(s.steps for s in self.curriculum.stages if s.task == task) ** 0.5

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The stages, or with the regime "joint" one stretch with all their steps, tried as often as they are."""
        stages, index, points = self.curriculum.stages, self.curriculum.index, self.curriculum.evaluation.per_stage
        if self.regime == "joint":
            everything = tuple(range(len(self.curriculum.tasks)))
            total = sum(s.steps for s in stages)
            return (Part("all tasks", everything, total, points * len(stages), {}, called="all tasks", span=total),)
        return tuple(
            Part(
                s.task,
                (index(s.task),),
                s.steps,
                points,
                s.resets.model_dump(),
                s.until.success if s.until else None,
                s.explore.spans if s.explore else {},
                *told,
            )
            for s, told in zip(stages, self._told(), strict=True)
        )

    def _told(self) -> list[tuple[str, int, bool]]:
        """For each stage: what the learner hears it called, how long what is called so lasts, whether it is announced.

        Who starts anew with every stage hears of every stage.
        """
        stages = self.curriculum.stages
        begins = [i for i, s in enumerate(stages) if s.announced or self.regime == "scratch"]
        told = []
        for first, after in itertools.pairwise([*begins, len(stages)]):
            span = sum(s.steps for s in stages[first:after])
            told += [(stages[first].task, span, i == first) for i in range(first, after)]
        return told


def label(methods: Sequence[str], regime: str, algorithm: str) -> str:
    """How a row of a table is called: methods (or the regime where there are none) @ algorithm."""
    bare = next(name for name, r in REGIMES.items() if r == regime)
    return f"{'+'.join(methods) or bare}@{algorithm}"


def parse(text: str, algorithm: str = "ppo") -> tuple[str, tuple[str, ...], str]:
    """(algorithm, methods, regime) of METHOD[+METHOD][@ALGORITHM]; finetune, joint and scratch stand alone.

    What is somebody's own, 'module:Class', is taken as it is: nothing is loaded.

    Raises UnknownName with the nearest names.
    """
    what, _, at = text.partition("@")
    names = [n for n in what.split("+") if n != "finetune"]
    regimes = [n for n in names if n in REGIMES]
    if regimes and len(names) > 1:
        raise ValueError(f"{regimes[0]!r} trains without methods; it cannot stand in {text!r}")
    if regimes:
        return _algorithm(at or algorithm), (), REGIMES[regimes[0]]
    return _algorithm(at or algorithm), tuple(n if ":" in n else _method(n)[0] for n in names), "sequence"


def agent(name: str | None) -> str | None:
    """The name of somebody's own agent. Raises ValueError where it does not look like one."""
    if name is not None and not all(name.partition(":")):
        raise ValueError(f"an agent is named module:Class, such as torch_agent:Ppo; {name!r} is not")
    return name


def ways(team: str) -> list[str]:
    """The method that stands for a way to learn as a team: none for "shared". Raises UnknownName."""
    from ..agents.team.teams import TEAMS

    if team != "shared" and team not in TEAMS:
        raise registry.nearest(team, ["shared", *TEAMS], "team")
    return [] if team == "shared" else [team]


def plan(
    curriculum: Curriculum,
    algorithm: str = "ppo",
    methods: Sequence[str] = (),
    regime: str = "sequence",
    input: str = "instructed",
    instructor: str | None = None,
    tier: str = "full",
    seed: int = 0,
    device: str = "auto",
    allow_code: bool = False,
    memory: bool = False,
    learns: str = "never",
    language_model: Mapping[str, Any] | None = None,
) -> Plan:
    """Resolve and check everything. Raises ValueError (UnknownName with the nearest names) for what is wrong.

    algorithm: a name of ALGORITHMS or of outsider.BUILT_IN, or where code is allowed somebody's own, 'module:Class'.
    instructor: None is the curriculum's own; 'module:Class', where code is allowed, is somebody's. language_model:
        which one it is, and how it is asked (speakers.settled).
    """
    from ..agents import instructors
    from ..agents.instructors import speakers
    from ..agents.interface import INPUTS
    from ..agents.outsider import outside
    from ..agents.team.teams import TEAMS, meets

    algorithm, instructor = _algorithm(algorithm), instructor or curriculum.instructor
    for name in [n for n in (algorithm, instructor, *methods) if ":" in n and not allow_code]:
        raise ValueError(f"{name!r} would run code of its own; allow it with --allow-code")
    if outside(algorithm) and methods:
        raise ValueError(f"{methods[0]!r} works on Stable-Baselines3's algorithms, and {algorithm!r} is none")
    if input not in INPUTS:
        raise registry.nearest(input, list(INPUTS), "input")
    teller = instructors.find(instructor)
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ValueError(f"no device {device!r}: auto, cpu, cuda, or one of several such as cuda:1")
    if learns not in LEARNS:
        raise registry.nearest(learns, list(LEARNS), "time for the instructor to learn")
    if (memory or learns != "never") and instructor != "language-model":
        raise ValueError(f"the instructor {instructor!r} neither remembers nor learns; that needs language-model")
    if language_model and instructor != "language-model":
        told = f"which language model is said, but the instructor is {instructor!r}"
        raise ValueError(f"{told}; say --instructor language-model as well")
    speaker = speakers.settled(language_model or {})
    if learns != "never" and (speaker.get("mode") == "program" or speaker.get("language") == "zh"):
        raise ValueError("a model learns the instructions that it chooses or writes in English, no programs or Chinese")
    if regime not in REGIMES.values():
        raise registry.nearest(regime, list(REGIMES.values()), "regime")
    if methods and regime != "sequence":
        raise ValueError(f"regime {regime!r} trains without methods")
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to {2**32 - 1}, not {seed!r}")
    sized = curriculum.at(tier)
    if regime != "joint" and sized.evaluation.per_stage < 2 and any(s.until for s in sized.stages):
        raise ValueError(f"until looks at a stage's evaluations but the last: tier {tier} needs per_stage of 2 or more")
    sized = sized.shortened(sized.algorithms[algorithm].budget if algorithm in sized.algorithms else 1.0)
    chosen = tuple(_settled(m, sized, algorithm) for m in methods)
    if len(teams := [m for m in methods if m in TEAMS]) > 1:
        raise ValueError(f"a team learns in one way: {' or '.join(teams)}?")
    if teams and meets(teams[0]) and "packnet" in methods:
        raise ValueError(f"packnet freezes weights, and a meeting of {teams[0]} moves them all: choose one of them")
    settings = _settings(sized, algorithm)
    _league(sized, algorithm)
    own = {s.task: found for s in sized.tasks if (found := _own(s))}
    own |= {instructor: revisions.fingerprint(teller)} if ":" in instructor else {}
    beside = memory, learns, speaker, own
    return Plan(sized, algorithm, settings, chosen, regime, input, instructor, tier, seed, device, *beside)


def default_out(curriculum: str, tier: str) -> Path:
    """Where the runs of a curriculum are kept unless one says otherwise."""
    return Path("runs") / (curriculum if tier == "full" else f"{curriculum}-{tier}")


def build_methods(plan: Plan) -> list[Any]:
    """The methods of a plan, each seeded with the run's seed where it draws; those of one learner of a team."""
    from ..agents.team.teams import divided

    built = []
    for method in plan.methods:
        if divided(method["name"]):
            continue
        kind = _method(method["name"])[1]
        seed = {"seed": plan.seed} if "seed" in inspect.signature(kind).parameters else {}
        built.append(kind(**method["settings"], **seed))
    return built


def _own(stage: Stage) -> str:
    """Fingerprints of somebody's own code and of their file, which the task is made by; "" where it is ours.

    Kept with the plan: what a record says is not to be loaded for its hash.
    """
    entry, file = registry.spec(stage.task).entry_point, stage.settings.get("file")
    found = [] if entry.startswith((".", "ludus.")) else [revisions.fingerprint(registry.load(entry))]
    found += [revisions.fingerprint(Path(file))] if isinstance(file, str) and Path(file).is_file() else []
    return " ".join(found)


def _algorithm(name: str) -> str:
    from ..agents.algorithms import ALGORITHMS
    from ..agents.outsider import BUILT_IN, outside

    if name not in ALGORITHMS and not outside(name):
        raise registry.nearest(name, [*ALGORITHMS, *BUILT_IN], "algorithm")
    return name


def _method(name: str) -> tuple[str, Any]:
    """A method or a way to learn as a team by name, or one's own by 'module:Class'."""
    from ..agents import method
    from ..agents.methods import METHODS
    from ..agents.team.teams import TEAMS

    if ":" in name:
        method.check(kind := registry.load(name))
        return name, kind
    if name not in METHODS and name not in TEAMS:
        raise registry.nearest(name, [*METHODS, *TEAMS, *REGIMES], "method")
    return name, METHODS.get(name) or TEAMS[name]


def _settings(curriculum: Curriculum, algorithm: str) -> dict[str, Any]:
    from ..agents import networks
    from ..agents.algorithms import ALGORITHMS
    from ..agents.outsider import outside
    from .curriculum import Algorithm

    if outside(algorithm):
        return _outsider(curriculum, algorithm)
    given = curriculum.algorithms.get(algorithm, Algorithm())
    _check(given.settings, _defaults(ALGORITHMS[algorithm].build), algorithm)
    networks.check(given.settings)
    if ALGORITHMS[algorithm].off_policy and given.settings.get("n_steps", 1) != 1:
        raise ValueError(f"{algorithm} learns from single steps here: leave out its n_steps")
    if given.bound and not networks.gaussian(ALGORITHMS[algorithm]):
        able = ", ".join(name for name, kind in ALGORITHMS.items() if networks.gaussian(kind))
        raise ValueError(f"{algorithm} has no mean to bound: `bound` is for {able}")
    own = {"rows": given.rows, "decay": given.decay}
    own |= {name: said for name in ("resets", "bound") if (said := getattr(given, name))}
    return {**own, **given.settings}


def _outsider(curriculum: Curriculum, name: str) -> dict[str, Any]:
    """What shapes a run of such an agent: its settings, and of somebody's own a fingerprint of its file.

    Its rows are those of the curriculum's first algorithm unless the curriculum names the agent itself.
    """
    from ..agents import outsider
    from .curriculum import Algorithm

    kind = outsider.load(name)
    others = [a for n, a in curriculum.algorithms.items() if not outsider.outside(n)]
    given = curriculum.algorithms.get(name) or Algorithm(rows=next(iter(others), Algorithm()).rows)
    settings = outsider.defaults(kind)
    _check(given.settings, settings, name)
    own = {"rows": given.rows} | ({"source": revisions.fingerprint(kind)} if outsider.foreign(name) else {})
    return {**own, **settings, **given.settings}


def _settled(name: str, curriculum: Curriculum, algorithm: str) -> dict[str, Any]:
    """A method with all its settings: the class's defaults, then the curriculum's."""
    kind = _method(name)[1]
    if kind.algorithms and algorithm not in kind.algorithms:
        raise ValueError(f"method {name!r} runs on {', '.join(kind.algorithms)}, not on {algorithm}")
    parameters, defaults = inspect.signature(kind).parameters, _defaults(kind)
    given = curriculum.methods.get(f"{name}@{algorithm}", curriculum.methods.get(name, {}))
    _check(given, {k: p.default for k, p in parameters.items()}, name)
    if "tasks" in defaults:  # of packnet: who does not know how many will come leaves ever less to the later ones
        defaults["tasks"] = min(sum(s.announced for s in curriculum.stages), 255)
    own = {"source": revisions.fingerprint(kind)} if ":" in name else {}
    return {"name": name, "settings": defaults | given} | own


def _defaults(kind: Any) -> dict[str, Any]:
    """What a method is made with unless one says otherwise, the seed apart."""
    parameters = inspect.signature(kind).parameters
    return {k: p.default for k, p in parameters.items() if k != "seed" and p.default is not p.empty}


def _league(curriculum: Curriculum, algorithm: str) -> dict[str, Any] | None:
    """All settings of the league that sits in some stage; None where none does. Raises ValueError for what is wrong."""
    from ..agents.algorithms import ALGORITHMS
    from ..agents.team.league import League, remembers_nothing, seats

    given = curriculum.methods.get("league", {})
    _check(given, usual := _defaults(League), "league")
    if not any(seats(stage.partners) for stage in curriculum.tasks):
        return None
    if algorithm in ALGORITHMS:  # an agent of somebody's own is refused where it is made
        remembers_nothing(algorithm)
    League(**given)
    return usual | given


def _check(given: Mapping[str, Any], usual: Mapping[str, Any], whose: str) -> None:
    """Raises ValueError for a setting that is not there, and of ours for a value that it cannot have."""
    for name, value in given.items():
        if name not in usual:
            raise registry.nearest(name, list(usual), f"setting of {whose}")
        if ":" not in whose and (wrong := unfit(name, value, usual[name])):
            raise ValueError(f"{whose}: {name} {wrong}")
