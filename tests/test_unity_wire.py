"""Every bundled game through Unity's client lives the same life as in this process."""

import os
from typing import Any

import numpy as np
import players
import pytest
from lives import IDS, assert_same, flat, live

from ludus import envs
from ludus.curricula import speed
from ludus.envs.views import autoreset

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
GAMES = [id for id in IDS if "unity" in envs.spec(id).tags]
SMALL = {"obs": "camera", "parameters": {"gridSize": 3}}
PICTURES = [
    ("ludus/GridWorld-v0", {"obs": "camera"}),
    ("ludus/GridWorld-v0", SMALL),
    ("ludus/CooperativePushBlock-v0", {"obs": "grid"}),
]
LAUNCHED = ("ludus/Basic-v0", "ludus/Ball3D-v0")  # as processes; the others' messages are made in a thread
COPIES, LIMIT, STEPS = 2, 8, 18
DUNGEON = "ludus/DungeonEscape-v0"


@pytest.fixture
def near_and_far(monkeypatch):
    """id, settings -> the game in this process, and through the wire."""
    worlds = []

    def build(name, copies=COPIES, **settings: Any) -> Any:
        if name not in LAUNCHED:
            monkeypatch.setattr("ludus.envs.unity.world.start", players.start)
        worlds.append(envs.make(name, copies, **settings))
        worlds.append(envs.make(name, copies, wire=True, timeout=60, **settings))
        return worlds

    yield build
    for world in worlds:
        world.close()


def plain(life):
    """Moments without what only a wire can have."""
    return [{k: v for k, v in moment.items() if not k.endswith((".waiting", ".restarted"))} for moment in life]


@pytest.mark.parametrize(("name", "settings"), [(name, {}) for name in GAMES] + PICTURES)
def test_through_the_wire_a_game_lives_the_same_life(near_and_far, name, settings):
    near, far = near_and_far(name, max_episode_steps=LIMIT, **settings)
    assert far.capabilities == near.capabilities
    assert (far.agents, far.groups, far.observation_spaces) == (near.agents, near.groups, near.observation_spaces)
    one, other = (live(world, [4, 5], STEPS) for world in (near, far))
    assert_same(plain(other), one)
    assert sum(moment["last.done"].sum() for moment in one[1:]) >= 2 * COPIES
    assert set(far.client.behavior_specs) == {b.brain for b in near.behaviour_of.values()}


def test_a_player_that_is_closed_says_nothing(capfd):
    """gRPC tells of every connection that ends, unless it is told to speak of errors only."""
    world = envs.make("ludus/Basic-v0", COPIES, wire=True, timeout=60)
    world.reset(np.arange(COPIES), range(COPIES))
    assert os.environ["GRPC_VERBOSITY"] == "ERROR"
    world.close()
    assert "goaway" not in capfd.readouterr().err


def test_ludus_speed_sets_the_wire_against_this_process(monkeypatch):
    monkeypatch.setattr("ludus.envs.unity.world.start", players.start)
    monkeypatch.setattr(speed, "EXCHANGES", 10)
    rows = speed.wire("ludus/Basic-v0", 64, 0.01, 1)
    assert [row.name for row in rows] == ["wire, 12", "in process, 12", "in process, 64"]
    assert rows[0].ratio == 1 and min(rows[1].ratio, rows[2].ratio) > 1


def test_who_leaves_early_who_is_paid_and_who_begins_again_are_the_same(near_and_far):
    """The script plays in this process and both are moved by it: deaths, group rewards, areas that end apart."""
    near, far = near_and_far(DUNGEON, 3)
    assert_same([far.reset(np.arange(3), [1, 2, 3])[0]], [near.reset(np.arange(3), [1, 2, 3])[0]])
    left, ends = 0, 0
    for _ in range(160):
        actions = near.scripted()
        moments = []
        for world in (near, far):
            result, obs, info = autoreset.step(world, actions)
            moments += plain([flat({
                "final": result.obs, "reward": result.reward, "terminated": result.terminated,
                "obs": obs, "info": info, "last": {"truncated": result.truncated, "done": result.done},
            })])  # fmt: skip
        assert_same(moments[1:], moments[:1])
        some = np.sum([flags.astype(int) for flags in result.terminated.values()], axis=0)
        left += int(((some > 0) & (some < 3)).any())
        ends += int(result.done.any() and not result.done.all())
    assert left > 5 and ends > 1


