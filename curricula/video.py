"""Films of tasks and of runs: one policy at a time, a whole life, and a task before and after it was forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from ..envs import registry
from ..envs.core import World
from ..envs.views.record import Film, strip
from .curriculum import Curriculum
from .record import Run, RunError, inside, read_run

Act = Callable[..., np.ndarray]  # observations (agents, width), and masks where there are -> actions (agents, …)
GREEN, RED, CALM = (76, 160, 96), (196, 72, 64), (224, 222, 214)
SHAPING = ("policy_kwargs", "use_sde")  # the settings of an algorithm that shape its network
MAX_WEIGHTS = 256 * 2**20  # bytes of a stage's policy
PAUSE = 0.8  # seconds an ended episode stays on the screen


class Shot(NamedTuple):
    """One picture of an episode. verdict: None until the episode is over, then whether it was a success."""

    picture: np.ndarray
    told: str
    step: int
    episode_return: float
    verdict: bool | None


def episode(world: World, actions: Callable[[dict], dict], seed: int, every: int = 1) -> Iterator[Shot]:
    """Copy 0 of world lives one episode; a shot at its start, of every `every`-th step, and at its end.

    actions: agent -> observations (1, width), to agent -> actions (1, width).
    """
    obs, _ = world.reset(np.arange(1), [seed])
    step, total = 0, 0.0
    yield Shot(world.render(), told(world), 0, 0.0, None)
    while True:
        result = world.step(actions(obs))
        obs, step = result.obs, step + 1
        total += float(sum(r[0] for r in result.reward.values())) / len(world.agents)
        over = bool(result.done[0])
        if over or step % every == 0:
            verdict = bool(result.info["success"][0]) if over else None
            yield Shot(world.render(), told(world), step, total, verdict)
        if over:
            return


def told(world: World) -> str:
    """What the agents are told now; agent by agent where they are told different things."""
    ask = getattr(world, "instruction", None)
    if ask is None:
        return world.aim_of(0).text
    texts = {agent: ask(0, agent) for agent in world.agents}
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{agent}: {text}" for agent, text in texts.items())


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


# panels: what stands beside each other in a film


@dataclass(frozen=True)
class Panel:
    """One episode with a heading above, the instruction and the return below, and a bar that turns green or red."""

    heading: str
    shots: Iterable[Shot]
    notes: str = ""

    def frames(self) -> Iterator[np.ndarray]:
        for shot in self.shots:
            yield self._page(shot)

    def _page(self, shot: Shot) -> np.ndarray:
        width = shot.picture.shape[1]
        colour = CALM if shot.verdict is None else GREEN if shot.verdict else RED
        bar = np.full((6, width, 3), colour, np.uint8)
        end = "" if shot.verdict is None else " · success" if shot.verdict else " · failed"
        below = [shot.told, f"{self.notes}step {shot.step} · return {shot.episode_return:.1f}{end}"]
        above = [strip(width, [self.heading])] if self.heading else []
        return np.concatenate([*above, bar, shot.picture, strip(width, below)])


def film(scenes: Iterable[Sequence[Panel]], out: Path, fps: float) -> Path:
    """Scenes after one another, the panels of a scene side by side; a panel that ends early shows its end.

    Raises RenderingUnavailable where nothing can be drawn, OSError when the disk refuses; no film is left then.
    """
    with Film(out, fps) as made:
        for panels in scenes:
            running, page = [p.frames() for p in panels], None
            pages: list[Any] = [None] * len(panels)
            while any([_advance(pages, i, frames) for i, frames in enumerate(running)]):
                page = _beside(pages)
                made.add(page)
            for _ in range(round(PAUSE * fps) if page is not None else 0):
                made.add(page)  # type: ignore[arg-type]
    return out


def _advance(pages: list, i: int, frames: Iterator[np.ndarray]) -> bool:
    following = next(frames, None)
    pages[i] = pages[i] if following is None else following
    return following is not None


def _beside(pages: Sequence[np.ndarray]) -> np.ndarray:
    """Pages with a thin gap between; taller ones decide the height."""
    height = max(p.shape[0] for p in pages)
    parts: list[np.ndarray] = []
    for page in pages:
        gap = [np.full((height, 6, 3), 255, np.uint8)] if parts else []
        parts += [*gap, np.pad(page, [(0, height - page.shape[0]), (0, 0), (0, 0)], constant_values=255)]
    return np.concatenate(parts, axis=1)


# films of a task


def task_video(id: str, out: Path, policy: str = "best", seed: int = 0, seconds: float | None = None) -> Path:
    """Episodes of a task; policy: as of player().

    seconds: at least one episode, then more while there is time (None: three episodes).
    """
    world, actions, name = player(id, policy, seed)
    notes = f"{registry.spec(id).id} · {name} · "
    count = 3 if seconds is None else max(1, round(seconds / (world.max_episode_steps / world.render_fps + PAUSE)))
    scenes = ([Panel("", episode(world, actions, seed + i), notes)] for i in range(count))
    try:
        return film(scenes, out, world.render_fps)
    finally:
        world.close()


# films of a run


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


def load(run: Run, stage: int, task: str) -> tuple[World, Act]:
    """One copy of task in the run's body, and the policy as it was at the end of stage.

    Raises RunError for weights that are missing, damaged, or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as read

    made = curriculum_of(run)
    path = inside(run.folder, f"policies/stage-{stage}.safetensors")
    if path.stat().st_size > MAX_WEIGHTS:
        raise RunError(f"{path}: larger than the {MAX_WEIGHTS} bytes that are read")
    try:
        weights = read(path.read_bytes())
        s = run.settings
        return dressed(made, s["input"], s["algorithm"], s["settings"], task, weights, s.get("methods", ()))
    except (SafetensorError, RuntimeError, TypeError, KeyError) as error:
        raise RunError(f"{path}: not this run's policy: {' '.join(str(error).split())[:160]}") from None


