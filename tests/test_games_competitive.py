"""Games with two sides: rules and rewards as Unity has them, scripts that beat chance, one life on the wire."""

from typing import Any

import numpy as np
import pytest

from ludus import envs
from ludus.curricula import play
from ludus.envs.unity.player import pitch, tennis

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
GAMES = ("ludus/Tennis-v0", "ludus/SoccerTwos-v0", "ludus/StrikersVsGoalie-v0")
LONG = {"ludus/Tennis-v0": 300, "ludus/SoccerTwos-v0": 700, "ludus/StrikersVsGoalie-v0": 500}


def make(name, copies=1, **settings) -> Any:
    return envs.make(name, copies, **settings)


def start(name, copies=1, **settings) -> Any:
    world = make(name, copies, **settings)
    world.reset(np.arange(copies), range(copies))
    return world


def blind(world):
    """Scripts and rules need no rays: without them a game takes half the time."""
    if hasattr(world, "_cast"):
        none = {i: np.zeros_like(getattr(world, f"look_{i}")[:, 0]) for i in range(len(world.looks))}
        world._cast = lambda i, ids: none[i][ids]
    return world


def chance(world, rng):
    acts = {}
    for agent, space in world.action_spaces.items():
        shape = (world.num_envs, *space.shape)
        acts[agent] = rng.integers(0, 3, shape) if hasattr(space, "nvec") else rng.uniform(-1, 1, shape)
    return acts


def idle(world):
    return {a: np.zeros((world.num_envs, *s.shape), s.dtype) for a, s in world.action_spaces.items()}


@pytest.mark.parametrize("name", GAMES)
def test_the_script_of_each_side_beats_chance_nine_times_in_ten(name):
    """Success is that of the first group; who keeps the other one from it has won in StrikersVsGoalie."""
    for group, members in envs.make(name).groups.items():
        world, rng = blind(start(name, 40, max_episode_steps=LONG[name])), np.random.default_rng(0)
        over = np.zeros(40, bool)
        while not over.all():
            script = world.scripted()
            over = world.step(chance(world, rng) | {a: script[a] for a in members}).done
        first, keeper = group == next(iter(world.groups)), group == "goalie"
        won = world.winner == (0 if first else 1)
        assert (world.winner == -1 if keeper else won).mean() >= 0.9, group


# Tennis


def point(world, **state):
    for name, value in state.items():
        getattr(world, name)[:] = value
    world.racket[:] = (-8.0, -6.4)
    while not (result := world.step(idle(world))).done.all():
        pass
    return float(result.reward["blue"][0]), float(result.reward["purple"][0])


def test_a_ball_that_nobody_serves_is_the_servers_loss():
    world = start("ludus/Tennis-v0")
    world.ball[:, 0] = -3
    assert point(world, hitter=tennis.NOBODY) == (-1, 1)
    world.reset(np.arange(1), [3])
    assert point(world, ball=(3.0, 6.0)) == (1, -1)


@pytest.mark.parametrize(
    ("told", "blue"),
    [
        ({"ball": (4, -5), "flight": (2, 0), "hitter": 0, "bounce": tennis.UNSET}, 1),  # bounces twice over there
        ({"ball": (4, -2), "flight": (9, 2), "hitter": 0, "bounce": tennis.UNSET}, -1),  # long: the wall at once
        ({"ball": (-4, -5), "flight": (-2, 0), "hitter": 0, "bounce": tennis.UNSET}, -1),  # the own floor
        ({"ball": (9, -5), "flight": (9, 5), "hitter": 0, "bounce": tennis.FLOORS[1]}, 1),  # a winner: floor, wall
        (
            {"ball": (-1, -6.5), "flight": (5, 0), "hitter": 0, "bounce": tennis.UNSET},
            -1,
        ),  # the net, before it was over
    ],
)
def test_points_are_given_as_in_unitys_hitwall(told, blue):
    assert point(start("ludus/Tennis-v0"), **told) == (blue, -blue)


def test_a_player_sees_itself_on_the_left_and_three_moments():
    world = start("ludus/Tennis-v0", 2)
    world.racket[:, 1], world.ball[:] = world.racket[:, 0], (0.0, 3.0)
    obs = world.step(idle(world)).obs
    assert np.array_equal(obs["blue"][:, 18:], obs["purple"][:, 18:]) and obs["blue"].shape == (2, 27)
    assert not obs["blue"][:, :9].any() and obs["blue"][:, 18:].any()


# Football


