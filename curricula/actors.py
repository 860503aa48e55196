"""Who acts in a world: its script, chance, a policy that ships, or a run's at the end of a stage."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..envs import registry
from ..envs.core import World
from ..envs.instructions import Instruct, goal_only
from .curriculum import Curriculum, Stage
from .record import Run, RunError, inside, read_run

Act = Callable[..., np.ndarray]  # observations (agents, width), and masks where there are -> actions (agents, …)
SHAPING = ("policy_kwargs", "use_sde")  # the settings of an algorithm that shape its network
MAX_WEIGHTS = 256 * 2**20  # bytes of a stage's policy


def scripted(world: World) -> Callable[[dict], dict]:
    return lambda obs: world.scripted()


def random(world: World, seed: int = 0) -> Callable[[dict], dict]:
    """Uniform actions, the same for the same seed."""
    draw = np.random.default_rng(seed)
    spaces: Any = world.action_spaces
    return lambda obs: {a: _drawn(spaces[a], draw, world.masks(), a) for a in world.agents}


def _drawn(space: Any, draw: np.random.Generator, masks: Any, agent: str) -> np.ndarray:
    """(1, …) one action of the space at random, among those that are allowed."""
    if hasattr(space, "low"):
        return draw.uniform(space.low, space.high, (1, *space.shape)).astype(np.float32)
    counts = np.ravel(space.n if hasattr(space, "n") else space.nvec)
    allowed = np.split(masks[agent][0] if masks else np.ones(counts.sum(), bool), np.cumsum(counts)[:-1])
    numbers = np.array([draw.choice(np.flatnonzero(part)) for part in allowed])
    return (numbers + space.start).reshape(1, *space.shape)


def learnt(world: World, act: Act) -> Callable[[dict], dict]:
    """One policy for all agents: their observations are its rows."""
    agents = world.agents

    def actions(obs: dict) -> dict:
        masks, more = world.masks(), {}
        if masks is not None:
            more["masks"] = np.concatenate([masks[a] for a in agents])
        if getattr(act, "remembers", False):
            more["starts"] = np.tile(world.starts, len(agents))  # type: ignore[attr-defined]
        chosen = act(np.concatenate([obs[a] for a in agents]), **more)
        return dict(zip(agents, np.split(chosen, len(agents)), strict=True))

    return actions


def curriculum_of(run: Run) -> Curriculum:
    """The curriculum in run.json; no code that a folder names is ever loaded. Raises RunError."""
    try:
        return Curriculum.model_validate_json(json.dumps(run.settings["curriculum"]))
    except ValueError as error:
        raise RunError(f"{run.folder / 'run.json'}: curriculum: {' '.join(str(error).split())[:200]}") from None


def stages(run: Run) -> list[int]:
    """The stages whose policy is kept, in order. Raises RunError where there is none."""
    names = [p.stem.removeprefix("stage-") for p in (run.folder / "policies").glob("stage-*.safetensors")]
    if not (found := sorted(int(n) for n in names if n.isdecimal())):
        raise RunError(f"{run.folder}: no stage was finished yet, so there is no policy to film")
    return found


def world(run: Run, task: str, copies: int, **how: Any) -> World:
    """Copies of a task as the run lived in it: its body, settings, partners, timeout and instructor.

    how: encode and instruct, where sentences become other vectors or somebody else says them (Interface.world).
    """
    from . import body, speaking

    made = curriculum_of(run)
    interface = body.of(made, run.settings["input"], "central" in [m["name"] for m in run.settings.get("methods", ())])
    how = {"instruct": speaking.speech(run)} | how
    return interface.world(task, copies, **how, **told(made.tasks[made.index(task)]))


def told(stage: Stage) -> dict[str, Any]:
    """What a world of the stage is made with."""
    return {"settings": stage.settings, "partners": stage.partners, "timeout": stage.timeout}


def load(run: Run, stage: int, task: str) -> tuple[World, Act]:
    """One copy of task in the run's body, and the policy as it was at the end of stage and was tried on that task.

    Raises RunError for weights that are missing, damaged, or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as read

    from . import speaking

    made = curriculum_of(run)
    path = _weights(run, f"stage-{stage}", MAX_WEIGHTS)
    try:
        weights = read(path.read_bytes()) | _otherwise(run, made, stage, task)
        s = run.settings
        who = s["input"], s["algorithm"], s["settings"]
        return dressed(made, *who, task, weights, s.get("methods", ()), instruct=speaking.speech(run))
    except (SafetensorError, RuntimeError, TypeError, KeyError) as error:
        raise RunError(f"{path}: not this run's policy: {' '.join(str(error).split())[:160]}") from None


def _weights(run: Run, name: str, most: int) -> Path:
    """A file of policies, of at most so many bytes. Raises RunError."""
    path = inside(run.folder, f"policies/{name}.safetensors")
    if path.stat().st_size > most:
        raise RunError(f"{path}: larger than the {most} bytes that are read")
    return path


