"""The command line. Nothing heavy is imported before a command needs it, so that --help answers at once.

Exit codes: 0 done, 1 failed or interrupted while running (what was done is kept), 2 asked for something wrong.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

ELSEWHERE = {  # commands that live in modules of their own
    "crossplay": "How policies do as partners of each other: a run's stages, or several runs.",
    "video": "Film a task or a run, with captions.",
    "play": "Play a task in this terminal, or watch a policy.",
    "speed": "Steps a second, against the bare engine and gymnasium's own vectorisation.",
    "instructor": "Train the shipped language model from nothing; try it on a scene.",
    "ablate": "Try a policy with changed instructions: do the words matter?",
    "memory": "What a run's instructor remembers: show it, or have a text forgotten.",
    "evolve": "Evolve an algorithm's settings and its network's shape; a family tree.",
    "submit": "Check finished runs and write each as one leaderboard entry.",
    "export": "Rollouts as a Minari dataset, a run as a Hugging Face folder.",
    "leaderboard": "A static page that ranks entries, curriculum by curriculum.",
    "doctor": "What works on this machine, and what to install for the rest.",
}
CURRICULUM = Argument(help="a name of `ludus curricula`, or the path of a YAML file of your own", show_default=False)
Json = Annotated[bool, Option("--json", help="print JSON, for machines")]
Tier = Annotated[str, Option(help="smoke, small or full, as far as the curriculum has them")]
Input = Annotated[str, Option(help="what the policy is told: instructed, blind, task-id or goal-id")]
Instructor = Annotated[
    str | None,
    Option(
        help="who instructs: fixed, script, language-model, or module:Class of your own  [default: the curriculum's]"
    ),
]
Model = Annotated[
    str | None,
    Option(help="the language model: a folder or a hub's name  [default: the one that ships]"),
]
Mode = Annotated[str | None, Option(help="how the language model instructs: choose, write, program  [default: choose]")]
Address = Annotated[str | None, Option(help="ask --model behind this OpenAI-like address, up to and with /v1")]
Online = Annotated[bool, Option("--online", help="fetch --model from the hub where it is not on this machine")]
Device = Annotated[str, Option(help="auto, cpu or cuda")]
AllowCode = Annotated[bool, Option("--allow-code", help="load code of your own: whatever is named 'module:name'")]
Agent = Annotated[str | None, Option(help="an agent of your own, module:Class with act and learn; needs --allow-code")]


FAMILIES = {"robots": "mujoco", "games": "unity", "words": "text"}  # as the pages call them: their tags


def envs(
    tags: Annotated[
        list[str] | None, Argument(metavar="[TAG or TASK]...", help="only tasks with all these tags, or these tasks")
    ] = None,
    as_json: Json = False,
) -> None:
    """What there is: every task with its agents, spaces and instruction."""
    from ..envs import registry

    asked = [FAMILIES.get(tag, tag) for tag in tags or []]
    named = [id for id in map(registry.full, asked) if id in registry.ids()]
    known = [*FAMILIES, *registry.tags(), *registry.ids()]
    for tag in asked:
        if tag not in registry.tags() and registry.full(tag) not in named:
            raise registry.nearest(tag, known, "tag or task")
    some = [tag for tag in asked if registry.full(tag) not in named]
    found = [_task(id) for id in dict.fromkeys([*named, *(registry.ids(*some) if some or not named else ())])]
    if as_json:
        print(json.dumps(found, indent=1))
        return
    from rich.table import Column, Table

    table = Table(Column("task", no_wrap=True), "agents", "observes", "acts", "steps", "instruction", "tags")
    for t in found:
        table.add_row(*(_plain(t[k]) for k in ("id", "agents", "observation", "action", "steps", "goal", "tags")))
    _print(table)


def _task(id: str) -> dict[str, Any]:
    from ..envs import registry

    about: dict[str, Any] = {"id": id, "tags": list(registry.spec(id).tags)}
    try:
        world = registry.make(id)
    except Exception as error:  # one task that cannot be made must not hide the others
        return (
            about | dict.fromkeys(("agents", "observation", "action", "steps")) | {"goal": f"cannot be made: {error}"}
        )
    about |= {
        "observation": sorted({_space(s) for s in world.observation_spaces.values()}),
        "action": sorted({_space(s) for s in world.action_spaces.values()}),
        "agents": list(world.agents),
        "steps": world.max_episode_steps,
        "goal": " — or: ".join(goal.text for goal in world.goals),
    }
    world.close()
    return about


def _space(space: Any) -> str:
    """Its shape where it holds numbers; what there is to choose from where it holds choices."""
    if hasattr(space, "low"):
        return str(space.shape)
    counts = space.nvec.ravel() if hasattr(space, "nvec") else [getattr(space, "n", space)]
    return f"{'×'.join(map(str, counts))} choices"


def curricula(
    name: Annotated[str | None, Argument(help="show this one in full")] = None,
    schema: Annotated[bool, Option("--schema", help="the JSON schema of a curriculum file")] = False,
    generate: Annotated[str | None, Option(help="print a new one: robots, games or words:TASKS:SEED")] = None,
    as_json: Json = False,
    allow_code: AllowCode = False,
) -> None:
    """The library of curricula; or one of them, or a file of your own, checked and shown in full."""
    from . import curriculum

    if schema:
        print(json.dumps(curriculum.schema(), indent=1))
        return
    if generate:
        from . import generate as generator

        print(generator.written(generator.generate(*generator.parse(generate))), end="")
        return
    if name:
        print(curriculum.load(name, allow_code).model_dump_json(indent=1))
        return
    found = [curriculum.load(n, fit=False) for n in curriculum.names()]
    if as_json:
        print(json.dumps([c.model_dump(mode="json") for c in found], indent=1))
        return
    from rich.table import Table

    table = Table("curriculum", "stages", "steps", "tiers", "about")
    for c in found:
        stages = " → ".join(s.task.removeprefix("ludus/") for s in c.stages)
        table.add_row(c.name, stages, f"{sum(s.steps for s in c.stages):,}", " ".join(c.tiers), _plain(c.about))
    _print(table)


def run(
    curriculum: Annotated[str, CURRICULUM],
    algorithm: Annotated[
        str | None, Option(help="ppo, sac, maskable-ppo, dqn, …  [default: the curriculum's first]")
    ] = None,
    agent: Agent = None,
    method: Annotated[list[str] | None, Option(help="replay, reservoir, joint, scratch … ; may be repeated")] = None,
    team: Annotated[str, Option(help="shared, independent, groups, federated, mutual or central")] = "shared",
    input: Input = "instructed",
    instructor: Instructor = None,
    model: Model = None,
    mode: Mode = None,
    endpoint: Address = None,
    online: Online = False,
    memory: Annotated[bool, Option("--memory", help="the language model remembers; see ludus memory")] = False,
    learns: Annotated[
        str, Option("--instructor-learns", help="the language model learns: never, stage, batch or online")
    ] = "never",
    tier: Tier = "full",
    seed: Annotated[int, Option(help="of everything that is drawn", min=0)] = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None, Option(help="the run's folder  [default: runs/CURRICULUM/METHOD@ALGORITHM-SEED]")
    ] = None,
    resume: Annotated[bool, Option("--resume", help="go on with the run that is there, or begin")] = False,
    threads: Annotated[int, Option(help="of the physics; 0: LUDUS_THREADS, or all cores", min=0)] = 0,
    tensorboard: Annotated[bool, Option("--tensorboard", help="also write TensorBoard events")] = False,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Learn a curriculum stage by stage, trying every task on the way; a report at the end."""
    from ..agents.outsider import outside
    from . import plan, progress, runner
    from .curriculum import load

    made = load(curriculum, allow_code)
    if agent and algorithm:
        raise ValueError(f"--agent {agent} stands in the place of --algorithm {algorithm}: choose one of them")
    if (other := agent or algorithm) and (whose := next((m for m in method or () if "@" in m), None)):
        raise ValueError(f"--method {whose} names its algorithm: leave out {other!r}, or what stands behind the @")
    named = "+".join([*(method or ["finetune"]), *plan.ways(team)])
    algorithm, methods, regime = plan.parse(named, plan.agent(agent) or algorithm or made.usual)
    if tensorboard and outside(algorithm):
        raise ValueError(f"--tensorboard logs what Stable-Baselines3's algorithms tell of themselves, not {algorithm}")
    how = {"input": input, "instructor": instructor, "tier": tier, "seed": seed, "device": device, "out": out}
    how |= {"resume": resume, "threads": threads, "tensorboard": tensorboard, "allow_code": allow_code}
    how |= {"memory": memory, "learns": learns, "language_model": _speaker(model, mode, endpoint, online)}
    with progress.shown(as_json) as tell:
        path = runner.run(made, algorithm=algorithm, methods=methods, regime=regime, progress=tell, **how)
    if not as_json:
        _closing(path)