def dressed(
    made: Curriculum,
    input: str,
    algorithm: str,
    settings: dict[str, Any],
    task: str,
    weights: dict[str, np.ndarray],
    methods: Sequence[dict[str, Any]] = (),
) -> tuple[World, Act]:
    """One copy of task in the body of a curriculum, and a policy of saved weights for it.

    methods: name and settings of those it was learnt with; some shape its network.
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
    how = {"settings": stage.settings, "partners": stage.partners} if stage else {}
    world = interface.world(task, 1, **how)
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

    policy: "scripted", "random", "shipped" (learnt, where one ships), "best" (that, or else the script), or a
    run's folder, whose last policy acts. Raises ValueError where there is none.
    """
    from . import policies

    id = registry.spec(id).id
    if policy in ("shipped", "best"):
        if found := policies.load(id):
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


def shots(run: Run, stage: int, task: str, seed: int = 0, every: int = 1) -> Iterator[Shot]:
    """An episode of task with the policy of the end of stage."""
    world, act = load(run, stage, task)
    try:
        yield from episode(world, learnt(world, act), seed, every)
    finally:
        world.close()


def rollout_video(
    run_dir: str | Path, stage: int, task: str, out: str | Path, seed: int = 0, episodes: int = 2
) -> Path:
    """Episodes of task with the policy as it was at the end of stage."""
    run = read_run(run_dir)
    task = registry.spec(task).id
    scenes = (
        [Panel("", shots(run, stage, task, seed + i), f"{_who(run)} · stage {stage + 1} · ")] for i in range(episodes)
    )
    return film(scenes, Path(out), _fps(task))


def split_screen(
    run_dir: str | Path,
    task: str,
    before_stage: int,
    after_stage: int,
    out: str | Path,
    seed: int = 0,
    episodes: int = 2,
    every: int = 1,
) -> Path:
    """The same episodes of task, side by side: left with the policy of one stage's end, right with a later one's."""
    run, task = read_run(run_dir), registry.spec(task).id

    def panel(stage: int, heading: str, number: int) -> Panel:
        return Panel(
            f"{heading}{_score(run, stage, task)}", shots(run, stage, task, seed + number, every), f"{_who(run)} · "
        )

    scenes = (
        [
            panel(before_stage, f"after stage {before_stage + 1}, {_trained(run, before_stage)}", number),
            panel(after_stage, f"after stage {after_stage + 1}, {_trained(run, after_stage)}", number),
        ]
        for number in range(episodes)
    )
    return film(scenes, Path(out), _fps(task) / every)


