"""The bundled player's end of Unity's wire: a Game told and moved through the communicator's messages (API 1.5.0)."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
from PIL import Image

from .. import channels, protocol  # noqa: F401  protocol first: it makes Unity's messages importable
from ..spec import Behaviour
from .game import Game

# isort: split
from mlagents_envs.communicator_objects import agent_info_pb2, observation_pb2, unity_message_pb2

VERSION, PACKAGE = "1.5.0", "2.0.1"
METHOD = "/communicator_objects.UnityToExternalProto/Exchange"
OK, RESET, QUIT = 200, 1, 2
RETRY = 100  # milliseconds until a player that came before Python tries again
CAPABILITIES = (
    "baseRLCapabilities", "concatenatedPngObservations", "compressedChannelMapping", "hybridActions",
    "trainingAnalytics", "variableLengthObservation", "multiAgentGroups",
)  # fmt: skip
NEITHER, TRANSLATION, VARIABLE = 1, 2, 4  # DimensionProperty
PROPERTIES = {1: [NEITHER], 2: [VARIABLE, NEITHER], 3: [TRANSLATION, TRANSLATION, NEITHER]}

Message: Any = unity_message_pb2.UnityMessageProto  # type: ignore[attr-defined]
AgentInfo: Any = agent_info_pb2.AgentInfoProto  # type: ignore[attr-defined]
Observation: Any = observation_pb2.ObservationProto  # type: ignore[attr-defined]


class Communicator:
    """The player is the client: every answer of Python's comes in reply to what the player reports."""

    def __init__(self, port: int, timeout: float):
        self.timeout = timeout
        options = [(f"grpc.max_{way}_message_length", -1) for way in ("send", "receive")]
        options += [("grpc.http2.bdp_probe", 0), ("grpc.enable_retries", 0)]  # a tenth of an exchange, for nothing here
        options += [("grpc.initial_reconnect_backoff_ms", RETRY), ("grpc.max_reconnect_backoff_ms", 10 * RETRY)]
        self.channel = grpc.insecure_channel(f"localhost:{port}", options=options)
        self._exchange = self.channel.unary_unary(
            METHOD, request_serializer=Message.SerializeToString, response_deserializer=Message.FromString
        )

    def exchange(self, message, timeout: float | None = None):
        """Python's answer; None when it is time to quit. Raises grpc.RpcError where Python is gone."""
        message.header.status = OK
        answer = self._exchange(message, timeout=timeout)
        told_to_quit = answer.unity_input.rl_input.command == QUIT and answer.unity_input.HasField("rl_input")
        return None if answer.header.status != OK or told_to_quit else answer.unity_input

    def shake_hands(self, name: str):
        """Tell who plays, and hear seed and number of areas: UnityRLInitializationInputProto."""
        hello = Message()
        mine = hello.unity_output.rl_initialization_output
        mine.name, mine.communication_version, mine.package_version = name, VERSION, PACKAGE
        for capability in CAPABILITIES:
            setattr(mine.capabilities, capability, True)
        grpc.channel_ready_future(self.channel).result(timeout=self.timeout)
        heard = self.exchange(hello, self.timeout)
        if heard is None:
            raise ConnectionError("Python ended the connection at once")
        theirs = heard.rl_initialization_input
        if theirs.communication_version.split(".")[0] != VERSION.split(".")[0]:
            raise ConnectionError(f"Python speaks API {theirs.communication_version}, this player {VERSION}")
        return theirs


