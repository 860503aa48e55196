"""How fast worlds step: against the bare engine, against gymnasium's own vectorisation, and under PPO."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from typing import Annotated, Any

import numpy as np
import typer

from ..envs import registry

ROWS = 256  # of PPO
GYMNASIUM = (2, 16)  # copies of gymnasium's own vectorisation
PPO = {"n_steps": 32, "batch_size": 2048, "n_epochs": 5}  # where the curriculum does not say otherwise
AREAS, EXCHANGES = 12, 50  # of a game on the wire, and in one timed block
LIBRARIES = ("mujoco", "gymnasium", "stable-baselines3", "torch", "numpy")


@dataclasses.dataclass
class Runner:
    """Something that can be timed. steps: how many world steps one call of block makes; only block is timed."""

    name: str
    steps: int
    prepare: Callable[[], Any]
    block: Callable[[], Any]
    close: Callable[[], Any] = lambda: None


@dataclasses.dataclass(frozen=True)
class Row:
    """rate: median steps a second. ratio, low, high: against the reference of its table, the median of the rounds
    and a 95 % bootstrap interval of it."""

    env: str
    name: str
    rate: float
    ratio: float
    low: float
    high: float


def compare(env: str, runners: Sequence[Runner], seconds: float, rounds: int) -> list[Row]:
    """Time the runners in turn, round by round; the first is the reference. Ratios are taken within a round."""
    rates = np.zeros((rounds, len(runners)))
    try:
        for runner in runners:
            runner.prepare()
            runner.block()  # first calls allocate
        for round in range(rounds):
            for i in _turns(len(runners), round):
                rates[round, i] = _rate(runners[i], seconds)
    finally:
        for runner in runners:
            runner.close()
    ratios = rates / rates[:, :1]
    return [_row(env, r.name, rates[:, i], ratios[:, i]) for i, r in enumerate(runners)]


def _turns(count: int, round: int) -> list[int]:
    """The order of a round: each begins with another, so that none always follows the same one."""
    return [(i + round) % count for i in range(count)]


def _rate(runner: Runner, seconds: float) -> float:
    spent, steps = 0.0, 0
    while spent < seconds:
        runner.prepare()
        start = time.perf_counter()
        runner.block()
        spent += time.perf_counter() - start
        steps += runner.steps
    return steps / spent


def _row(env: str, name: str, rates: np.ndarray, ratios: np.ndarray) -> Row:
    draws = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return Row(env, name, float(np.median(rates)), float(np.median(ratios)), float(low), float(high))


# what is timed: an episode's length of random actions, from the same first states


def engine(world: Any) -> Any:
    """A mujoco.batch.Batch of the world's model, on as many threads, as it comes."""
    from mujoco.batch import Batch

    return Batch(world.sims.model, world.num_envs, world.sims.nthread)


def bare(id: str, copies: int, threads: int = 0, name: str = "bare Batch.step") -> Runner:
    """The engine alone: mujoco.batch.Batch, stepped as the task is, in the same states, and nothing else.

    Where robots see by lidar, the engine casts their rays too, at every step.
    """
    world: Any = registry.make(id, copies, nthread=threads)
    world.reset(np.arange(copies), range(copies))
    sims = engine(world)
    first, controls, substeps = world.sims.state.copy(), sims.bind("ctrl"), world.task.substeps
    low, high = sims.model.actuator_ctrlrange.T
    drawn = np.random.default_rng(0).uniform(low, high, (world.max_episode_steps, *controls.shape))
    rays = None
    if getattr(world.task, "sensing", "") == "lidar":
        rays = world.task.rays()
        world.task.bind(sims)  # whose rays cast then asks for

    def prepare():
        sims.state[:] = first
        sims.forward()

    def block():
        for control in drawn:
            controls[:] = control
            sims.step(nstep=substeps)
            if rays:
                world.task.cast(*rays)

    return Runner(name, copies * len(drawn), prepare, block, world.close)


def vector(name: str, env: Any, horizon: int) -> Runner:
    """A gymnasium VectorEnv over one episode's length, rewards, success and auto-reset included."""
    env.action_space.seed(0)
    drawn = [env.action_space.sample() for _ in range(horizon)]

    def block():
        for actions in drawn:
            env.step(actions)

    return Runner(name, env.num_envs * horizon, lambda: env.reset(seed=0), block, env.close)