def _speaker(model: str | None, mode: str | None, endpoint: str | None, online: bool) -> dict[str, Any]:
    """What was said of the language model; no word of what was not."""
    said = {"model": model, "mode": mode, "endpoint": endpoint, "offline": False if online else None}
    return {k: v for k, v in said.items() if v is not None}


def _closing(path: Path) -> None:
    """The closing table and the report of one run, held against shipped references."""
    from . import references
    from .record import read_run
    from .report import tables, write

    one = read_run(path)
    held, notes = references.shipped([one])
    _print(tables.closing(one, held), *notes, f"report: {write([one], path / 'report.html', held)}")


def bench(
    curriculum: Annotated[str, CURRICULUM],
    methods: Annotated[str, Option(help="METHOD[@ALGORITHM], with commas between")] = "finetune,replay,joint",
    agent: Agent = None,
    seeds: Annotated[int, Option(help="how many: 0, 1, …", min=1, max=1000)] = 1,
    first_seed: Annotated[int, Option(help="the first of them", min=0)] = 0,
    jobs: Annotated[int, Option(help="runs at a time; 0: one a core", min=0)] = 0,
    ray: Annotated[str | None, Option(help="make the runs on a Ray cluster: its address, or local")] = None,
    out: Annotated[Path | None, Option(help="the folder of the runs  [default: runs/CURRICULUM]")] = None,
    tier: Tier = "full",
    input: Input = "instructed",
    instructor: Instructor = None,
    model: Model = None,
    mode: Mode = None,
    endpoint: Address = None,
    online: Online = False,
    device: Device = "auto",
    references: Annotated[bool, Option(help="joint and from-scratch runs of every algorithm")] = True,
    results: Annotated[Path | None, Option(help="a file of rows: runs that stand there are not made again")] = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Compare methods over seeds: many runs side by side, resumed where they stopped, and one table."""
    from . import bench as benches
    from . import cluster
    from . import references as rows
    from .curriculum import load
    from .plan import agent as named
    from .plan import default_out
    from .progress import shown
    from .record import read_run
    from .report import tables, write

    made = load(curriculum, allow_code)
    folder = out or default_out(made.name, tier)
    how = {"tier": tier, "input": input, "instructor": instructor, "device": device, "allow_code": allow_code}
    how |= {"language_model": _speaker(model, mode, endpoint, online)}
    labels = [m.strip() for m in methods.split(",") if m.strip()]
    labels += [f"finetune@{named(agent)}"] if agent else []
    if not labels:
        raise ValueError("--methods names no method: finetune,replay,joint are the usual ones")
    todo = benches.jobs(curriculum, made, labels, range(first_seed, first_seed + seeds), folder, references, **how)
    kept = {rows.key(row): row for row in (rows.read(results) if results else [])}
    known = {j: (j.plan.label, j.plan.seed, j.plan.hash) for j in todo}
    missing = [j for j in todo if known[j] not in kept and not j.finished]
    benches.check(missing)

    def keep(job: benches.Job) -> None:
        if results:
            rows.add(results, [rows.row_of(read_run(job.folder))])

    with shown(as_json) as tell:
        if ray:
            failed = cluster.perform(missing, jobs, tell, keep, ray)
        else:
            failed = benches.perform(missing, jobs or os.cpu_count() or 1, tell, keep)
    fresh = {j: read_run(j.folder) for j in todo if j not in failed and known[j] not in kept}
    if results:
        rows.add(results, (rows.row_of(r) for r in fresh.values()))
    runs = [fresh[j] if j in fresh else rows.run_of(kept[known[j]]) for j in todo if j not in failed]
    if runs:
        held, notes = rows.shipped(runs) if not references else ({}, [])
        report = write(runs, folder / "report.html", held)
        if as_json:
            print(json.dumps({"report": str(report), "runs": [rows.row_of(r) for r in runs]}))
        else:
            _print(tables.comparison(runs, held), *notes, f"report: {report}")
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(todo)} runs failed: " + "; ".join(failed.values()))


def report(
    folders: Annotated[list[Path], Argument(metavar="DIR...", help="runs, folders of runs, or files of result rows")],
    out: Annotated[
        Path | None, Option(help="the HTML file  [default: report.html in the folder, or in the one around them all]")
    ] = None,
    markdown: Annotated[bool, Option("--markdown", help="print the table for a README")] = False,
    as_json: Json = False,
) -> None:
    """Tables, plots and one HTML file from runs."""
    from . import evolve, metrics, references
    from .report import tables, write

    if as_json and (out or markdown):
        raise ValueError(f"--json prints and makes no page: leave out {'--out' if out else '--markdown'}")
    if len(folders) > 1:  # of DIR/*: the report that was made there before is no run, nor is what lies beside it
        folders = [f for f in folders if f.suffix == ".jsonl" or not f.is_file()] or folders
    runs = [r for f in folders for r in _runs(f)]
    held, notes = references.shipped(runs)
    if as_json:
        here = references.shelf(runs)
        computed = [metrics.compute(r.scores, references.of(r, here, held)) for r in runs]
        print(
            json.dumps([{"label": r.label, "seed": r.seed} | c for r, c in zip(runs, computed, strict=True)], indent=1)
        )
        return
    homes = [str((f if f.is_dir() else f.parent).absolute()) for f in folders]
    first = Path(os.path.commonpath(homes))  # of several runs the folder around them: each keeps its own report
    films = sorted(p for f in folders if f.is_dir() for p in f.glob("**/videos/**/*.mp4") if not p.is_symlink())
    families = [found for f in folders if f.is_dir() and (found := evolve.read(f))]
    made = write(runs, out or first / "report.html", held, films, families)
    if markdown:
        print(tables.markdown(runs, held))
    else:
        table = tables.closing(runs[0], held) if len(runs) == 1 else tables.comparison(runs, held)
        _print(table, *notes, f"report: {made}")


def _runs(path: Path) -> list[Any]:
    """The run in a folder, the runs in its folders, or those that a file of rows tells of. Raises RunError."""
    from . import references
    from .record import RunError, read_run

    if path.suffix == ".jsonl" and path.is_file():
        return [references.run_of(row, str(path)) for row in references.read(path)]
    if (path / "run.json").exists() or not path.is_dir():
        return [read_run(path)]
    found = [read_run(p.parent) for p in sorted(path.glob("*/run.json")) if not p.parent.is_symlink()]
    if not found:
        raise RunError(f"{path}: holds no run")
    return found


def demo(
    out: Annotated[
        Path | None, Option(help="the folder of its runs and its report  [default: runs/demo, or runs/demo-TIER]")
    ] = None,
    tier: Tier = "full",
    seed: Annotated[int, Option(min=0)] = 0,
) -> None:
    """A game, a robot and a home, learnt and forgotten, and the same with replay; a report and films to look at."""
    from .demo import demo
    from .plan import default_out
    from .progress import shown
    from .references import shipped
    from .report import tables

    with shown() as tell:
        runs, made = demo(out or default_out("demo", tier), tier, seed, tell, _print)
    _print(tables.comparison(runs, shipped(runs)[0]), f"Open {made.resolve()} in a browser.")


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _print(*things: Any) -> None:
    from rich.console import Console

    console = Console(soft_wrap=False) if sys.stdout.isatty() else Console(width=160)
    for thing in things:
        text = isinstance(thing, str)  # a path is neither markup nor to be broken
        console.print(thing, markup=not text, soft_wrap=text)


def _version(asked: bool) -> None:
    if asked:
        print(f"ludus {metadata.version('ludus')}")
        raise typer.Exit


Version = Annotated[bool, Option("--version", help="say which version this is", is_eager=True, callback=_version)]


def _main(version: Version = False) -> None: ...


def build(command: str = "") -> typer.Typer:
    """The app; of the commands that live elsewhere only `command` is really imported."""
    app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help="A suite for lifelong-learning agents: worlds, curricula, methods, measures.")(_main)
    for function in (envs, curricula, run, bench, report, demo):
        app.command()(function)
    for name, about in ELSEWHERE.items():
        if name == command:
            app.command(name)(importlib.import_module(f".{name}", __package__).command)
        else:
            app.command(name, help=about)(lambda: None)
    return app


CTRL_C = 130  # what typer makes of it


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Every error is one line on stderr (LUDUS_DEBUG=1: a traceback)."""
    command = next((a for a in arguments if not a.startswith("-")), "")
    try:
        result = build(command)(list(arguments), prog_name="ludus", standalone_mode=False)
        if result == CTRL_C:
            return _complain("interrupted; what was done is kept, and the same command goes on from there", 1)
        return result if isinstance(result, int) else 0
    except typer.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted; what was done is kept", 1)
    except BrokenPipeError:
        return 1
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the whole help, which is more than a line
            return invoke([*arguments, "--help"])
        if os.environ.get("LUDUS_DEBUG"):
            raise
        message = error.format_message() if hasattr(error, "format_message") else str(error)  # type: ignore[union-attr]
        wrong = isinstance(error, ValueError) or hasattr(error, "format_message")
        if isinstance(error, OSError) and not message:
            message = type(error).__name__
        return _complain(message or type(error).__name__, 2 if wrong else 1)


def _complain(message: str, code: int) -> int:
    line = "".join(c if c.isprintable() else " " for c in " ".join(message.split()))
    print(f"ludus: {line[:600]}", file=sys.stderr)
    return code


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite end is an interruption like Ctrl-C
    sys.exit(invoke(sys.argv[1:]))


if __name__ == "__main__":
    main()