def lifetime(run_dir: str | Path, out: str | Path, seed: int = 0, every: int = 2) -> Path:
    """Stage after stage, what the policy then makes of every task, side by side."""
    run = read_run(run_dir)
    tasks = [t.task for t in curriculum_of(run).tasks]
    scenes = (
        [
            Panel(f"after stage {stage + 1}: {task}{_score(run, stage, task)}", shots(run, stage, task, seed, every))
            for task in tasks
        ]
        for stage in stages(run)
    )
    return film(scenes, Path(out), _fps(tasks[0]) / every)


def most_forgotten(run: Run) -> tuple[str, int, int] | None:
    """(task, stage that taught it, last stage) with the greatest loss of success; None where nothing can be lost."""
    trained, kept = _stage_tasks(run), stages(run)
    score = {(r["stage"], r["task"]): r["success"] for r in run.rows if r["last"]}
    losses = [
        (score[stage, task] - score[kept[-1], task], task, stage)
        for stage, task in enumerate(trained)
        if stage in kept[:-1] and (stage, task) in score and (kept[-1], task) in score
    ]
    if not losses:
        return None
    _, task, stage = max(losses, key=lambda found: found[0])
    return task, stage, kept[-1]


def run_videos(run_dir: str | Path, folder: Path | None = None, seed: int = 0) -> Iterator[Path]:
    """The films of a run, each as it is finished: every task at the end, the life, the most forgotten task."""
    run = read_run(run_dir)
    folder = folder or run.folder / "videos"
    tasks, last = [t.task for t in curriculum_of(run).tasks], stages(run)[-1]
    if run.regime != "scratch":
        for task in tasks:
            yield rollout_video(run_dir, last, task, folder / f"final-{slug(task)}.mp4", seed)
        yield lifetime(run_dir, folder / "lifetime.mp4", seed)
    if run.regime == "sequence" and (found := most_forgotten(run)):
        task, before, after = found
        yield split_screen(run_dir, task, before, after, folder / f"before-after-{slug(task)}.mp4", seed)


def slug(task: str) -> str:
    """A task's id as part of a file's name: "ludus/Lift-v0" is "lift-v0"."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in task.rpartition("/")[2].lower())


def _fps(task: str) -> float:
    world = registry.make(task)
    world.close()
    return world.render_fps


def _who(run: Run) -> str:
    return f"{run.label} · seed {run.seed}"


def _stage_tasks(run: Run) -> list[str]:
    return [] if run.regime == "joint" else [s.task for s in curriculum_of(run).stages]


def _trained(run: Run, stage: int) -> str:
    tasks = _stage_tasks(run)
    return tasks[stage] if stage < len(tasks) else "all tasks"


def _score(run: Run, stage: int, task: str) -> str:
    """The score in the record beside the name, so that one episode is not taken for the whole."""
    found = [r for r in run.rows if r["last"] and r["stage"] == stage and r["task"] == task]
    return f" · success {found[0]['success']:.0%} in {found[0]['episodes']} episodes" if found else ""


def command(
    what: Annotated[str, typer.Argument(metavar="ENV_OR_RUN", help="a task's id, or the folder of a run")],
    out: Annotated[Path | None, typer.Option(help="the mp4, or for a run the folder of its films")] = None,
    policy: Annotated[str, typer.Option(help="who acts in a task: best, shipped, scripted, random, a run's folder")] = (
        "best"
    ),
    seed: Annotated[int, typer.Option(help="of the first episode; the next ones count up", min=0)] = 0,
    seconds: Annotated[float | None, typer.Option(help="about how long a task's film is", min=0)] = None,
) -> None:
    """Film a task, or a run: its last policy on every task, its life, and a task before and after it was forgotten."""
    if Path(what).is_dir():
        for path in run_videos(what, out, seed):
            typer.echo(path)
        return
    name = Path(policy).name
    made = task_video(what, out or Path(f"{slug(registry.spec(what).id)}-{name}.mp4"), policy, seed, seconds)
    typer.echo(made)
