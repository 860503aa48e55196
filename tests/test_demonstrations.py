"""Episodes that begin where one of the script's was: from there on, by the copy's own chance, and only in learning."""

import json

import numpy as np
import pytest
from acting import scripted, start
from lives import assert_same, live, make, row

from ludus import envs
from ludus.curricula import runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.fit import check_fit
from ludus.envs.mujoco import world as robots

every_robot = pytest.mark.parametrize("name", envs.ids("mujoco"))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Three episodes are watched, not hundreds."""
    monkeypatch.setattr(robots, "EPISODES", 3)


def won(world):
    """In which copies the script has success within its episode."""
    found = np.zeros(world.num_envs, bool)
    for step in range(world.max_episode_steps):
        found |= world.step(scripted(world, step)).info["success"]
    return found


@every_robot
def test_an_episode_begins_on_the_script_s_way_and_the_script_goes_on_from_there(name):
    world = start(name, 8, demo_starts=1)
    fresh = start(name, 8)
    begun = world.unwrapped.sims.state[:, 1:]  # behind the time
    known = np.concatenate(world.unwrapped._demonstrations.moments["sims"])[:, 1:]
    assert not np.array_equal(begun, fresh.unwrapped.sims.state[:, 1:]) and (world.steps == 0).all()
    assert all(any(np.allclose(row, other, atol=1e-6) for other in known) for row in begun)
    assert won(world).all()


def test_a_success_takes_a_copy_back_towards_the_start_and_a_failure_on():
    world = start("Push-v0", 6, demo_starts=1)
    last = int(world.rung[0])
    for _ in range(4):
        before, climbs = world.rung.copy(), world.climbs.copy()
        assert won(world).all()
        world.reset(np.arange(6))
        assert (world.rung == before - climbs).all(), "one that began elsewhere tells nothing"
    assert world.rung.max() < last
    for _ in range(last + 1):
        before = world.rung.copy()
        world.won[:], world.climbs[:] = False, True
        world.reset(np.arange(6))
        assert (world.rung == np.minimum(before + 1, last)).all()
    for _ in range(last + 3):
        world.won[:] = world.climbs[:] = True
        world.reset(np.arange(6))
    assert (world.rung == 0).all(), "and no further than the start"
    world.reset(np.arange(6), range(6))
    assert (world.rung == last).all(), "a seed begins a new life"


def test_rungs_stay_where_the_share_succeeds_that_is_asked_for():
    world = start("Push-v0", 6, demo_starts=1, demo_rate=0.2)
    world.rung[:] = 8
    for success in (True, False, False, False, False):
        world.won[:], world.climbs[:] = success, True
        world.reset(np.arange(6))
    assert (world.rung == 8).all(), "one of five"


def test_a_share_of_the_episodes_does_and_the_others_are_as_they_were():
    half, usual = start("Push-v0", 400, demo_starts=0.5), start("Push-v0", 400)
    same = (half.sims.state == usual.sims.state).all(axis=1)
    assert 160 < same.sum() < 240
    none = start("Push-v0", 400, demo_starts=0.0)
    assert (none.state()["streams"] == usual.state()["streams"]).all() and (none.sims.state == usual.sims.state).all()


@pytest.mark.parametrize("name", ["ludus/Convoy-v0", "ludus/LiftColour-v0"])
def test_a_copy_lives_as_a_world_of_its_own_and_goes_on_from_its_state(name):
    batch = live(make(name, 3, demo_starts=0.7), [5, 6, 7], 30)
    for copy in range(3):
        assert_same(row(batch, copy), row(live(make(name, 1, demo_starts=0.7), [5 + copy], 30), 0))
    world, other = (start(name, 3, seed, demo_starts=0.7) for seed in (0, 50))
    other.restore(world.state())
    seen = other.step(scripted(other, 0)).obs
    assert all(np.array_equal(seen[agent], rows) for agent, rows in world.step(scripted(world, 0)).obs.items())


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_what_is_no_share_is_named(share):
    with pytest.raises(ValueError, match="demo_starts"):
        envs.make("Push-v0", demo_starts=share)
    with pytest.raises(ValueError, match="demo_rate is a share between 0 and 1"):
        envs.make("Push-v0", demo_rate=max(share, 0.0) or 1.0)


def life(**said):
    """A curriculum of one stage, with what is said of it."""
    stage = {"task": "ludus/Reach-v0", "steps": 640} | said
    algorithms = {"ppo": {"rows": 16, "settings": {"n_steps": 8, "batch_size": 64, "n_epochs": 1}}}
    tries = {"per_stage": 1, "episodes": 2, "last_episodes": 2}
    made = {"name": "tiny", "observation": 23, "action": 4, "evaluation": tries, "algorithms": algorithms}
    return Curriculum.model_validate_json(json.dumps(made | {"stages": [stage]}))


def test_what_is_for_learning_alone_is_not_tried_nor_spoken_of_where_nothing_is_said(tmp_path, monkeypatch):
    assert "training" not in life().model_dump_json()
    asked = []
    make = envs.registry.make
    monkeypatch.setattr(
        envs.registry, "make", lambda id, n=1, **how: asked.append((n, how.get("demo_starts"))) or make(id, n, **how)
    )
    runner.run(life(training={"demo_starts": 0.5}), out=tmp_path / "run")
    assert (16, 0.5) in asked and (2, None) in asked and (2, 0.5) not in asked


def test_a_wrong_setting_for_learning_is_named():
    with pytest.raises(ValueError, match="demo_starts"):
        check_fit(life(training={"demo_start": 0.5}))
