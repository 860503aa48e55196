"""PushBlock, WallJump and FoodCollector keep the rules of Unity's games, and their variants pay for what is asked."""

from typing import Any

import numpy as np
import pytest

from ludus import envs
from ludus.envs.unity.player import foodcollector, pushblock, walljump

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
IDLE = {"PushBlock": 0, "WallJump": [0, 0, 0, 0], "FoodCollector": [0.0, 0.0, 0.0, -1.0]}


def start(name, copies=1, **settings) -> Any:
    world = envs.make(f"ludus/{name}-v0", copies, **settings)
    world.reset(np.arange(copies), range(copies))
    return world


def do(world, *action, only=None):
    """One step in which the agents, or only one, do this, and the others nothing."""
    idle = IDLE[world.unwrapped.name]
    acts = {a: action if only in (None, a) else idle for a in world.agents}
    spaces = world.action_spaces
    rows = {a: np.reshape(np.array(act, spaces[a].dtype), spaces[a].shape) for a, act in acts.items()}
    return world.step({a: np.stack([row] * world.num_envs) for a, row in rows.items()})


def play(world, steps):
    """(copies,) the mean agent's return under the script."""
    earned = np.zeros(world.num_envs)
    for _ in range(steps):
        result = world.step(world.scripted())
        earned += sum(result.reward.values()) / len(world.agents)
        if result.done.all():
            break
    return earned


@pytest.mark.parametrize(
    ("name", "observed", "actions"),
    [
        ("PushBlock", 210, "Discrete(7)"),
        ("WallJump", 444, "MultiDiscrete([3 3 3 2])"),
        ("FoodCollector", 53, "Box(-1.0, 1.0, (4,), float32)"),
    ],
)
def test_spaces_are_those_of_the_scenes(name, observed, actions):
    world = start(name)
    agent = world.agents[0]
    assert world.observation_spaces[agent].shape == (observed,)
    assert str(world.action_spaces[agent]) == actions
    assert world.max_episode_steps == {"PushBlock": 1000, "WallJump": 400, "FoodCollector": 1000}[name]


# PushBlock


def test_pushblock_is_solved_by_its_script():
    world = start("PushBlock", 40)
    earned = play(world, 200)
    assert world.won.all() and earned.min() > 4.5  # the documented mean reward


def test_pushblock_charges_time_and_pays_five():
    world = start("PushBlock")
    assert do(world, 0).reward["agent"] == pytest.approx(-0.001)
    world.place[:], world.block[:], world.yaw[:] = (
        (0, -5.7),
        (0, -7.25),
        np.pi,
    )  # right before the goal, behind the block
    result = do(world, pushblock.AHEAD)
    steps = round((5 - result.reward["agent"][0]) * 5000)
    assert 1 <= steps < 5 and result.terminated["agent"][0] and result.info["success"][0]
    assert result.reward["agent"][0] == pytest.approx(5 - steps / 5000)


def test_a_block_slides_ahead_of_who_pushes_it_and_walls_hold_both():
    world = start("PushBlock")
    world.place[:], world.block[:], world.yaw[:] = (0, 0), (3, 0), np.pi / 2
    for _ in range(20):
        do(world, pushblock.AHEAD)
    assert world.block[0] == pytest.approx([pushblock.COURT - 1, 0], abs=0.3)
    assert world.place[0, 0] == pytest.approx(pushblock.COURT - 2.5, abs=0.05)


def test_the_lower_rays_tell_block_goal_and_wall_and_the_upper_ones_pass_over():
    world = start("PushBlock")
    world.place[:], world.block[:], world.yaw[:] = (1, 0), (5, 0), np.pi
    seen = do(world, 0).obs["agent"][0].reshape(2, 3, 7, 5)[:, -1]  # sensor, newest, ray, what
    upper, lower = seen
    assert lower[0, 1] == 1 and lower[0, 4] == pytest.approx((8.35 - 0.5) / 12)
    assert lower[6, 0] == 1 and lower[6, 4] == pytest.approx(2.5 / 12)  # the outermost, to the left
    assert lower[5, 2] == 0 and lower[5, 3] == 1 and lower[5, 4] == 1  # the wall is further than 12 m
    assert not upper[:, :2].any()


def test_in_pushblockgoal_one_start_pays_for_what_is_asked():
    paid = {}
    for goal in ("push the block into the goal", "go to the goal yourself"):
        world = start("PushBlockGoal", goal=goal)
        first = world.reset(np.arange(1), [7])[0]["agent"]
        world.place[:], world.block[:], world.yaw[:] = (6, -7.6), (-6, 0), np.pi
        result = do(world, pushblock.AHEAD)
        paid[goal] = first, result.reward["agent"][0], result.terminated["agent"][0]
    (seen, none, over), (same, five, too) = paid.values()
    assert (seen == same).all() and over and too
    assert none < 0 and five > 4.9


# WallJump


def test_walljump_is_solved_by_its_script_at_every_wall():
    world = start("WallJump", 60)
    play(world, 200)
    for height in (0, 2, 4):
        assert world.won[world.wall == height].mean() > 0.75