def _otherwise(run: Run, made: Curriculum, stage: int, task: str) -> dict[str, np.ndarray]:
    """What is not as in the stage's own policy where it is tried on that task: name -> array.

    Raises RunError where a method makes it another one and the folder, of an older run, does not hold that.
    """
    from safetensors import safe_open

    if task not in [t.task for t in made.tasks]:
        return {}
    name, prefix = f"stage-{stage}.tasks", f"{made.index(task)}/"
    if not (run.folder / "policies" / f"{name}.safetensors").exists():
        if (method := _missed(run, made, stage, task)) is not None:
            own = made.stages[stage].task
            raise RunError(f"{run.folder}: {method} acts in {task} with other weights than in {own}, and only those of "
                           f"{own} were kept after stage {stage + 1}; run it anew")  # fmt: skip
        return {}
    with safe_open(_weights(run, name, MAX_WEIGHTS * len(made.tasks)), "numpy") as file:
        return {k.removeprefix(prefix): file.get_tensor(k) for k in file.keys() if k.startswith(prefix)}  # noqa: SIM118


def _missed(run: Run, made: Curriculum, stage: int, task: str) -> str | None:
    """The method for which a stage's own policy is not what acted on a task that had been met; None: it is."""
    from ..agents.methods import METHODS

    met = {s.task: called for s, called in zip(made.stages[: stage + 1], _called(made), strict=False)}
    if met.get(task, own := _called(made)[stage]) == own:
        return None
    ended = stage + 1 == len(made.stages) or made.stages[stage + 1].announced
    kinds = {m["name"]: METHODS[m["name"]] for m in run.settings.get("methods", ()) if m["name"] in METHODS}
    return next((n for n, kind in kinds.items() if kind.switches() and (kind.apart or not ended)), None)


def _called(made: Curriculum) -> list[str]:
    """For each stage the task that the learner heard of."""
    return list(itertools.accumulate((s.task if s.announced else "" for s in made.stages), lambda a, b: b or a))


def dressed(
    made: Curriculum,
    input: str,
    algorithm: str,
    settings: dict[str, Any],
    task: str,
    weights: dict[str, np.ndarray],
    methods: Sequence[dict[str, Any]] = (),
    instruct: Instruct = goal_only,
) -> tuple[World, Act]:
    """One copy of task in the body of a curriculum, and a policy of saved weights for it.

    methods: name and settings of those it was learnt with; some shape its network. instruct: who instructs.
    """
    from ..agents.learner import load_policy
    from ..agents.methods import METHODS
    from ..agents.team.team import TeamAct
    from ..agents.team.teams import TEAMS, divided
    from ..envs.views.sb3 import Sb3View
    from . import body

    names = [m["name"] for m in methods]
    interface = body.of(made, input, "central" in names)
    stage = made.tasks[made.index(task)] if task in interface.tasks else None
    world = interface.world(task, 1, instruct=instruct, **told(stage) if stage else {})
    shape = {k: v for k, v in settings.items() if k in SHAPING}
    known = {k: v for k, v in (METHODS | TEAMS).items() if not divided(k)}

    def policy(weights: dict[str, np.ndarray]) -> Act:
        shapers = [known[m["name"]](**m["settings"]) for m in methods if m["name"] in known]
        return load_policy(algorithm, shape, weights, Sb3View(world), shapers)

    if (team := next(filter(divided, names), None)) is None:
        return world, policy(weights)
    seats = TEAMS[team].seats(world)
    parts = [
        {k.partition("/")[2]: v for k, v in weights.items() if k.startswith(f"{i}/")} for i in range(max(seats) + 1)
    ]
    return world, TeamAct([policy(part) for part in parts], seats)  # type: ignore[return-value]


def player(id: str, policy: str, seed: int = 0) -> tuple[World, Callable[[dict], dict], str]:
    """One copy of a task, who acts in it, and what to call them.

    policy: "scripted", "random", "shipped" (learnt, where one ships), "best" (that, or else the script), a policy's
    file of its own (….safetensors, as `ludus export` writes it), or a run's folder, whose last policy acts. Raises
    ValueError where there is none.
    """
    from . import policies

    id = registry.spec(id).id
    if policy in ("shipped", "best") or policy.endswith(".safetensors"):
        if found := policies.read(Path(policy), id) if policy.endswith(".safetensors") else policies.load(id):
            world, act, about = found
            success = about["success"].get(id, [None])[0]
            return world, learnt(world, act), f"learnt with {about['algorithm']}" + f" ({success:.0%})" * bool(success)
        if policy == "shipped":
            raise ValueError(f"no policy ships for {id}; try --policy scripted")
        policy = "scripted"
    if policy in ("scripted", "random"):
        world = registry.make(id)
        return world, scripted(world) if policy == "scripted" else random(world, seed), policy
    run = read_run(policy)
    stage = stages(run)[-1]
    world, act = load(run, stage, id)
    return world, learnt(world, act), f"{run.label} after stage {stage + 1}"
