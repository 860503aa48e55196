"""Any Unity ML-Agents build as a World: its areas are the copies, its behaviours and teams the groups."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core import IN_PROCESS, Arrays, Step, World, check_actions
from ..instructions import Skill
from ..registry import forwards
from .launch import FAULTS, Client, PlayerError, report, start
from .side import Control, statistics
from .spec import Behaviour, Sensor, observation_space, select
from .table import Table

# isort: split
from mlagents_envs.side_channel.engine_configuration_channel import EngineConfigurationChannel
from mlagents_envs.side_channel.environment_parameters_channel import EnvironmentParametersChannel
from mlagents_envs.side_channel.stats_side_channel import StatsSideChannel

PATIENCE = 1000  # exchanges without a decision after which a player is taken to be stuck
NO_LIMIT = 1_000_000


def _won(world, arguments):
    return world.unwrapped.won


earn = Skill(
    "earn",
    ("earn as much reward as you can", "get the highest score"),
    achieved=_won,
    progress=lambda world, arguments: _won(world, arguments).astype(float),
    held_out=("do as well as possible",),
    chinese=("尽量多得分", "争取最高分"),
)


class UnityWorld(World):
    """num_envs copies, each an equal share of the agents of one player.

    player: the path of a build, or None for the editor. arguments: for the player. behavior: play only this one, the
        agents of others act idly. sensors, goal_signal: which observations agents get, see spec.select.
    parameters: environment parameters, sent before every reset. time_scale: Unity seconds per second.
    seed: one for the whole player. connect, timeout: seconds that it may take to appear, and then to answer.
    restarts: how many faults are made good by a new player before PlayerError is raised; the copies are truncated
        then, and info["restarted"] says so. success: an episode with at least this return counts as a success.
    ours: the player takes our control channel, and so has every capability.

    A real player has no capability: it resets all areas at once, restarts agents by itself, takes one seed, has no
    snapshot. reset(ids) of some copies shows where their agents stand now; of all copies, it resets the player.
    state() holds no more than counters, and restore() begins new episodes. An agent that did not ask for a decision
    in a step repeats what it saw and is marked in info["waiting"]; its action was not used.
    """

    capabilities: frozenset[str] = frozenset()
    skills: tuple[Skill, ...] = (earn,)
    goals = (earn(),)
    max_episode_steps = NO_LIMIT

    def __init__(
        self,
        num_envs: int = 1,
        player: str | None = None,
        arguments: Sequence[str] = (),
        behavior: str | None = None,
        sensors: str | Sequence[str] | None = None,
        goal_signal: bool = True,
        no_graphics: bool = True,
        parameters: Mapping[str, float] | None = None,
        time_scale: float = 20.0,
        seed: int = 0,
        port: int | None = None,
        connect: float = 60,
        timeout: float = 60,
        restarts: int = 3,
        success: float = np.inf,
        ours: bool = False,
    ):
        self.num_envs, self.player, self.arguments, self.ours = num_envs, player, list(arguments), ours
        self.parameters, self.time_scale, self.budget, self.threshold = parameters or {}, time_scale, restarts, success
        self.seed = seed
        self._launch_settings = {"no_graphics": no_graphics, "port": port, "connect": connect, "timeout": timeout}
        self._which = behavior, sensors, goal_signal
        self.restarts = 0
        self._told = 0  # the restarts that news has told of
        self._unsaid = False  # a player was replaced between two steps
        self._begun: list[int] = []  # copies that restarted since the player last heard of us
        self._known: Any = None  # parameters and limit as the player was last told
        self._wanted = self._held = False  # the state: asked for since the last step; at hand, as it is now
        self.statistics: dict[str, float] = {}  # what the player reported, newest averages
        self.won, self.steps, self._return = np.zeros(num_envs, bool), np.zeros(num_envs, int), np.zeros(num_envs)
        if ours:
            self.capabilities = IN_PROCESS
        self.client: Client | None = None
        self.closed = False
        try:
            self._describe()
        except BaseException:
            self.close()
            raise

    # Starting

    def _launch(self) -> None:
        self.engine, self.scene, self.stats = (
            EngineConfigurationChannel(), EnvironmentParametersChannel(), StatsSideChannel(),
        )  # fmt: skip
        self.control = Control()
        side = [self.engine, self.scene, self.stats, *([self.control] if self.ours else [])]
        settings = self._launch_settings | {"seed": self.seed + 1000 * self.restarts}  # not the same life again
        self.client = start(self.player, self.arguments, side, num_areas=self.num_envs, **settings)
        self.closed, self._begun = False, []
        self._guard = weakref.finalize(self, self.client._close)  # for a world that nobody closes
        self.engine.set_configuration_parameters(time_scale=self.time_scale)
        try:
            self._send({"control": True, "reset": list(range(self.num_envs))})
            self._wait()
            self._table = Table(self._env.behavior_specs, self._env, self.num_envs, self.control.agents)
        except FAULTS as error:
            said = report(self.player, self.arguments, error, self.client)
            self.close()
            raise PlayerError(said) from error
        except BaseException:
            self.close()
            raise

    def _needed(self) -> Client:
        """The client; a player is started when it is first needed. Raises PlayerError once it was closed."""
        if self.closed:
            raise PlayerError(f"{self.id or self.player}: the player is closed")
        if self.client is None:
            self._launch()
        assert self.client is not None
        return self.client

    @property
    def _env(self) -> Client:
        return self._needed()

    @property
    def table(self) -> Table:
        self._needed()
        return self._table

    def _send(self, words: Mapping[str, Any], arrays: Arrays | None = None) -> None:
        """Reset, with what our channel and the scene should know."""
        env, self._held = self._env, False
        for name, value in self.parameters.items():
            self.scene.set_float_parameter(name, float(value))
        if self.ours:
            self.control.say(self._with_begun(words) | {"limit": self.max_episode_steps}, arrays)
            self._known = self._settings()
        env.reset()

    def _settings(self) -> Any:
        return dict(self.parameters), self.max_episode_steps

    def _with_begun(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """words, and the restarts that the player has not heard of; those that are restarted anew are in words."""
        begun, self._begun = self._begun, []
        if "reset" not in words:
            return dict(words)
        late = [copy for copy in begun if copy not in words["reset"]]
        seeds = words.get("seeds") or [None] * len(words["reset"])
        return dict(words) | {"reset": [*words["reset"], *late], "seeds": [*seeds, *[None] * len(late)]}

    def _wait(self) -> None:
        """Go on until somebody asks for a decision: behaviours are not known before."""
        for _ in range(PATIENCE):
            if any(len(self._env.get_steps(b)[0]) for b in self._env.behavior_specs):
                return
            self._env.step()
        raise RuntimeError(f"no agent asked for a decision in {PATIENCE} steps")

    def _describe(self) -> None:
        """Name agents, groups and spaces after what the player shows."""
        self._launch()
        behavior, which, goal_signal = self._which
        self.groups = self.table.groups(behavior)
        self.agents = tuple(a for members in self.groups.values() for a in members)
        self.behaviours: dict[str, Behaviour] = {g: self.table.behaviour(m[0]) for g, m in self.groups.items()}
        self.watched: dict[str, tuple[Sensor, ...]] = {}
        self.observation_spaces, self.action_spaces = {}, {}
        for group, members in self.groups.items():
            chosen = select(self.behaviours[group].sensors, which, goal_signal)
            for agent in members:
                self.watched[agent] = chosen
                self.observation_spaces[agent] = observation_space(chosen)
                self.action_spaces[agent] = self.behaviours[group].action_space
        self._of = {a: self.behaviours[g] for g, members in self.groups.items() for a in members}

    # Playing

    def reset(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> tuple[Arrays, Arrays]:
        ids = np.asarray(ids, int)
        given = None if seeds is None else [None if s is None else int(s) % 2**64 for s in seeds]  # as Streams take it
        words = {"reset": ids.tolist(), "seeds": given}
        try:
            if self._shown_ahead(ids, given):
                self._held = False
                self._begun += ids.tolist()
                self.control.begin(ids.tolist())
            elif self.ours or len(ids) == self.num_envs:
                self._send(words)
                if not self.ours:
                    self._wait()
                self.table.read(self._env, fresh=ids)
        except FAULTS as error:
            self._replace(error)
            self._unsaid = len(ids) < self.num_envs  # the next step says that the others were cut off, too
            every: list[int | None] = [None] * self.num_envs
            for i, seed in zip(ids.tolist(), given or [None] * len(ids), strict=True):
                every[i] = seed
            return self.reset(np.arange(self.num_envs), every)
        self.steps[ids], self._return[ids], self.won[ids] = 0, 0, False
        self.table.begin(ids)
        return self._observe(), self._info()

    def _shown_ahead(self, ids: np.ndarray, seeds: Sequence[int | None] | None) -> bool:
        """Whether the player has shown already how the next episodes of ids begin."""
        if not self.ours or any(s is not None for s in seeds or ()) or self._known != self._settings():
            return False
        return self.control.ahead.keys() >= set(ids.tolist())

    def step(self, actions: Arrays) -> Step:
        given = check_actions(self, actions)
        if self._unsaid:
            self._unsaid = False
            return self._interrupted()
        try:
            self._exchange({a: self._of[a].split(given[a]) for a in self.agents})
        except FAULTS as error:
            self._replace(error)
            return self._interrupted()
        table = self.table
        playing = ~table.was_over
        self.steps += playing
        if self.ours:
            self.won = np.where(playing, self.control.success, self.won)
        reward = {a: table.reward[a].copy() for a in self.agents}
        self._return += sum(reward.values()) / len(self.agents)
        table.cut |= playing & (self.steps >= self.max_episode_steps) & ~table.all_gone
        if not self.ours:
            self.won |= table.over & (self._return >= self.threshold)
        terminated = {a: table.gone[a].copy() for a in self.agents}
        return Step(self._observe(), reward, terminated, table.cut.copy(), self._info())

    def _exchange(self, acts: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
        """Send actions; read until somebody asks again. A batch may hold ends alone.

        Where the state was asked for since the last step, the next one comes with the step, and costs no exchange.
        """
        self.table.act(self._env, acts)
        words: dict[str, Any] = {"reset": self._begun} if self._begun else {}
        if self._wanted:
            words["send"] = True
        if words:
            self.control.say(words)
        self._begun, held, self._wanted = [], self._wanted, False
        self._env.step()
        self._held = held
        self.table.read(self._env)
        for _ in range(PATIENCE):
            if self.ours or self.table.asking:
                return
            self._env.step()
            self.table.read(self._env, more=True)
        raise RuntimeError(f"no agent asked for a decision in {PATIENCE} steps")

    def _replace(self, error: BaseException) -> None:
        """A new player for one that failed, within the budget. Raises PlayerError beyond it."""
        said = report(self.player, self.arguments, error, self._env)
        self.close(grace=0)
        if isinstance(error, PlayerError):  # another player of the same build would be no better
            raise PlayerError(said) from error
        self.restarts += 1
        if self.restarts > self.budget:
            raise PlayerError(f"{said}; it was restarted {self.budget} times before") from error
        known, shown = self._table, {a: self._table.shown(a, self.watched[a]) for a in self.agents}
        self._relaunch()
        if not self.table.like(known):
            self.close()
            raise PlayerError(f"{said}; the new player has other behaviours: {', '.join(self.table.brains)}")
        self._lost = shown

    def _relaunch(self) -> None:
        """A new player; one that fails before it plays is a fault like any other. Raises PlayerError."""
        while True:
            try:
                return self._launch()
            except PlayerError:
                self.restarts += 1
                if self.restarts > self.budget:
                    raise

    def _interrupted(self) -> Step:
        """Every copy is cut off where it was last seen."""
        self.table.cut[:] = True
        none = {a: np.zeros(self.num_envs, bool) for a in self.agents}
        info = self._info() | {"restarted": np.ones(self.num_envs, bool)}
        return Step(self._lost, {a: np.zeros(self.num_envs) for a in self.agents}, none, self.table.cut.copy(), info)

    def _observe(self) -> Arrays:
        return {a: self.table.shown(a, self.watched[a]) for a in self.agents}

    def _info(self) -> Arrays:
        self.statistics |= statistics(self.stats)
        marks = {"waiting": self.table.waiting.copy(), "restarted": np.zeros(self.num_envs, bool)}
        if self.ours and len(self.goals) > 1:
            self.aim[:] = self.control.goal
            marks["goal"] = self.aim.copy()
        return {"success": self.won.copy()} | marks

    def masks(self) -> Arrays | None:
        if not any(self._of[a].branches and not self._of[a].continuous for a in self.agents):
            return None
        return {a: self.table.allowed(a) for a in self.agents}

    # What a player cannot tell

    def state(self) -> Arrays:
        if not self.ours:
            return {"steps": self.steps.copy()}
        self._wanted = True
        if not self._held:
            try:
                self._send({"reset": [], "send": True})
            except FAULTS as error:
                self._replace(error)
                self._unsaid = True  # the next step says that the copies were cut off
                self._send({"reset": [], "send": True})
            self.table.listen(self._env)
            self._held = True
        return self.control.arrays | {"wire.return": self._return.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> tuple[Arrays, Arrays]:
        if not self.ours:
            return self.reset(np.arange(self.num_envs))
        game = {name: array for name, array in state.items() if not name.startswith("wire.")}
        try:
            self._send({}, game)
        except FAULTS as error:  # a new player goes on where the old one should have
            self._replace(error)
            self._send({}, game)
        self._return[:] = state["wire.return"]
        self.steps[:], self.won = game["steps"], game["won"].astype(bool)
        self.table.resume(self._env, game)
        return self._observe(), self._info()

    def render(self, env: int = 0) -> np.ndarray:
        """The camera of the first agent where it has one; else the grey of an empty picture: a player draws itself."""
        for sensor in self.table.behaviour(self.agents[0]).sensors:
            if sensor.picture and sensor.shape[2] == 3:
                return self.table.shown(self.agents[0], (sensor,))[env]
        return np.full((240, 320, 3), 128, np.uint8)

    def describe(self, env: int, agent: str) -> str:
        seen = self.table.shown(agent, self.watched[agent])[env]
        if seen.ndim > 1:
            return f"{agent} sees a picture of {seen.shape[0]} by {seen.shape[1]} pixels at step {self.steps[env]}."
        return f"{agent} senses {', '.join(f'{v:.2f}' for v in seen)}."

    def news(self) -> tuple[int, dict[str, float]]:
        """What a run's record should know: restarts since the last time, and the newest of each statistic."""
        fresh, self._told = self.restarts - self._told, self.restarts
        return fresh, dict(self.statistics)

    def close(self, grace: int | None = None) -> None:
        """End the player; it has grace seconds to quit by itself."""
        self.closed = True
        if self.client is not None:
            client, self.client = self.client, None
            self._guard.detach()
            client._close(grace)


@forwards(UnityWorld)
def make(num_envs: int = 1, player: str | None = None, **settings: Any) -> UnityWorld:
    """A build of the user's own: player is its path, "editor" for the Unity editor, else LUDUS_UNITY_PLAYER says.

    Raises PlayerError where neither says which.
    """
    player = player or os.environ.get("LUDUS_UNITY_PLAYER")
    if not player:
        raise PlayerError('ludus/Unity-v0 needs a build: player="path/to/build", or LUDUS_UNITY_PLAYER')
    return UnityWorld(num_envs, None if player == "editor" else player, **settings)