class Player:
    """Plays a game as a Unity build does: areas restart by themselves, unless our channel took that over."""

    def __init__(self, game: Game, seed: int):
        self.game, self.seed = game, seed
        self.control = False
        self.draw = np.random.default_rng(abs(seed))
        self.ids = np.arange(1, game.num_envs * len(game.agents) + 1).reshape(game.num_envs, -1)
        self.told: set[str] = set()  # the behaviours that Python knows
        self.asked: dict[str, np.ndarray] = {}  # brain -> (m, 2) who waits for an action: area, agent
        self.started = False
        self.outbox: list[bytes] = []
        self.want_state = False
        self.announced = False

    def answer(self, heard) -> Any:
        """The next report, after what Python said."""
        words, arrays = self._read(heard.side_channel)
        if heard.command == RESET or not self.started:
            self._reset(words, arrays)
            return self._report()
        if words.get("reset"):
            self.game.reset(np.array(words["reset"]))
        before = self.game.gone.copy()
        resting = self.game.over
        result = self.game.step(self._actions(heard.agent_actions))
        ended = ~before & ~resting[:, None] & (self.game.gone | self.game.cut[:, None])
        terminal = self._infos(np.argwhere(ended), done=True)
        for won in self.game.won[result.done & ~resting]:
            self.outbox.append(channels.statistic("Environment/Success", float(won)))
        if result.done.any() and not self.control:
            self._restart(np.flatnonzero(result.done))
        return self._report(terminal, np.flatnonzero(result.done & ~resting))

    def _read(self, data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        words: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for channel, payload in channels.messages(data):
            if channel == channels.PARAMETERS:
                name, value = channels.parameter(payload, self.draw)
                if name in self.game.defaults:  # a scene reads the parameters it knows and leaves the others
                    try:
                        self.game.set_parameter(name, value)
                    except ValueError as error:  # a player that died of it would tell Python nothing
                        print(f"player: {error}; it stays {self.game.parameters[name]:g}", file=sys.stderr, flush=True)
            elif channel == channels.CONTROL:
                said, sent = channels.unpack(payload)
                words |= said
                arrays |= sent
        self.control |= words.get("control", False)
        self.want_state = words.get("send", False)
        self.game.max_episode_steps = words.get("limit", self.game.max_episode_steps)
        return words, arrays

    def _reset(self, words: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> None:
        everyone = list(range(self.game.num_envs))
        areas, seeds = words.get("reset", everyone), words.get("seeds")
        if arrays:
            self.game.restore(arrays)
        elif not self.started:
            self.game.reset(np.array(everyone), seeds or [self.seed + i for i in everyone])
        elif areas:
            self.game.reset(np.array(areas), seeds)
        self.started = True

    def _restart(self, areas: np.ndarray) -> None:
        """Begin anew where all is over; who had left before the others comes back as a new agent."""
        left = ~self.game.shown[areas]
        fresh = self.ids[areas]
        fresh[left] = self.ids.max() + 1 + np.arange(left.sum())
        self.ids[areas] = fresh
        self.game.reset(areas)

    def _actions(self, given) -> dict[str, np.ndarray]:
        """agent -> (areas, …): what was said to those who asked, and idleness for the others."""
        game, chosen = self.game, {}
        for agent in game.agents:
            space = game.action_spaces[agent]
            chosen[agent] = np.zeros((game.num_envs, *(space.shape or ())), space.dtype)
        for brain, who in self.asked.items():
            if brain in given:
                values = given[brain].value[: len(who)]
                for k in np.unique(who[: len(values), 1]):
                    lines = np.flatnonzero(who[: len(values), 1] == k)
                    agent = game.agents[k]
                    taken = _taken(game.behaviour_of[agent], [values[i] for i in lines])
                    chosen[agent][who[lines, 0]] = taken.reshape(-1, *chosen[agent].shape[1:])
        return chosen

    def _report(self, terminal: dict[str, list] | None = None, ended: Sequence[int] | np.ndarray = ()) -> Any:
        """Who ended and who asks; with our channel, how areas that ended begin anew, too."""
        message = Message()
        output = message.unity_output
        asking, next_words = np.argwhere(~self.game.gone & ~self.game.over[:, None]), {}
        told = [terminal or {}, self._infos(asking, done=False)]
        if self.control and len(ended):
            first, infos, next_words = self._ahead(np.asarray(ended))
            asking = np.concatenate([asking, first])
            told.append(infos)
        for infos in told:
            for brain, values in infos.items():
                output.rl_output.agentInfos[brain].value.extend(values)
        brains = np.array([self.game.behaviour_of[a].brain for a in self.game.agents])
        self.asked = {brain: asking[brains[asking[:, 1]] == brain] for brain in np.unique(brains)}
        for behaviour in self.game.behaviour_of.values():
            if behaviour.brain in output.rl_output.agentInfos and behaviour.brain not in self.told:
                self.told.add(behaviour.brain)
                _describe(output.rl_initialization_output.brain_parameters.add(), behaviour)
        if self.control:
            self.outbox.append(channels.message(channels.CONTROL, self._account(next_words)))
        output.rl_output.side_channel = b"".join(self.outbox)
        self.outbox = []
        return message

    def _ahead(self, areas: np.ndarray) -> tuple[np.ndarray, dict[str, list], dict[str, Any]]:
        """Who asks first in the next episodes of areas, what they report, and what our channel says of it.

        The game is left as it is: whether they are played, and from which seed, is Python's to say.
        """
        game, kept = self.game, self.game.state()
        game.reset(areas)
        anew = np.isin(np.arange(game.num_envs), areas)
        first = np.argwhere(~game.gone & anew[:, None])
        infos = self._infos(first, done=False)
        words = {"areas": areas.tolist(), "success": game.won[areas].tolist(), "goal": game.aim[areas].tolist()}
        game.restore(kept)
        return first, infos, words

    def _account(self, ahead: dict[str, Any]) -> bytes:
        """What our channel says at every step, and the state where it is wanted."""
        game = self.game
        ids = {int(self.ids[area, k]): [area, a] for area in range(game.num_envs) for k, a in enumerate(game.agents)}
        words = {"areas": game.num_envs, "success": game.won.tolist(), "goal": game.aim.tolist()}
        if ahead:
            words["ahead"] = ahead
        if not self.announced:
            words["agents"], self.announced = ids, True
        return channels.pack(words, game.state() if self.want_state else None)

    def _infos(self, who: np.ndarray, done: bool) -> dict[str, list]:
        """brain -> what agents (area, agent) report."""
        game = self.game
        masks = None if done else game.masks()
        infos: dict[str, list] = {}
        for area, k in who.tolist():
            agent = game.agents[k]
            behaviour = game.behaviour_of[agent]
            cut = bool(done and game.cut[area] and not game.gone[area, k])
            info = AgentInfo(id=int(self.ids[area, k]), done=done, max_step_reached=cut)
            if game.earned:
                fresh = not done and game.steps[area] == 0
                info.reward = 0.0 if fresh else float(game.earned[agent][area])
                info.group_reward = 0.0 if fresh else float(game.shared[agent][area])
            if behaviour.grouped:
                group = next(i for i, members in enumerate(game.groups.values()) if agent in members)
                info.group_id = 1 + area * len(game.groups) + group
            if masks is not None and behaviour.branches:
                info.action_mask.extend((~masks[agent][area]).tolist())
            info.observations.extend(_observations(behaviour, {n: p[area] for n, p in game.sensed[agent].items()}))
            infos.setdefault(behaviour.brain, []).append(info)
        return infos


def _taken(behaviour: Behaviour, given: Sequence[Any]) -> np.ndarray:
    """(m, width): AgentActionProtos as rows of the behaviour's action space."""
    discrete = np.array([g.discrete_actions for g in given], np.int64).reshape(len(given), -1)
    if not behaviour.continuous:
        return discrete
    middles = (2 * discrete + 1) / np.array(behaviour.branches, np.float32) - 1 if behaviour.branches else discrete
    return np.concatenate([np.array([g.continuous_actions for g in given], np.float32), middles], axis=1)


def _observations(behaviour: Behaviour, sensed: Mapping[str, np.ndarray]) -> Iterable[Any]:
    for sensor in behaviour.sensors:
        value = sensed[sensor.name]
        seen = Observation(
            shape=sensor.shape,
            name=sensor.name,
            observation_type=int(sensor.goal),
            dimension_properties=PROPERTIES[len(sensor.shape)],
        )
        if sensor.picture:
            seen.compression_type = 1
            seen.compressed_data = _png(value)
        else:
            seen.float_data.data.extend(value.ravel().tolist())
        yield seen


def _png(picture: np.ndarray) -> bytes:
    """One PNG for every three channels, the last filled up with zeros, as Unity's grid sensors send theirs."""
    file = io.BytesIO()
    empty = np.zeros((*picture.shape[:2], -picture.shape[2] % 3), np.uint8)
    whole = np.concatenate([picture, empty], axis=2)
    for at in range(0, whole.shape[2], 3):
        Image.fromarray(whole[:, :, at : at + 3]).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _describe(parameters, behaviour: Behaviour) -> None:
    """Fill in BrainParametersProto."""
    parameters.brain_name, parameters.is_training = behaviour.brain, True
    spec = parameters.action_spec
    spec.num_continuous_actions, spec.num_discrete_actions = behaviour.continuous, len(behaviour.branches)
    spec.discrete_branch_sizes.extend(behaviour.branches)