def kick_off(name, **settings):
    """The ball in the middle, the first player behind it, the others far away by the walls."""
    world = start(name, **settings)
    count = len(world.colour)
    world.place[:] = [(-12.0 + 4 * k, -6.5) for k in range(count)]
    world.place[0, 0], world.ball[:], world.yaw[:] = (-3.0, 0.0), (0.0, 0.0), np.pi / 2
    return world


def test_who_runs_into_the_ball_kicks_it_and_a_goal_pays_what_was_left_of_the_episode():
    world = kick_off("ludus/SoccerTwos-v0")
    run = idle(world) | {"blue_0": np.array([[1, 0, 0]])}
    results = [world.step(run)]
    while not results[-1].done[0]:
        results.append(world.step(run))
        world.ball[:, 1] = 0
    assert results[-1].info["success"][0] and 5 < len(results) < 40
    paid = {a: float(r[0]) for a, r in results[-1].reward.items()}
    assert 1 - len(results) / 1000 <= paid["blue_0"] < 1 - (len(results) - 1) / 1000
    assert paid == {"blue_0": paid["blue_0"], "blue_1": paid["blue_0"], "purple_0": -1, "purple_1": -1}
    assert not any(sum(abs(v[0]) for v in r.reward.values()) for r in results[:-1])


def test_strikers_pay_for_time_what_the_goalie_earns():
    world = start("ludus/StrikersVsGoalie-v0")
    reward = world.step(idle(world)).reward
    assert {a: round(float(v[0]), 6) for a, v in reward.items()} == {
        "striker_0": -0.001,
        "striker_1": -0.001,
        "goalie": 0.001,
    }


def test_the_same_shot_pays_as_the_instruction_says():
    paid = {}
    for half in ("left", "right"):
        world = start("ludus/StrikersVsGoalieGoal-v0", goal=f"shoot into the {half} half of the goal")
        world.reset(np.arange(1), [5])
        world.ball[:], world.roll[:] = (14.0, 2.0), (30.0, 0.0)
        result = world.step(idle(world))
        paid[half] = [round(float(result.reward[a][0]), 2) for a in ("striker_0", "goalie")]
        assert bool(result.info["success"][0]) == (half == "left")
    assert paid == {"left": [1.0, -1.0], "right": [-1.0, 1.0]}


def test_the_blue_goal_is_walled_up_where_only_strikers_play():
    for name, scored in (("ludus/StrikersVsGoalie-v0", -1), ("ludus/SoccerTwos-v0", 1)):
        world = start(name)
        world.place[:, :, 1], world.ball[:], world.roll[:] = 7, (-13.5, 0), (-40, 0)
        world.step(idle(world))
        assert world.winner[0] == scored


def test_rays_tell_own_from_other_and_how_far_they_are():
    world = kick_off("ludus/SoccerTwos-v0")
    world.step(idle(world))
    newest = world.sense()["blue_0"]["StackingSensor_size3_BlueRayPerceptionSensor"][0].reshape(3, 11, 8)[-1]
    assert newest[0, :7].tolist() == [1, 0, 0, 0, 0, 0, 0]  # straight ahead is the ball
    assert newest[0, 7] == pytest.approx((3 - pitch.SEEN_BALL - 0.5) / 20, abs=0.01)
    world.ball[:] = (-3.0, 5.0)
    world.step(idle(world))
    ahead = world.sense()["blue_0"]["StackingSensor_size3_BlueRayPerceptionSensor"][0].reshape(3, 11, 8)[-1, 0]
    assert ahead[:7].tolist() == [0, 0, 1, 0, 0, 0, 0]  # the opposing goal
    assert ahead[7] == 1 or ahead[7] == pytest.approx((pitch.NET + 3 - 0.5) / 20, abs=0.01)


# A person joins


def test_a_person_joins_a_side_and_the_script_plays_the_other():
    game = play.start("ludus/SoccerTwos-v0", agent="purple_1", against="scripted")
    assert game.world.agents == ("purple_0", "purple_1")
    game.press("w")
    game.press("d")
    assert game.action().tolist() == [[1, 0, 2]]
    game.tick()
    assert "you move purple_1" in game.screen(80, 24)
    tennis_game = play.start("ludus/Tennis-v0", against="random")
    tennis_game.press("up")
    assert tennis_game.agent == "blue" and tennis_game.action().tolist() == [[0, 1, 0]]


def test_without_another_side_nobody_can_be_played_against():
    with pytest.raises(ValueError, match="has one side"):
        play.start("ludus/Basic-v0", against="scripted")
    with pytest.raises(ValueError, match="leave --policy out"):
        play.start("ludus/Tennis-v0", policy="random", against="scripted")