def test_who_asks_for_the_state_changes_no_life_and_pays_for_it_once(near_and_far, monkeypatch):
    """Between any two steps, also where an area has ended and how it begins anew was shown, or it goes on unheard."""
    near, far = near_and_far("ludus/GridWorld-v0", 6, max_episode_steps=7)
    sent = []
    far.reset(np.arange(6))  # its player starts
    monkeypatch.setattr(far.client, "reset", lambda reset=far.client.reset: (sent.append(1), reset()))
    for anew in (True, False):
        rng = np.random.default_rng(0)
        assert_same([far.reset(np.arange(6), range(6))[0]], [near.reset(np.arange(6), range(6))[0]])
        ends, exchanges = 0, len(sent)
        for _ in range(12):
            actions = {"agent": rng.integers(0, 5, 6)}
            steps = [world.step(actions) for world in (near, far)]
            assert_same(
                [flat({"obs": steps[1].obs, "reward": steps[1].reward})],
                [flat({"obs": steps[0].obs, "reward": steps[0].reward})],
            )
            assert np.array_equal(far.unwrapped.place, near.place)
            ended = np.flatnonzero(steps[0].done)
            if len(ended) and anew:
                assert_same([far.reset(ended)[0]], [near.reset(ended)[0]])
                assert np.array_equal(far.unwrapped.place, near.place)
            ends += len(ended) > 0
        assert ends and len(sent) - exchanges <= 2 + ends * anew, "the reset, the first, and after each restart"


def test_a_restart_without_a_seed_costs_no_exchange_and_changes_no_life(near_and_far, monkeypatch):
    """Told with the end, it may be taken, saved before it is told, put off, or made nothing of by a seed."""
    near, far = near_and_far("ludus/BasicGoal-v0", max_episode_steps=3)
    rng, everyone = np.random.default_rng(0), np.arange(COPIES)
    sent = []

    def alike(moments):
        (seen, info), (told, other) = moments
        assert all(np.array_equal(seen[a], told[a]) for a in near.agents)
        assert all(np.array_equal(info[k], other[k]) for k in info)

    def stepped(count):
        for _ in range(count):
            actions = {a: rng.integers(0, 3, COPIES) for a in near.agents}
            now = [world.step(actions) for world in (near, far)]
            alike([(step.obs, step.info) for step in now])
        return now[0].done.all()

    alike([world.reset(everyone, [4, 5]) for world in (near, far)])
    monkeypatch.setattr(far.client, "reset", lambda reset=far.client.reset: (sent.append(1), reset()))
    for late in (0, 1, 0):
        assert stepped(3 + late) or late
        exchanges = len(sent)
        alike([world.reset(everyone) for world in (near, far)])
        assert len(sent) == exchanges + bool(late)  # what was shown ahead is shown once
    saved = [world.state() for world in (near, far)]
    stepped(2)
    alike([world.restore(state) for world, state in zip((near, far), saved, strict=True)])
    assert stepped(3)
    alike([world.reset(everyone, [9, 10]) for world in (near, far)])
    stepped(3)
    alike([world.reset(everyone[:1]) for world in (near, far)])
    stepped(2)


def test_a_player_that_dies_at_a_reset_loses_no_seed_and_says_of_the_others_that_they_were_cut_off(
    near_and_far, monkeypatch
):
    near, far = near_and_far("ludus/GridWorld-v0", seeds := 2)
    for world in (near, far):
        world.reset(np.arange(seeds), [1, 2])
    send, faults = far._send, [EOFError("the player is gone")]

    def once(*args: Any) -> None:
        if faults:
            raise faults.pop()
        send(*args)

    monkeypatch.setattr(far, "_send", once)
    after = [world.reset(np.array([0]), [2**63 + 7])[0]["agent"][0] for world in (near, far)]
    np.testing.assert_array_equal(*after)
    idle = {agent: np.zeros(2, np.int64) for agent in far.agents}
    cut = far.step(idle)
    assert cut.truncated.all() and cut.info["restarted"].all() and not far.step(idle).info["restarted"].any()
