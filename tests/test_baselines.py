"""A task is a curriculum of its own, groups that differ share one body, and a shipped policy says how it is used."""

import json
from typing import Any

import numpy as np
import pytest
import toys
from safetensors.numpy import save_file

from ludus.agents.interface import Interface, widths
from ludus.curricula import actors, baselines, curriculum, policies, runner
from ludus.curricula.fit import check_fit
from ludus.curricula.plan import plan
from ludus.curricula.record import RunError, read_run
from ludus.envs import registry
from ludus.envs.views.partners import Partners


def test_a_task_can_be_run_by_its_name():
    made = curriculum.load("Lift-v0")
    assert [s.task for s in made.stages] == ["ludus/Lift-v0"] and made == curriculum.load("ludus/Lift-v0")
    assert made.name == "Lift-v0" and made.stages[0].steps == baselines.table()[1]["ludus/Lift-v0"].steps
    planned = plan(made)
    assert planned.settings["n_steps"] == 25 and planned.settings["rows"] == 128


def test_every_line_of_the_table_is_a_task_that_fits():
    for task in baselines.table()[1]:
        made = baselines.of(task)
        check_fit(made)
        assert plan(made).settings["rows"] >= 1


def test_an_algorithm_may_take_a_share_of_the_budget_and_what_has_no_partners_is_hashed_as_before():
    made = curriculum.load("first-steps")
    steps = {a: [s.steps for s in plan(made, a).curriculum.stages] for a in ("ppo", "sac")}
    share = made.algorithms["sac"].budget
    assert steps["sac"] == [round(s * share) for s in steps["ppo"]] and share < 1
    assert "partners" not in json.dumps(plan(made).shape)
    stage = made.stages[0].model_copy(update={"partners": {"x": "idle"}})
    assert json.loads(stage.model_dump_json())["partners"] == {"x": "idle"}


def test_groups_that_differ_share_one_body_and_are_told_apart():
    world = toys.make(2, "Rivals")
    assert len(world.groups) == 2
    observation, action = widths(world)
    body = Interface(observation, action, 4).world(world, 2)  # type: ignore[arg-type]
    assert list(body.groups) == ["agents"] and body.groups["agents"] == world.agents
    obs, _ = body.reset(np.arange(2), [0, 1])
    marks = {a: o[:, observation - 2 : observation] for a, o in obs.items()}
    for number, members in enumerate(world.groups.values()):
        for agent in members:
            assert (marks[agent] == np.eye(2, dtype=np.float32)[number]).all()
    assert {o.shape[1] for o in obs.values()} == {observation + 4}


def test_a_scripted_partner_does_what_the_script_says():
    whole: Any = toys.make(3, "Rivals")
    part: Any = Partners(toys.make(3, "Rivals"), {"guards": "scripted"})
    for world in (whole, part):
        world.reset(np.arange(3), [1, 2, 3])
    for _ in range(4):
        own = {a: np.zeros((3, *s.shape)) for a, s in part.action_spaces.items()}
        script = whole.scripted()
        seen, shown = whole.step(own | {a: script[a] for a in whole.groups["guards"]}), part.step(own)
        assert all(np.array_equal(seen.obs[a], shown.obs[a]) for a in part.agents)
        assert np.array_equal(whole.place, part.unwrapped.place)
    assert list(part.groups) == ["walkers"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lift")
    made = curriculum.load("Lift-v0")
    short = made.model_copy(update={"stages": (made.stages[0].model_copy(update={"steps": 3200}),)})
    run = runner.run(short, tier="smoke", out=folder / "run", threads=1)
    policies.ship(read_run(run), folder / "Lift-v0.safetensors")
    return folder


def test_a_shipped_policy_acts_as_the_run_that_made_it(shipped, monkeypatch):
    monkeypatch.setattr(policies, "where", lambda task: shipped / "Lift-v0.safetensors")
    found = policies.load("Lift-v0")
    assert found is not None
    world, act, about = found
    assert about["algorithm"] == "ppo" and list(about["success"]) == ["ludus/Lift-v0"]
    obs, _ = world.reset(np.arange(1), [3])
    other, same = actors.load(read_run(shipped / "run"), 0, "ludus/Lift-v0")
    again, _ = other.reset(np.arange(1), [3])
    assert np.array_equal(obs["arm"], again["arm"])
    assert np.array_equal(act(obs["arm"]), same(again["arm"])) and act(obs["arm"]).any()
    assert "learnt with ppo" in actors.player("Lift-v0", "best")[2]


def test_where_none_ships_the_script_acts_and_asking_for_it_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(policies, "where", lambda task: tmp_path / "none.safetensors")
    assert actors.player("Lift-v0", "best")[2] == "scripted"
    with pytest.raises(ValueError, match="no policy ships for ludus/Lift-v0"):
        actors.player("Lift-v0", "shipped")


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"x" * 100])
def test_a_damaged_policy_is_refused_in_one_line(content, monkeypatch, tmp_path):
    path = tmp_path / "Lift-v0.safetensors"
    path.write_bytes(content)
    monkeypatch.setattr(policies, "where", lambda task: path)
    with pytest.raises(RunError, match="not a policy of ours") as error:
        policies.load("Lift-v0")
    assert "\n" not in str(error.value)


def test_weights_without_a_word_about_themselves_are_refused(monkeypatch, tmp_path):
    path = tmp_path / "Lift-v0.safetensors"
    save_file({"w": np.zeros(3, np.float32)}, path)
    monkeypatch.setattr(policies, "where", lambda task: path)
    with pytest.raises(RunError, match="not a policy of ours"):
        policies.load("Lift-v0")


def test_every_shipped_policy_can_be_loaded_and_acts():
    for task in registry.ids("mujoco"):
        if policies.where(task).is_file():
            world, act, about = policies.load(task)  # type: ignore[misc]
            obs, _ = world.reset(np.arange(1), [0])
            actions = act(np.concatenate(list(obs.values())))
            assert np.isfinite(actions).all() and task in about["success"]
            world.close()


def test_a_task_is_learnt_by_the_algorithm_that_suits_its_actions():
    assert baselines.of("ludus/Reach-v0").usual == "ppo"
    assert baselines.of("ludus/Basic-v0").usual == "ppo", "it has settings of ppo"
    assert baselines.of("ludus/Household-v0").usual == baselines.of("ludus/BasicGoal-v0").usual == "maskable-ppo"
    assert curriculum.load("first-steps").usual == "ppo" and curriculum.load("ludus-6").usual == "maskable-ppo"