def ours(id: str, copies: int, instructed: bool = False) -> Runner:
    from ..envs.views.instructed import Instructed
    from ..envs.views.vector import VectorView

    world = registry.make(id, copies)
    view = VectorView(Instructed(world) if instructed else world)
    return vector(f"{'instructed' if instructed else 'vector'} view, {copies}", view, world.max_episode_steps)


def gymnasiums(id: str, copies: int, mode: str) -> Runner:
    """Gymnasium's own vectorisation of the single view; each copy has one thread, as there are several copies."""
    import gymnasium

    horizon = registry.make(id).max_episode_steps
    env = gymnasium.make_vec(registry.spec(id).id, copies, vectorization_mode=mode, nthread=1)
    return vector(f"gymnasium {mode}, {copies}", env, horizon)


def physics(id: str, copies: int = 256, seconds: float = 1.0) -> float:
    """Microseconds that the physics of one step takes on one thread."""
    return 1e6 / compare(id, [bare(id, copies, threads=1)], seconds, 3)[0].rate


def worlds(id: str, copies: int, seconds: float, rounds: int, others: bool = True) -> list[Row]:
    """The bare engine, our views, and with others gymnasium's."""
    runners = [bare(id, copies), ours(id, copies), ours(id, copies, instructed=True)]
    runners += [gymnasiums(id, n, mode) for mode in ("sync", "async") for n in GYMNASIUM if others]
    return compare(id, runners, seconds, rounds)


def wire(id: str, copies: int, seconds: float, rounds: int) -> list[Row]:
    """A game through the bundled player and Unity's client in AREAS areas; in this process in as many, and copies."""
    from ..envs.views.vector import VectorView

    def of(name: str, count: int, **settings: Any) -> Runner:
        return vector(f"{name}, {count}", VectorView(registry.make(id, count, **settings)), EXCHANGES)

    return compare(
        id, [of("wire", AREAS, wire=True), of("in process", AREAS), of("in process", copies)], seconds, rounds
    )


# PPO


def learning(id: str, seconds: float, rounds: int, settings: dict[str, Any] | None = None) -> list[Row]:
    """PPO end to end on ROWS rows, against the rate it would have if environment and learner only took turns.

    The reference is 1 / (1/env + 1/free), both measured in the same rounds: `env` steps the environment alone,
    `free` is the same PPO on an environment that costs nothing.
    """
    import torch

    torch.set_num_threads(1)  # as the suite's runs do
    runners = [_stepping(id), _ppo("PPO alone (free environment)", id, settings, free=True), _ppo("PPO", id, settings)]
    rates = {r.name: [] for r in runners}
    try:
        for runner in runners:
            runner.block()
        for round in range(rounds):
            for i in _turns(len(runners), round):
                rates[runners[i].name].append(_rate(runners[i], seconds))
    finally:
        for runner in runners:
            runner.close()
    env, free, ppo = (np.array(rates[r.name]) for r in runners)
    ceiling = 1 / (1 / env + 1 / free)
    parts = {"1/(1/env + 1/free)": ceiling, "environment alone": env, runners[1].name: free, "PPO, end to end": ppo}
    return [_row(id, name, rate, rate / ceiling) for name, rate in parts.items()]


def _training_env(id: str) -> Any:
    from ..agents.interface import Interface

    probe: Any = registry.make(id)
    if not all(hasattr(space, "low") for space in probe.action_spaces.values()):
        raise ValueError(f"{probe.id} acts in choices: PPO end to end is timed where actions are continuous")
    observation, action = (
        max(s.shape[0] for s in spaces.values()) for spaces in (probe.observation_spaces, probe.action_spaces)
    )
    return Interface(observation, action).env([registry.spec(id).id], ROWS)


def _stepping(id: str) -> Runner:
    env = _training_env(id)
    draw = np.random.default_rng(0)
    shape = (PPO["n_steps"], ROWS, *env.action_space.shape)
    drawn = draw.uniform(-1, 1, shape).astype(np.float32)
    env.reset()

    def block():
        for actions in drawn:
            env.step(actions)

    return Runner("environment alone", ROWS * len(drawn), lambda: None, block, env.close)


