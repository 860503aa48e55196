"""One body for all tasks: fixed widths, three inputs, and clear words where a task does not fit."""

from typing import Any

import numpy as np
import pytest

from ludus.agents import interface
from ludus.agents.encoders import TextEncoder
from ludus.agents.instructors import INSTRUCTORS
from ludus.agents.interface import INPUTS, Interface, Mixed, WidthError, divided
from ludus.curricula import baselines, runner
from ludus.envs.instructions import Briefing, HashedWords

TASKS = ("ludus/Reach-v0", "ludus/Lift-v0", "ludus/TwoArmLift-v0")


def body(input="instructed", **more):
    return Interface(**({"observation": 32, "action": 5, "words": 8, "input": input, "tasks": TASKS} | more))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("input", INPUTS)
def test_every_task_has_the_same_widths_and_its_own_tail(task, input):
    world = body(input).world(task, 3)
    obs, _ = world.reset(np.arange(3), [0, 1, 2])
    for agent in world.agents:
        assert obs[agent].shape == (3, 40) and world.action_spaces[agent].shape == (5,)
        tail = obs[agent][:, 32:]
        expected = {
            "blind": np.zeros(8),
            "task-id": np.eye(8)[TASKS.index(task)],
            "goal-id": np.eye(8)[0],
            "instructed": HashedWords(8)([world.goal.text])[0],
        }
        np.testing.assert_array_equal(tail, np.tile(expected[input], (3, 1)).astype(np.float32))


@pytest.mark.parametrize("input", INPUTS)
def test_words_are_as_loud_as_the_body_says(input):
    """words_scale multiplies the vector, or what stands in its place, and nothing else."""
    (plain, _), (loud, _) = (
        body(input, words_scale=scale).world(TASKS[0], 2).reset(np.arange(2), [0, 1]) for scale in (1.0, 4.0)
    )
    np.testing.assert_array_equal(loud["arm"][:, :32], plain["arm"][:, :32])
    np.testing.assert_array_equal(loud["arm"][:, 32:], 4 * plain["arm"][:, 32:])


def test_the_learnt_encoder_stands_in_for_hashed_words():
    world = body(encoder="learnt").world(TASKS[0], 2)
    obs, _ = world.reset(np.arange(2), [0, 1])
    np.testing.assert_array_equal(obs["arm"][0, 32:], TextEncoder(8)([world.goal.text])[0])
    with pytest.raises(ValueError, match="no encoder 'learned'; did you mean learnt"):
        body(encoder="learned")


def test_other_wordings_are_for_learning_and_policies_are_tried_with_what_is_said(tmp_path, monkeypatch):
    made = baselines.of("ludus/BasicGoal-v0").model_copy(update={"wordings": "all", "encoder": "learnt"})
    tries = made.evaluation.model_copy(update={"per_stage": 1, "episodes": 3, "last_episodes": 4})
    stages = (made.stages[0].model_copy(update={"steps": 2048}),)
    seen, view = [], interface.Instructed
    monkeypatch.setattr(
        interface,
        "Instructed",
        lambda world, encode, *a, wordings, **k: (
            seen.append((world.num_envs, wordings, type(encode).__name__))
            or view(world, encode, *a, wordings=wordings, **k)
        ),
    )
    runner.run(made.model_copy(update={"stages": stages, "evaluation": tries}), out=tmp_path / "run")
    ways = {wordings: {n for n, way, _ in seen if way == wordings} for wordings in ("one", "all")}
    assert {3, 4} <= ways["one"] and ways["all"] == {made.algorithms[made.usual].rows}
    assert {kind for _, _, kind in seen} == {"TextEncoder"}


def test_a_goal_number_tells_goals_apart_that_no_observation_does():
    world = Interface(40, 4, 8, "goal-id").world("ludus/LiftColour-v0", 6)
    obs, _ = world.reset(np.arange(6), range(6))
    assert len(set(world.aim)) > 1
    np.testing.assert_array_equal(obs["arm"][:, 40:], np.eye(8, dtype=np.float32)[world.aim])


