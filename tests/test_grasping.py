"""What one arm's tasks promise beyond what holds for every robot: nothing but the right thing pays, or counts."""

from typing import Any

import numpy as np
import pytest
from acting import start

from ludus import envs
from ludus.envs.instructions import parse
from ludus.envs.mujoco.grasping.holding import above

CARRYING = ["PickPlace-v0", "Stack-v0"]
OPENING = ["OpenDrawer-v0", "OpenFridge-v0"]


def play(world, policy):
    """(the share of copies that end in success, the mean reward of a step) under policy(task, scripted actions)."""
    won, over, earned = np.zeros(world.num_envs, bool), np.zeros(world.num_envs, bool), 0.0
    for _ in range(world.max_episode_steps):
        result = world.step({"arm": policy(world.task, world.scripted()["arm"])})
        earned += (result.reward["arm"] * ~over).mean()
        won |= result.info["success"] & result.done & ~over
        over |= result.done
    return won.mean(), earned / world.max_episode_steps


def script(task, action):
    return action


def idle(task, action):
    return 0 * action


def clings(task, action):
    """All as it should be, but what the fingers closed on they never let go."""
    action[task.arm.fingers.min(axis=1) > 0.005, -1] = 1
    return action


def shoves(task, action):
    """Closed fingers along the table, through what is to be carried and on to where it should be."""
    things = [task.thing(name) for name in task.cargo]
    here, there = things[0], [*task.goal.values(), things[-1]][0]
    behind = np.abs(task.arm.grip - here)[:, :2].max(axis=1) > 0.05
    return task.arm.go(np.where(behind[:, None], here, there) * [1, 1, 0] + [0, 0, 0.03], 1.0)


def holds(task, action):
    """Takes the handle as it should, and stays there."""
    action[task.arm.fingers.min(axis=1) > 0.02, :3] = 0
    return action


def pushes(task, action):
    """Closed fingers against the front."""
    return task.arm.go(task.stand + np.array([0.05, 0.05, 0.1]), 1.0)


def only_opens(task, action):
    action[task.is_open("fridge")] = 0
    return action


def leaves_it_shut(task, action):
    return task.carry("apple", "in the basket", height=0.23)


TEMPTING = {
    "PickPlace-v0": [clings, shoves],
    "Stack-v0": [clings, shoves],
    "LiftColour-v0": [shoves],
    "OpenDrawer-v0": [holds, pushes],
    "OpenFridge-v0": [holds, pushes],
    "FetchFromFridge-v0": [clings, only_opens, leaves_it_shut],
}


@pytest.mark.parametrize(("name", "wrong"), [(name, p) for name, all in TEMPTING.items() for p in (idle, *all)])
def test_the_script_earns_more_than_idling_and_than_the_tempting_wrong_thing(name, wrong):
    (won, earned), (lost, less) = (play(start(name, 24), policy) for policy in (script, wrong))
    assert won >= 0.95 and lost < 0.05
    assert less < 0.75 * earned, f"{wrong.__name__} earns {less:.2f} a step, the script {earned:.2f}"


def test_what_is_held_over_its_place_counts_only_once_let_go():
    world = start("PickPlace-v0", 20)
    rewards = []
    for _ in range(world.max_episode_steps):
        result = world.step(world.scripted())
        rewards.append(result.reward["arm"])
        held = world.task.grasped("apple")
        assert not (result.info["success"] & held).any()
    best = np.max(rewards, axis=0)
    assert np.allclose(best, 1) and np.allclose(rewards[-1], best), "the last stage pays most, and lasts"


@pytest.mark.parametrize("name", ["PickPlace-v0", "Stack-v0", "LiftColour-v0", "FetchFromFridge-v0"])
@pytest.mark.parametrize("place", [(0.5, 0, 0.08), (0, -0.5, 0.08), (0, 0, -1)])
def test_a_thing_that_leaves_the_table_ends_the_episode_as_failed(name, place):
    world = start(name, 2, substeps=5)  # longer, and the table may have thrown it up again
    for thing in world.task.cargo:
        world.reset(np.arange(2), [0, 1])
        world.task.pose[thing][1, :3] = place
        result = world.step({"arm": np.zeros((2, 4))})
        assert result.terminated["arm"].tolist() == [False, True] and not result.info["success"][1]