@pytest.mark.parametrize(
    ("wall", "block", "crosses"), [(0.0, False, True), (2.0, False, True), (4.0, False, False), (4.0, True, True)]
)
def test_a_low_wall_is_jumped_and_a_high_one_only_from_the_block(wall, block, crosses):
    world = start("WallJump")
    world.wall[:], world.place[:], world.yaw[:] = wall, (0, walljump.NEAR - 1), 0
    world.block[:] = (0, walljump.NEAR - 1) if block else (8, -8)
    world.up[:] = 0.5 + (walljump.BLOCK_TOP if block else walljump.FLOOR)
    furthest = -9.0
    for _ in range(12):
        do(world, 1, 0, 0, 1)
        furthest = max(furthest, world.place[0, 1])
        if world.over[0]:
            break
    assert (furthest > walljump.FAR) == crosses


@pytest.mark.parametrize(("who", "pays"), [("agent", -1.0), ("block", -1.0), ("goal", 1.0)])
def test_the_decision_that_ends_walljump_pays_that_alone(who, pays):
    world = start("WallJump")
    assert do(world, 0, 0, 0, 0).reward["agent"] == pytest.approx(-0.0025)
    if who == "goal":
        world.place[:] = walljump.GOAL
    else:
        (world.place if who == "agent" else world.block)[:] = (10.6, 0)
    result = do(world, 0, 0, 0, 0)
    assert result.reward["agent"] == pytest.approx(pays) and result.terminated["agent"][0]
    assert result.info["success"][0] == (pays > 0)


# FoodCollector


def hold(world, places, food=()):
    """Agents stand at places, looking along x; food lies at some places and else far away."""
    world.place[:], world.yaw[:], world.velocity[:] = places, np.pi / 2, 0
    world.food[:] = (45, -45)
    for i, where in dict(food).items():
        world.food[:, i] = where


APART = [(0, 0), (10, 0), (0, 20), (10, 30), (-20, 40)]


def test_foodcollector_is_played_well_by_its_script():
    world = start("FoodCollector", 8)
    assert play(world, 150).mean() > 5  # 10 in 1,000 decisions is the documented mean reward


def test_food_pays_its_eater_by_colour_and_grows_again():
    world = start("FoodCollector")
    hold(world, APART, {0: (0.9, 0), 30: (10.9, 0)})
    result = do(world, *IDLE["FoodCollector"])
    assert [result.reward[a][0] for a in world.agents] == [1, -1, 0, 0, 0]
    assert np.abs(world.food[0, 0] - (0.9, 0)).max() > 0.1 and (np.abs(world.food) <= foodcollector.RANGE).all()
    assert world.eaten[0].tolist() == [1, 1]


def test_a_laser_freezes_the_first_agent_in_its_line_for_four_seconds():
    world = start("FoodCollector")
    hold(world, APART)
    shooter, target = world.agents[:2]
    seen = do(world, 0, 0, 0, 1, only=shooter).obs
    assert world.frozen[0].tolist() == [0, 200, 0, 0, 0]
    assert seen[target][0, -2:].tolist() == [1, 0] and seen[shooter][0, -2:].tolist() == [0, 1]
    place = world.place[0, 1].copy()
    for _ in range(40):
        assert (world.place[0, 1] == place).all()
        do(world, 1, 0, 0, -1, only=target)
    do(world, 1, 0, 0, -1, only=target)
    assert world.frozen[0, 1] == 0 and (world.place[0, 1] != place).any()


def test_a_laser_is_stopped_by_food_and_by_its_reach():
    world = start("FoodCollector")
    hold(world, APART, {0: (5, 0)})
    do(world, 0, 0, 0, 1, only=world.agents[0])
    hold(world, [(0, 0), (29, 0), (0, 20), (10, 30), (-20, 40)])
    do(world, 0, 0, 0, 1, only=world.agents[0])
    assert not world.frozen.any()


def test_a_frozen_agent_looks_different():
    world = start("FoodCollector")
    hold(world, APART)
    ray = do(world, *IDLE["FoodCollector"]).obs[world.agents[0]][0, :7]
    assert ray.tolist() == pytest.approx([0, 1, 0, 0, 0, 0, 9 / 50])
    do(world, 0, 0, 0, 1, only=world.agents[0])
    ray = do(world, *IDLE["FoodCollector"]).obs[world.agents[0]][0, :7]
    assert ray.tolist() == pytest.approx([0, 0, 0, 0, 1, 0, 9 / 50])


def test_in_foodcollectorgoal_one_start_pays_by_the_colour_that_is_asked_for():
    paid = []
    for colour in ("green", "red"):
        world = start("FoodCollectorGoal", goal=f"collect {colour} food and avoid the other")
        first = world.reset(np.arange(1), [3])[0]
        hold(world, APART, {0: (0.9, 0)})
        paid.append((first, do(world, *IDLE["FoodCollector"]).reward[world.agents[0]][0]))
    assert all((paid[0][0][a] == paid[1][0][a]).all() for a in world.agents)
    assert [p for _, p in paid] == [1, -1]
