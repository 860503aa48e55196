"""Unity on both sides of the wire: our worlds through Unity's client, and our players under it."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lives import assert_same, live

from ludus import envs
from ludus.envs.unity.launch import PlayerError
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


def test_always_right_earns_what_unity_documents_in_basic():
    earned, _ = episode(envs.make("ludus/Basic-v0"), lambda world: {"agent": np.full((1, 1), 2)})
    assert round(float(earned[0]), 6) == 0.93


# The wire


@pytest.mark.parametrize(
    ("name", "settings"),
    [("Basic", {}), ("Ball3D", {}), ("GridWorld", {}), ("GridWorld", {"obs": "camera"}), ("BasicGoal", {})],
)
def test_through_the_wire_a_game_lives_the_same_life(name, settings):
    limit: dict[str, Any] = {"max_episode_steps": 14}
    near = envs.make(f"ludus/{name}-v0", 3, **settings, **limit)
    far = wired(f"ludus/{name}-v0", **settings, **limit)
    try:
        assert far.capabilities == near.capabilities
        assert (far.agents, far.groups, far.observation_spaces) == (near.agents, near.groups, near.observation_spaces)
        one, other = (live(world, [4, 5, 6], 40) for world in (near, far))
        extra = {key for key in other[0] if key.endswith((".waiting", ".restarted"))}
        extra |= {key for key in other[1] if key.endswith((".waiting", ".restarted"))}
        assert_same([{k: v for k, v in moment.items() if k not in extra} for moment in other], one)
        assert sum(moment["last.done"].sum() for moment in one[1:]) > 3
    finally:
        far.close()


# Players that misbehave


@pytest.fixture
def fake(tmp_path):
    """fault -> a world of such a player; afterwards none of its processes may be left."""
    worlds = []

    def build(fault, copies=2, **settings: Any) -> Any:
        file = tmp_path / fault
        file.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKES} {fault} "$@"\n')
        file.chmod(0o755)
        given: dict[str, Any] = {"connect": 30, "timeout": 20, "restarts": 1} | settings
        worlds.append(UnityWorld(copies, str(file), **given))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()
    assert processes(str(FAKES)) == []


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


def act(world):
    return world.step({a: np.ones((world.num_envs, 1), int) for a in world.agents})


@pytest.mark.parametrize(
    ("fault", "words", "within"),
    [
        ("never-connects", "no answer within 3 s", 9),
        ("dies-at-once", "return code 3", 8),
        ("dies-after-hello", "return code 4", 12),
        ("old-version", "it speaks API 0.9.0", 12),
    ],
)
def test_a_player_that_cannot_be_used_is_one_clear_error(fake, fault, words, within):
    begin = time.monotonic()
    with pytest.raises(PlayerError, match=words):
        fake(fault, connect=3 if fault == "never-connects" else 30)
    assert time.monotonic() - begin < within


@pytest.mark.parametrize("fault", ["crashes", "hangs", "nan"])
def test_a_fault_in_mid_episode_costs_one_episode_and_is_counted(fake, fault):
    world = fake(fault, timeout=2)
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


def test_a_player_that_changes_its_behaviours_is_refused(fake):
    world = fake("other-behaviour")
    world.reset(np.arange(2))
    with pytest.raises(PlayerError, match=r"changed its behaviours: Late\?team=0"):
        for _ in range(10):
            act(world)


def test_more_agents_than_places_are_refused(fake):
    world = fake("too-many", restarts=0)
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
    world = wired("ludus/Ball3D-v0", 4, restarts=3)
    mine = world.client._process.pid
    rng = np.random.default_rng(0)
    world.reset(np.arange(4), range(4))
    moments, lost = sorted(rng.choice(np.arange(5, 40), 2, replace=False)), 0
    try:
        for t in range(45):
            if t in moments:
                killed(world)
            result = world.step({"agent": np.zeros((4, 2), np.float32)})
            lost += int(result.info["restarted"].any())
            if result.done.any():
                world.reset(np.flatnonzero(result.done))
    finally:
        world.close()
    assert lost == world.restarts == 2
    assert not Path(f"/proc/{mine}").exists()
    assert processes("ludus-player") == []


def test_a_keyboard_interrupt_leaves_a_world_that_closes(monkeypatch):
    world = wired("ludus/Basic-v0", 1)
    player = world.client._process.pid

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(world.client._communicator), "poll_for_timeout", interrupted)
        world.step({"agent": np.zeros((1, 1), int)})
    world.close()
    assert not Path(f"/proc/{player}").exists()


def test_a_port_in_use_is_named_and_a_free_one_is_found():
    import socket

    with socket.socket() as holder:
        holder.bind(("localhost", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PlayerError, match=f"port {port} is in use"):
            wired("ludus/Basic-v0", 1, port=port)
    worlds = [wired("ludus/Basic-v0", 1) for _ in range(2)]
    for world in worlds:
        world.reset(np.arange(1))
    for world in worlds:
        world.close()
    assert processes("ludus-player") == []
