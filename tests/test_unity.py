"""Unity on both sides of the wire: our worlds through Unity's client, and our players under it."""

import functools
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fake_player
import numpy as np
import players
import pytest
from mlagents_envs.side_channel.environment_parameters_channel import EnvironmentParametersChannel
from mlagents_envs.side_channel.side_channel_manager import SideChannelManager

from ludus import envs
from ludus.envs.unity.launch import PlayerError
from ludus.envs.unity.player.wire import Player
from ludus.envs.unity.world import UnityWorld

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
FAKES = Path(__file__).with_name("fake_player.py")
SCORES = {"ludus/Basic-v0": (0.93, 0.93), "ludus/Ball3D-v0": (100.0, 100.0), "ludus/GridWorld-v0": (0.9, 1.0)}


def wired(name, copies=3, **settings: Any) -> Any:
    settings.setdefault("timeout", 20)
    return envs.make(name, copies, wire=True, **settings)


def episode(world, policy=None):
    """(num_envs,) what each copy's first episode earned, and whether it ended in success."""
    world.reset(np.arange(world.num_envs), range(world.num_envs))
    earned, won = np.zeros(world.num_envs), np.zeros(world.num_envs, bool)
    while True:
        result = world.step(policy(world) if policy else world.scripted())
        earned += sum(result.reward.values())
        won |= result.info["success"]
        if result.done.all():
            return earned, won


# The games


@pytest.mark.parametrize("name", SCORES)
def test_the_scripted_policy_earns_what_unity_documents(name):
    earned, won = episode(envs.make(name, 40))
    low, high = SCORES[name]
    assert won.all()
    assert (earned > low - 1e-5).all() and (earned < high + 1e-5).all()


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_smaller_grid_is_a_corner_of_the_large_one(size):
    world: Any = envs.make("ludus/GridWorld-v0", 200, parameters={"gridSize": size})
    _, won = episode(world)
    spots = np.concatenate([world.marks.reshape(-1, 2), world.place])
    assert won.all() and spots.min() == 0 and spots.max() == size - 1
    assert len({tuple(row) for row in spots.tolist()}) == size**2
    for value in (1, 6, 2.5):
        with pytest.raises(ValueError, match="gridSize is a number of cells, 2 to 5"):
            world.set_parameter("gridSize", value)


def test_a_parameter_that_a_scene_cannot_take_is_told_and_the_player_lives_on(capsys):
    channel = EnvironmentParametersChannel()
    for name, value in ("gridSize", 9.0), ("unheard", 1.0), ("gridSize", 0.0):
        channel.set_float_parameter(name, value)
    world: Any = envs.make("ludus/GridWorld-v0")
    sent = SideChannelManager([channel]).generate_side_channel_messages()  # pyright: ignore[reportArgumentType]
    Player(world, 0)._read(bytes(sent))
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("not ")[2] for line in told] == ["9.0; it stays 5", "0.0; it stays 5"]
    assert world.parameters == {"gridSize": 5.0}


def test_always_right_earns_what_unity_documents_in_basic():
    earned, _ = episode(envs.make("ludus/Basic-v0"), lambda world: {"agent": np.full(1, 2)})
    assert round(float(earned[0]), 6) == 0.93


# Players that misbehave


@pytest.fixture
def fake():
    """fault -> a world of such a player, which is a thread of this process."""
    worlds = []

    def build(fault, copies=2, **settings: Any) -> Any:
        port = players.beside(functools.partial(fake_player.main, fault))
        given: dict[str, Any] = {"timeout": 20, "restarts": 0} | settings
        worlds.append(UnityWorld(copies, None, port=port, **given))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


SHELL = {"never-connects": "sleep 600", "dies-at-once": "exit 3"}  # what needs no Python


@pytest.fixture
def launched(tmp_path):
    """fault -> a world of such a player, which is a process; afterwards none may be left."""
    worlds = []

    def build(fault, **settings: Any) -> Any:
        file = tmp_path / fault
        file.write_text(f"#!/bin/sh\n{SHELL.get(fault, f'exec {sys.executable} {FAKES} {fault} $*')}\n")
        file.chmod(0o755)
        given: dict[str, Any] = {"connect": 30, "timeout": 20, "restarts": 1} | settings
        worlds.append(UnityWorld(2, str(file), **given))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()
    assert processes(str(tmp_path)) == processes(str(FAKES)) == []


