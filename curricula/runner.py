"""Learn each stage, try every task; stop anywhere, and go on as if one had not stopped."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import resource
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save as safetensors

from ..agents import algorithms
from ..agents.learner import Learner
from ..agents.method import Method
from ..agents.outsider import Outsider, outside
from ..agents.state import State
from ..agents.team import league
from ..agents.team.league import League
from ..agents.team.teams import TEAMS, Team, divided
from ..envs import registry
from . import body, checkpoint, curriculum, evaluation, folder, metrics
from .mind import Mind
from .opening import Stopped as Stopped
from .opening import opened, stopping
from .plan import Part, Plan, build_methods, default_out, plan
from .progress import Progress, Tell
from .record import Record, read_json, read_run

CHECKPOINTS = "checkpoints"
PIECES = 5  # between two evaluations, so that progress is seen; their number does not change the result


def run(
    what: str | Path | curriculum.Curriculum,
    *,
    algorithm: str | None = None,
    methods: Sequence[str] = (),
    regime: str = "sequence",
    input: str = "instructed",
    instructor: str | None = None,
    tier: str = "full",
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
    resume: bool = False,
    allow_code: bool = False,
    threads: int = 0,
    tensorboard: bool = False,
    evaluations: bool = True,
    checkpoint_share: float = 0.05,
    memory: bool = False,
    learns: str = "never",
    language_model: Mapping[str, Any] | None = None,
    progress: Tell = lambda _: None,
) -> Path:
    """Live through a curriculum (a name, a path, or one made in Python); returns the run's folder.

    algorithm, instructor: None is the curriculum's usual one; 'module:Class', if code is allowed, is somebody's agent.
    methods: names of agents.methods, or 'module:Class'; regime: "sequence", "joint" or "scratch".
    out: the folder (None: runs/<curriculum>[-<tier>]/<label>-<seed>); resume: go on with what is there, or begin.
    threads: of the physics (0: as the world says); the numbers do not depend on it.
    evaluations: False learns without ever trying the policy, and so keeps no record; stages cannot move on early then.
    checkpoint_share: of the time that checkpoints may take; a stage always starts with one.
    memory: whether the language model that instructs remembers (agents.memory), in memory.sqlite of the folder.
    learns: when it learns from what came of its words: "never", "stage", "batch" or "online" (instructors.pupil).
    language_model: which one instructs, and how: model, mode, endpoint, … (instructors.speakers); None: what ships.

    Raises ValueError, before anything is written, for what is wrong in what was asked for; Stopped where the run
    was interrupted, with the cause attached.
    """
    made = what if isinstance(what, curriculum.Curriculum) else curriculum.load(what, allow_code)
    kept = {"memory": memory, "learns": learns, "language_model": language_model}
    usual = algorithm or made.usual
    planned = plan(made, usual, methods, regime, input, instructor, tier, seed, device, allow_code, **kept)
    if not evaluations and any(part.enough for part in planned.parts):
        raise ValueError(f"{made.name}: stages move on by their evaluations (until); a run without any cannot")
    path = Path(out) if out is not None else default_out(made.name, tier) / f"{planned.label}-{seed}"
    life = Life(planned, path, threads, evaluations, checkpoint_share, progress, tensorboard)
    again = (path / "run.json").exists()
    with opened(path, planned, resume) as finished:
        if finished:
            shutil.rmtree(path / CHECKPOINTS, ignore_errors=True)  # of a run that was stopped when it was over
        else:
            try:
                life.prepare(again)
                with stopping(path):
                    life.run()
            finally:
                life.close()
    return path


class Life:
    """One learner on its way through a plan."""

    def __init__(
        self, plan: Plan, path: Path, threads=0, evaluations=True, share=0.05, progress=None, tensorboard=False
    ):
        _there(plan.device)
        torch.set_num_threads(1)  # small networks: more is slower as soon as anything else runs
        self.plan, self.path, self._progress = plan, path, progress or (lambda _: None)
        self.parts, self.tasks = plan.parts, plan.curriculum.tasks
        # task -> what the learner knows it by: the name it was met by last, or of one to come that it will be met by
        self._called = {part.name: part.called for part in reversed(self.parts)}
        self._switches = any(m.switches() for m in build_methods(plan) if isinstance(m, Method))
        self.record = Record(path / "evaluations.jsonl")
        self.costs: dict[str, float] = {}
        self._evaluations, self._share, self._threads = evaluations, share, threads
        self._log = path / "tensorboard" if tensorboard else None
        self._worlds: dict[tuple[int, int], Any] = {}
        self._success: dict[str, float] = {}
        self.mind = Mind(plan, path)
        self.body = body.of(plan.curriculum, plan.input, "central" in [m["name"] for m in plan.methods])
        if not outside(plan.algorithm):
            algorithms.check(plan.algorithm, self.body.actions, self.body.tasks)
        # where it stands: the stage, the evaluations made in it and in all, steps before it and the learner's then
        self.at = {"stage": 0, "point": 0, "evaluations": 0, "before": 0, "offset": 0, "saves": 0}
        self._saved_at, self._save_took = 0.0, 0.0

    def prepare(self, again: bool = False) -> None:
        """Make the worlds, take up the newest checkpoint. Raises ValueError for what does not fit or is broken.

        again: whether the run was begun before, whatever it came to.
        """
        rows = self.plan.settings["rows"]
        for i, task in enumerate(self.tasks):  # one copy at a time: of a hundred tasks those of all would fill memory
            world = self._made(i, 1)
            world.close()
            team = len(world.agents)
            if self.plan.regime != "joint" and rows % team:
                raise ValueError(f"{task.task} has {team} agents: its {rows} rows must be a multiple of that")
        for part in self.parts[:1]:
            self._env(part).close()
        saved = checkpoint.newest(self.path / CHECKPOINTS)
        arrays, meta = checkpoint.load(saved) if saved else ({}, {})
        self.record.cut(meta["at"]["evaluations"] if saved else 0)
        self.learner = self._newborn()
        self._resumed = saved is not None
        if again:
            with contextlib.suppress(ValueError):  # a lost bill is not a lost run
                self.costs = read_json(self.path / "costs.json")
            self._count("resumes", 1)
        if saved:
            self._go_on(arrays, meta)
        else:
            self.mind.begin()

    def run(self) -> None:
        """From where it stands to the end."""
        first = self.at["stage"]
        for stage in range(first, len(self.parts)):
            if stage > first or not self._resumed:
                self._begin(stage)
            self._live(self.parts[stage])
            self._end(self.parts[stage])
        self.mind.end()
        self._write_costs()
        if self._evaluations:  # last, for it says that the run is over
            folder.write_json(self.path / "metrics.json", metrics.compute(read_run(self.path).scores))
        shutil.rmtree(self.path / CHECKPOINTS, ignore_errors=True)
        self._tell("done")

    def close(self) -> None:
        """Release what the worlds hold: a player that nobody closes would keep its process and ours alive."""
        for world in (*self._worlds.values(), *([self.env] if hasattr(self, "env") else [])):
            world.close()

    # a stage

    def _begin(self, stage: int) -> None:
        part = self.parts[stage]
        if stage and self.plan.regime == "scratch":
            self.learner = self._newborn()
        self.env = self._env(part)
        self.at |= {"stage": stage, "point": 0, "offset": self.learner.num_timesteps}
        self._called[part.name] = part.called
        if part.announced:
            self.learner.start(part.called, self.env, part.resets, part.span, part.explore)
        else:
            self.learner.move(part.name, self.env)
        if stage == 0:
            self._evaluate(stage=-1, tasks=range(len(self.tasks)))
        self._save()

    def _live(self, part: Part) -> None:
        """Learn from the current point to the stage's end, with evaluations and checkpoints on the way."""
        for point in range(self.at["point"], part.points):
            if point and self._enough(part):
                break
            marks = [part.steps * (point * PIECES + i) // (part.points * PIECES) for i in range(PIECES + 1)]
            for start, end in itertools.pairwise(marks):
                with self._counted("learning"):
                    self.learner.learn(end - start)
                self._tell("learning")
            if point < part.points - 1:
                self._evaluate(self.at["stage"], self._tried(part))
                self.at["point"] = point + 1
                if self._due():
                    self._save()

    def _enough(self, part: Part) -> bool:
        """Whether the newest evaluation, which a checkpoint holds as well, lets the stage move on."""
        return part.enough is not None and self._success[part.name] >= part.enough

    def _end(self, part: Part) -> None:
        following = self.at["stage"] + 1
        if following == len(self.parts) or self.parts[following].announced:
            with self._counted("learning"):
                self.learner.finish()
        self._evaluate(self.at["stage"], self._tried(part), last=True)
        self.mind.stage_ended(part.name)
        self._keep(part)
        self.at["before"] += self.learner.num_timesteps - self.at["offset"]
        self.at["offset"] = self.learner.num_timesteps
        self._hear()
        self.env.close()
        _hand_back()

    def _keep(self, part: Part) -> None:
        """Write the policy as it is tried, which a method may have changed; where that depends on the task, of each."""
        policies = self.path / "policies"
        policies.mkdir(exist_ok=True)
        with self.learner.trial(part.called):
            own = self.learner.weights()
        folder.write(policies / f"stage-{self.at['stage']}.safetensors", safetensors(_sorted(own)))
        if self._switches:
            otherwise = safetensors(_sorted(self._otherwise(own)))
            folder.write(policies / f"stage-{self.at['stage']}.tasks.safetensors", otherwise)

    def _otherwise(self, own: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """ "<index of a task>/<name>" -> array: what is not as in the stage's own policy where that task is tried."""
        found = {}
        for i, task in enumerate(self.tasks):
            with self.learner.trial(self._called.get(task.task, task.task)):
                weights = self.learner.weights()
            found |= {f"{i}/{k}": w for k, w in weights.items() if not np.array_equal(w, own[k])}
        return found

    def _tried(self, part: Part) -> Sequence[int]:
        return part.tasks if self.plan.regime == "scratch" else range(len(self.tasks))

    # trying

    def _evaluate(self, stage: int, tasks: Sequence[int], last: bool = False) -> None:
        """Try the policy on tasks and write the rows: nothing of the training changes."""
        if not self._evaluations:
            return
        self._tell("evaluating")
        sizes = self.plan.curriculum.evaluation
        stage_step = self.learner.num_timesteps - self.at["offset"]
        rows = []
        with self._counted("evaluating"):
            for i in tasks:
                task = self.tasks[i].task
                with self.learner.trial(self._called.get(task, task)) as act:
                    world = self._world(i, sizes.last_episodes if last else sizes.episodes)
                    scores = evaluation.evaluate(world, act)
                where = {"evaluation": self.at["evaluations"], "stage": stage, "task": task, "index": i}
                steps = {"step": self.at["before"] + stage_step, "stage_step": stage_step, "last": last}
                rows.append(where | steps | scores)
                self._count("evaluation_steps", round(scores["length"] * scores["episodes"]))
        self.record.write(*rows)
        self.at["evaluations"] += 1
        self._success |= {r["task"]: r["success"] for r in rows}
        self._tell("learning")

    # worlds

    def _world(self, task: int, episodes: int) -> Any:
        if (task, episodes) not in self._worlds:
            self._worlds[task, episodes] = self._made(task, episodes)
        return self._worlds[task, episodes]

    def _made(self, task: int, copies: int) -> Any:
        part = self.tasks[task]
        how: dict[str, Any] = {"partners": part.partners, "timeout": part.timeout, "instruct": self.mind.recall}
        return self.body.world(part.task, copies, settings=self._settings(task), **how)

    def _env(self, part: Part) -> Any:
        names = [self.tasks[i].task for i in part.tasks]
        settings = [self._settings(i) | self.tasks[i].training for i in part.tasks]
        partners = [self.tasks[i].partners for i in part.tasks]
        shares = [self.plan.share(name) for name in names]
        how: dict[str, Any] = {"timeouts": [self.tasks[i].timeout for i in part.tasks], "instruct": self.mind.instruct}
        how["wordings"] = self.plan.curriculum.wordings
        return self.body.env(names, self.plan.settings["rows"], settings, partners, shares, **how)

    def _settings(self, task: int) -> dict[str, Any]:
        engine = "mujoco" in registry.spec(self.tasks[task].task).tags
        return {**({"nthread": self._threads} if engine and self._threads else {}), **self.tasks[task].settings}

    def _newborn(self) -> Learner | Team | Outsider:
        names = [m["name"] for m in self.plan.methods]
        if outside(self.plan.algorithm):
            return self._outsider()
        if any(league.seats(t.partners) for t in self.tasks) and (way := [n for n in names if n in TEAMS]):
            raise ValueError(f"{way[0]} leaves no seat to a league: past selves are those of one shared policy")
        team = next((m for m in self.plan.methods if divided(m["name"])), None)
        if team is None:
            return self._born(self.plan.seed, self._log)
        kind, episodes = TEAMS[team["name"]], self.plan.curriculum.evaluation.episodes
        seating = {t.task: kind.seats(self._world(i, episodes)) for i, t in enumerate(self.tasks)}
        return kind(self._member, seating, **team["settings"])

    def _outsider(self) -> Outsider:
        if any(league.seats(t.partners) for t in self.tasks):
            raise ValueError(f"a league plays past selves of our own learners, not of {self.plan.algorithm}")
        return Outsider(self.plan.algorithm, self.plan.seed, self.plan.settings)

    def _member(self, seat: int) -> Learner:
        """The learner of a team's seat: each begins with weights of its own."""
        seed = int(np.random.SeedSequence([self.plan.seed, seat]).generate_state(1)[0])
        return self._born(seed, self._log and self._log / str(seat))

    def _born(self, seed: int, log: Path | None) -> Learner:
        p = self.plan
        methods = build_methods(p)
        if any(league.seats(t.partners) for t in self.tasks) and not any(isinstance(m, League) for m in methods):
            methods.append(League(seed=p.seed, **p.curriculum.methods.get("league", {})))
        return Learner(p.algorithm, methods, seed, p.device, p.settings, log=log)

    # checkpoints

    def _due(self) -> bool:
        return self._save_took <= self._share * (time.monotonic() - self._saved_at)

    def _save(self) -> None:
        started = time.monotonic()
        self.at["saves"] += 1
        state = State(meta={"at": dict(self.at), "success": dict(self._success)})
        state.put("learner", self.learner.state())
        state.arrays |= {f"env/{k}": v for k, v in self.env.state().items()}
        state.arrays |= self.mind.save()
        with self._counted("saving"):
            size = checkpoint.save(self.path / CHECKPOINTS, self.at["saves"], state.arrays, state.meta)
        self.costs["checkpoint_bytes"] = size
        self._write_costs()
        self._saved_at = time.monotonic()
        self._save_took = self._saved_at - started

    def _go_on(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        self.at, self._success = meta["at"], meta["success"]
        self._called |= {part.name: part.called for part in self.parts[: self.at["stage"] + 1]}
        self.env = self._env(self.parts[self.at["stage"]])
        state = State(arrays, meta)
        self.env.restore({k.removeprefix("env/"): v for k, v in arrays.items() if k.startswith("env/")})
        self.mind.restore(arrays)
        self.learner.restore(state.get("learner"), self.env)

    # what it cost, and telling

    @contextlib.contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._count(f"seconds_{what}", time.monotonic() - started)

    def _count(self, what: str, amount: float) -> None:
        self.costs[what] = round(self.costs.get(what, 0) + amount, 3)

    def _hear(self) -> None:
        """Count how often players were started again, and keep the newest of what their scenes report."""
        views = getattr(self.env, "views", [self.env])
        for world in [*(view.world for view in views), *self._worlds.values()]:
            if hasattr(world, "news"):
                restarts, statistics = world.news()
                self._count("player_restarts", restarts)
                self.costs |= {f"player {world.id} {name}": value for name, value in statistics.items()}

    def _write_costs(self) -> None:
        self._count("instructor_calls", self.mind.asked)
        self.mind.asked = 0
        self._hear()
        self.costs |= self.mind.costs()
        self.costs["steps"] = self.at["before"] + self.learner.num_timesteps - self.at["offset"]
        self.costs["seconds"] = round(sum(v for k, v in self.costs.items() if k.startswith("seconds_")), 3)
        self.costs["parameters"] = int(sum(a.size for a in self.learner.weights().values()))
        self.costs["memory_kept_bytes"] = self.learner.memory_bytes()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self.costs["peak_memory_bytes"] = max(peak, self.costs.get("peak_memory_bytes", 0))
        folder.write_json(self.path / "costs.json", self.costs)

    def _tell(self, doing: str) -> None:
        part, stage = self.parts[self.at["stage"]], self.at["stage"]
        step = self.at["before"] + self.learner.num_timesteps - self.at["offset"]
        total = sum(p.steps for p in self.parts)
        where = (self.plan.label, self.plan.seed, doing, stage, len(self.parts), part.name, step, total)
        self._progress(Progress(*where, dict(self._success)))


def _there(device: str) -> None:
    """Raises ValueError for a GPU that torch does not find here: else the run would go on without it, unsaid."""
    number, count = int(device.partition(":")[2] or 0), torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.startswith("cuda") and number >= count:
        raise ValueError(f"no device {device!r} here, where torch finds {count or 'no'} GPU{'s' * (count != 1)}")


def _sorted(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {k: np.ascontiguousarray(arrays[k]) for k in sorted(arrays)}


def _hand_back() -> None:
    """What was freed goes back to the system. glibc keeps it, and where each stage frees worlds of another size, keeps
    ever more: 0.15 of the resident size over sixty robots' tasks, 0.03 with this (benchmarks/long_life.py).
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