def test_padding_changes_no_number_of_the_world():
    """The same seed and actions: rewards equal, observations the scaled ones, surplus actions ignored."""
    from ludus import envs

    bare: Any = envs.make(TASKS[0], 2)
    dressed = body("blind").world(TASKS[0], 2)
    bare.reset(np.arange(2), [4, 5])
    dressed.reset(np.arange(2), [4, 5])
    rng = np.random.default_rng(0)
    for _ in range(10):
        action = rng.uniform(-1, 1, (2, 5)).astype(np.float32)
        a, b = bare.step({"arm": action[:, :4]}), dressed.step({"arm": action})
        np.testing.assert_array_equal(a.reward["arm"], b.reward["arm"])
        scaled = a.obs["arm"] / bare.observation_spaces["arm"].high * 4
        np.testing.assert_allclose(b.obs["arm"][:, : scaled.shape[1]], scaled, rtol=1e-5)
        assert not b.obs["arm"][:, scaled.shape[1] :].any()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"observation": 10}, "has 20 observations; the curriculum's width is 10: set it to 20 or more"),
        ({"action": 3}, "has 4 actions; the curriculum's width is 3: set it to 4 or more"),
        ({"input": "blnd"}, "did you mean blind"),
        ({"input": "task-id", "words": 2}, "need words: 3 or more"),
        ({"input": "goal-id", "words": 0}, "1 goals to number in words; the curriculum's width is 0: set it to 1"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(more, words):
    with pytest.raises(ValueError, match=words) as error:
        body(**more).world(TASKS[0], 1)
    assert "\n" not in str(error.value)


def test_rows_that_make_no_whole_team_are_refused():
    with pytest.raises(WidthError, match="2 agents"):
        body().env([TASKS[2]], 5)


def test_mixed_rows_are_the_views_rows_and_go_on_exactly():
    mixed = body().env(TASKS[:2], 6, [{"nthread": 1}] * 2)
    assert isinstance(mixed, Mixed)
    alone = [body().env([t], 3, [{"nthread": 1}]) for t in TASKS[:2]]
    mixed.seed(11)
    for i, view in enumerate(alone):
        view.seed(11 + 1_000_000 * i)
    np.testing.assert_array_equal(mixed.reset(), np.concatenate([v.reset() for v in alone]))
    rng = np.random.default_rng(0)
    for t in range(60):
        action = rng.uniform(-1, 1, (6, 5)).astype(np.float32)
        if t == 40:
            saved = mixed.state()
        got, parts = mixed.step(action), [v.step(action[3 * i : 3 * i + 3]) for i, v in enumerate(alone)]
        for k in range(3):
            np.testing.assert_array_equal(got[k], np.concatenate([p[k] for p in parts]))
    end = got[0]
    mixed.restore(saved)
    rng = np.random.default_rng(0)
    actions = [rng.uniform(-1, 1, (6, 5)).astype(np.float32) for _ in range(60)][40:]
    for action in actions:
        got = mixed.step(action)
    np.testing.assert_array_equal(got[0], end)


@pytest.mark.parametrize("name", INSTRUCTORS)
def test_instructors_are_pure_and_batched(name):
    instructor = INSTRUCTORS[name]()
    briefings = [
        Briefing(g, "a scene", "arm", ("arm",), ("lift the cube", "reach the mark")) for g in ("lift the cube", "reach")
    ]
    first = instructor.instruct(briefings, [None, None])
    assert first == instructor.instruct(briefings, [None, None])
    alone = [instructor.instruct([b], [None]) for b in briefings]
    assert first == ([a[0][0] for a in alone], [a[1][0] for a in alone])
    assert first[0][0] == "lift the cube"


def test_the_script_says_something_feasible():
    briefing = Briefing("reach", "a scene", "arm", ("arm",), ("lift the cube", "reach the mark"))
    assert INSTRUCTORS["script"]().instruct([briefing], [None])[0] == ["reach the mark"]


def test_rows_are_divided_into_whole_teams_as_near_to_their_shares_as_that_allows():
    assert divided(128, [1, 1, 1], [60, 450, 800]) == [6, 44, 78]
    assert divided(12, [4, 2], [1, 1]) == [8, 4] or divided(12, [4, 2], [1, 1]) == [4, 8]
    assert divided(8, [1, 1, 1], [0, 0, 1]) == [1, 1, 6]
    assert divided(5, [4, 2], [1, 1]) is None and divided(7, [4, 2], [1, 1]) is None