def test_an_episode_may_be_about_the_pot_where_that_is_asked_for():
    assert len(envs.make("PickPlace-v0").goals) == 2
    with pytest.raises(ValueError, match="did you mean put the apple in the basket"):
        envs.make("PickPlace-v0", goal="put the pot in the basket")
    world = start("PickPlace-v0", 80, pot=1)
    assert len(world.goals) == 4 and set(world.aim.tolist()) == {0, 1, 2, 3}
    assert play(world, script)[0] >= 0.95
    for shift in (1, 2, 3):
        world = start("PickPlace-v0", 24, pot=1)

        def misled(task, action, shift=shift):
            told = task.aim.copy()
            task.aim[:] = (told + shift) % 4
            action = task.scripted()["arm"]
            task.aim[:] = told
            return action

        assert play(world, misled)[0] < 0.1


def test_who_lifts_both_cubes_or_opens_both_drawers_has_not_listened():
    world = start("LiftColour-v0", 2)
    for pose in world.task.pose.values():
        pose[:, 2] = 0.2
    world.task.pose["blue cube"][1, 2] = 0.02
    world.sims.forward()
    assert world.goals[0].achieved(world).tolist() == [False, True]
    world = start("OpenDrawer-v0", 2)
    for drawer in world.task.moved.values():
        drawer[:] = 0.12
    world.task.moved["lower drawer"][1] = 0.01
    assert [goal.achieved(world).tolist() for goal in world.goals] == [[False, True], [False, False]]
    world.aim[:] = 0
    paid = world.task.reward()["arm"]
    assert paid[0] <= 0.5 < paid[1]


@pytest.mark.parametrize("name", OPENING)
def test_fingers_close_on_a_handle_and_not_through_it(name):
    world = start(name, 60)
    for step in range(world.max_episode_steps):
        world.step(world.scripted())
        if step > world.max_episode_steps // 2:
            assert (world.task.arm.fingers.sum(axis=1) < 0.09).all(), "1 cm at least is between the fingers"


def test_the_door_hides_the_apple_until_it_is_open():
    world = start("FetchFromFridge-v0", 30)
    lid, apple = (world.sims.model.geom(name).id for name in ("fridge/lid", "apple/apple"))
    box, spot = world.sims.bind("geom_xpos")[:, lid], world.sims.bind("geom_xpos")[:, apple]
    world.sims.forward()
    half = world.sims.model.geom_size[lid]
    assert (np.abs(box - spot)[:, :2] < half[:2]).all() and (box[:, 2] > spot[:, 2]).all()


def test_an_instructor_is_told_what_makes_sense_now():
    world = start("FetchFromFridge-v0", 1)
    told = []
    for _ in range(world.max_episode_steps):
        goal, step = (instruction.text for instruction in world.feasible(0, "arm"))
        assert goal == world.goal.text
        told += [step] if told[-1:] != [step] else []
        world.step(world.scripted())
    assert told[:4] == [
        "grasp the fridge handle", "open the fridge", "grasp the apple", "put the apple in the basket",
    ]  # fmt: skip


def test_things_have_names_in_chinese_too():
    skills = envs.make("PickPlace-v0").skills
    assert parse("把苹果放到篮子里", skills).text == "把苹果放到篮子里"
    assert dict(parse("把锅放到托盘上。", skills).arguments) == {"thing": "pot", "where": "on the tray"}
    for name in ("PickPlace-v0", "Stack-v0", "OpenDrawer-v0", "FetchFromFridge-v0"):
        for skill in envs.make(name).skills:
            for instruction in skill.instructions():
                assert not any("a" <= c <= "z" for wording in skill.chinese for c in instruction.phrase(wording))


@pytest.mark.parametrize(("closing", "held"), [(0.3, False), (1.0, True)])
def test_fingers_that_stop_where_they_were_asked_to_hold_nothing(closing, held):
    world: Any = envs.make("ludus/PickPlace-v0", 1, horizon=400)
    world.reset(np.arange(1), [1])
    arm, knob = world.task.arm, world.task.thing("pot")
    for _ in range(40):
        world.step({"arm": arm.go(above(arm, knob, 0.15), -1.0)})
    for _ in range(12):
        action = arm.go(knob, -1.0)
        action[:, 3] = closing
        world.step({"arm": action})
    grasp = next(s for s in world.skills if s.name == "grasp")(thing="pot")
    assert world.task.grasped("pot")[0] and grasp.achieved(world)[0] == held