def _ppo(name: str, id: str, settings: dict[str, Any] | None, free: bool = False) -> Runner:
    """One block is one rollout and what is learnt from it."""
    from ..agents.learner import Learner

    env = _training_env(id)
    if free:
        env.close()
        env = _free(env.num_envs, env.observation_space, env.action_space)
    learner = Learner("ppo", settings=PPO | (settings or {}), device="cpu")
    learner.start(id, env)
    steps = ROWS * learner.model.n_steps
    return Runner(name, steps, lambda: None, lambda: learner.learn(steps), env.close)


def _free(rows: int, observation: Any, action: Any) -> Any:
    """A VecEnv that costs nothing: always the same observation, and no episode ever ends."""
    from stable_baselines3.common.vec_env import VecEnv

    class Free(VecEnv):
        render_mode = None

        def __init__(self):
            super().__init__(rows, observation, action)
            self._obs = np.random.default_rng(0).uniform(-1, 1, (rows, *observation.shape)).astype(np.float32)
            self._reward, self._done = np.zeros(rows, np.float32), np.zeros(rows, bool)
            self._infos: list[dict] = [{}] * rows

        def reset(self):
            return self._obs

        def step_async(self, actions):
            pass

        def step_wait(self):
            return self._obs, self._reward, self._done, self._infos

        def close(self):
            pass

        def get_attr(self, attr_name, indices=None):
            return [getattr(self, attr_name) for _ in self._get_indices(indices)]

        def set_attr(self, attr_name, value, indices=None):
            setattr(self, attr_name, value)

        def env_method(self, method_name, *args, indices=None, **kwargs):
            return [getattr(self, method_name)(*args, **kwargs) for _ in self._get_indices(indices)]

        def env_is_wrapped(self, wrapper_class, indices=None):
            return [False for _ in self._get_indices(indices)]

    return Free()


# telling


def machine() -> dict[str, Any]:
    """Where it was measured: a figure without its machine says little."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "machine": platform.machine(),
        "python": platform.python_version(),
    } | {name: metadata.version(name) for name in LIBRARIES}


def _measure(
    ids: Sequence[str], copies: int, seconds: float, rounds: int, ppo: bool, others: bool
) -> Iterator[tuple[str, list[Row]]]:
    for id in ids:
        if ppo:
            yield f"{id} · PPO, {ROWS} rows", learning(id, seconds, rounds)
        elif "unity" in registry.spec(id).tags:
            yield f"{id} · through Unity's client, and in this process", wire(id, copies, seconds, rounds)
        else:
            yield f"{id} · physics {physics(id, copies):.0f} µs a step", worlds(id, copies, seconds, rounds, others)


def _table(title: str, rows: Sequence[Row]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column, side in (("", "left"), ("steps/s", "right"), (f"against {rows[0].name}", "right"), ("95 %", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(row.name, f"{row.rate:,.0f}", f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}")
    return table


def command(
    envs: Annotated[list[str] | None, typer.Argument(metavar="[ENV]...", help="tasks; none: all of MuJoCo's")] = None,
    copies: Annotated[int, typer.Option(help="of our views and the bare engine", min=1)] = 256,
    seconds: Annotated[float, typer.Option(help="of one measurement", min=0.01)] = 2.0,
    pairs: Annotated[int, typer.Option(help="rounds: each measures everything once, in turn", min=1)] = 7,
    ppo: Annotated[bool, typer.Option("--ppo", help="PPO end to end instead of stepping alone")] = False,
    others: Annotated[bool, typer.Option(help="gymnasium's own vectorisation, too")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON lines")] = False,
) -> None:
    """Steps a second: against the bare engine, gymnasium's own vectorisation, and under PPO.

    Everything is measured in turn within one run, so that other work on the machine meets all alike: keep the
    ratios. Actions are random, from the same first states.
    """
    from rich.console import Console

    console = Console()
    ids = [registry.spec(id).id for id in envs or registry.ids("mujoco")]
    if other := next((id for id in ids if not ppo and "text" in registry.spec(id).tags), None):
        raise ValueError(f"{other} has no engine to be timed against: name one of `ludus envs robots` or `games`")
    about = machine()
    if as_json:
        print(json.dumps(about))
    else:
        console.print(" · ".join(f"{k} {v}" for k, v in about.items()), style="dim")
    for title, rows in _measure(ids, copies, seconds, pairs, ppo, others):
        if as_json:
            for row in rows:
                print(json.dumps({"table": title} | dataclasses.asdict(row)))
        else:
            console.print(_table(title, rows), "")