def processes(words: str) -> list[int]:
    """Children of this process, zombies left out, whose command line holds words; other runs have their own."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if words in line and parent == os.getpid():
            found.append(int(folder.name))
    return found


def alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def act(world):
    return world.step({a: np.ones(world.num_envs, int) for a in world.agents})


@pytest.mark.parametrize(
    ("fault", "words", "within"),
    [
        ("never-connects", "no answer within 1 s", 7),
        ("dies-at-once", "return code 3", 8),
        ("dies-after-hello", "return code 4", 12),
        ("old-version", "it speaks API 0.9.0", 12),
    ],
)
def test_a_player_that_cannot_be_used_is_one_clear_error(launched, fault, words, within):
    begin = time.monotonic()
    with pytest.raises(PlayerError, match=words):
        launched(fault, connect=1 if fault == "never-connects" else 30)
    assert time.monotonic() - begin < within


@pytest.mark.parametrize("fault", ["crashes", "hangs"])
def test_a_fault_in_mid_episode_costs_one_episode_and_is_counted(launched, fault):
    world = launched(fault, timeout=1)
    world.reset(np.arange(2))
    results = [act(world)]
    while not results[-1].truncated.any():
        results.append(act(world))
    cut = results[-1]
    assert cut.truncated.all() and cut.info["restarted"].all() and world.restarts == 1
    assert not any(r.any() for r in cut.reward.values())
    obs, info = world.reset(np.arange(2))
    assert not info["restarted"].any()
    assert [v.ravel().tolist() for v in obs.values()] == [[1.0, 2.0]]
    with pytest.raises(PlayerError, match="restarted 1 times before"):
        for _ in range(10):
            act(world)


def test_what_is_not_a_number_is_a_fault(fake):
    world = fake("nan")
    world.reset(np.arange(2))
    with pytest.raises(PlayerError, match=r"NaN.*restarted 0 times before"):
        for _ in range(10):
            act(world)


def test_a_player_that_changes_its_behaviours_is_refused(fake):
    world = fake("other-behaviour")
    world.reset(np.arange(2))
    with pytest.raises(PlayerError, match=r"changed its behaviours: Late\?team=0"):
        for _ in range(10):
            act(world)


def test_more_agents_than_places_are_refused(fake):
    world = fake("too-many")
    with pytest.raises(PlayerError, match="an agent too many of Fake"):
        act(world)


def test_agents_that_do_not_divide_into_copies_are_refused_with_numbers_that_do(fake):
    with pytest.raises(PlayerError, match="num_envs must be one of 1, 2, not 3"):
        fake("steady", 3)


def seen(values):
    return {a: v.ravel().tolist() for a, v in values.items()}


def test_ends_that_come_alone_are_gathered_until_somebody_asks_again(fake):
    world = fake("ends-alone")
    result = act(world)
    assert seen(result.obs) == {"Fake": [9.0, 8.0]} and seen(result.reward) == {"Fake": [5.0, 5.0]}
    assert result.terminated["Fake"].all() and not result.truncated.any()
    obs, _ = world.reset(np.array([0]))
    assert seen(obs)["Fake"][0] == 3.0


def test_who_ends_and_asks_in_one_batch_shows_its_end_first(fake):
    world = fake("both-at-once")
    result = act(world)
    assert seen(result.obs) == {"Fake": [9.0, 4.0]} and seen(result.reward) == {"Fake": [5.0, 1.0]}
    assert result.terminated["Fake"].tolist() == [True, False]
    obs, _ = world.reset(np.array([0]))
    assert seen(obs) == {"Fake": [3.0, 4.0]}
    assert not act(world).info["waiting"].any()


def test_an_agent_with_a_new_id_takes_the_place_that_is_free(fake):
    world = fake("new-id")
    result = act(world)
    assert result.truncated.tolist() == [True, False] and not result.terminated["Fake"].any()
    world.reset(np.array([0]))
    assert seen(act(world).obs) == {"Fake": [6.0, 5.0]}


def test_who_did_not_ask_waits_and_repeats_what_it_saw(fake):
    world = fake("some-only")
    result = act(world)
    assert result.info["waiting"].tolist() == [True, False]
    assert seen(result.obs) == {"Fake": [1.0, 4.0]} and seen(result.reward) == {"Fake": [0.0, 1.0]}
    assert seen(act(world).obs) == {"Fake": [6.0, 5.0]}


def test_several_agents_of_a_copy_share_it(fake):
    world = fake("both-at-once", copies=1)
    assert world.agents == ("Fake_0", "Fake_1") and world.groups == {"Fake": world.agents}
    result = act(world)
    assert not result.done.any() and seen(result.obs) == {"Fake_0": [9.0], "Fake_1": [4.0]}
    assert seen(act(world).obs) == {"Fake_0": [0.0], "Fake_1": [4.0]}


def test_without_a_build_one_line_says_what_is_needed(monkeypatch):
    monkeypatch.delenv("LUDUS_UNITY_PLAYER", raising=False)
    with pytest.raises(PlayerError, match="needs a build"):
        envs.make("ludus/Unity-v0")
    with pytest.raises(PlayerError, match="no Unity player at 'nowhere'"):
        envs.make("ludus/Unity-v0", player="nowhere")


# Players that are killed


def killed(world):
    """Kill the player of a world, as an accident would."""
    world.client._process.send_signal(signal.SIGKILL)


def test_every_kill_of_a_player_in_training_is_one_restart_and_nothing_is_left():
    world = wired("ludus/Ball3D-v0", 4, restarts=2)
    world.reset(np.arange(4), range(4))
    mine, lost = world.client._process.pid, 0
    try:
        for t in range(15):
            if t == 7:
                killed(world)
            result = world.step({"agent": np.zeros((4, 2), np.float32)})
            lost += int(result.info["restarted"].any())
            if result.done.any():
                world.reset(np.flatnonzero(result.done))
    finally:
        world.close()
    assert lost == world.restarts == 1
    assert not alive(mine) and processes("ludus-player") == []


def test_two_worlds_at_once_find_ports_and_an_interrupt_leaves_one_that_closes(monkeypatch):
    worlds = [wired("ludus/Basic-v0", 1) for _ in range(2)]
    for world in worlds:
        world.reset(np.arange(1))
    mine = [world.client._process.pid for world in worlds]
    assert len(set(mine)) == 2

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(worlds[0].client._communicator), "poll_for_timeout", interrupted)
        worlds[0].step({"agent": np.zeros(1, int)})
    worlds.pop(0).close()
    assert not alive(mine[0]) and alive(mine[1])
    del world
    worlds.clear()  # the other one is merely forgotten
    gc.collect()
    assert not alive(mine[1])


def test_a_program_that_forgets_its_world_ends_and_leaves_no_player():
    program = (
        "import numpy as np; from ludus import envs; world = envs.make('ludus/Basic-v0', wire=True);"
        "world.reset(np.arange(1)); print(world.client._process.pid, flush=True); forgotten"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "NameError: name 'forgotten'" in ran.stderr and ran.returncode == 1
    assert not alive(int(ran.stdout))


def test_a_wired_game_that_is_only_asked_what_it_is_starts_no_player():
    world = wired("ludus/Basic-v0")
    assert world.client is None and world.action_spaces and world.goal.text
    world.close()
    with pytest.raises(PlayerError, match="is closed"):
        world.reset(np.arange(3))


def test_a_port_in_use_is_named():
    with socket.socket() as holder:
        holder.bind(("localhost", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PlayerError, match=f"port {port} is in use"):
            wired("ludus/Basic-v0", 1, port=port).reset(np.arange(1))


@pytest.mark.parametrize("wrong", [{"gravity": float("nan")}, {"scale": -1.0}, {"mass": 0}])
def test_a_parameter_that_no_physics_can_have_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a "):
        envs.make("ludus/Ball3D-v0", 1, parameters=wrong)
