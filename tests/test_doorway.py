"""The drone flies as it is asked, the doorway is fair, and the hunt is decided by the first touch."""

from typing import Any

import numpy as np
import pytest
from acting import idle, random, scripted, start, success

from ludus import envs

HOLD = np.array([0.4, 0.3, 0.5])  # a place with nothing near, m


def made(name, n, **settings) -> Any:
    world = envs.make(name, n, **settings)
    world.reset(np.arange(n), range(n))
    return world


def hovering(n=1, **settings):
    world = made("Doorway-v0", n, **settings)
    drone = world.task.drone
    drone.put(np.arange(n), np.tile(HOLD, (n, 1)))
    world.sims.forward()
    world.task.measure()
    return world, drone


def fly(world, action, steps):
    rows = np.tile(np.asarray(action, float), (world.num_envs, 1))
    for _ in range(steps):
        world.step(idle(world, 0) | {"drone": rows})


def total(world, policy):
    """agent -> mean return of first episodes under policy."""
    paid, alive = dict.fromkeys(world.agents, 0.0), np.ones(world.num_envs, bool)
    for step in range(world.max_episode_steps):
        result = world.step(policy(world, step))
        for agent in paid:
            paid[agent] += (result.reward[agent] * alive).mean()
        alive &= ~result.done
    return paid


# The drone


@pytest.mark.parametrize("control", ["velocity", "thrust"])
def test_a_drone_that_is_asked_for_nothing_hovers(control):
    world, drone = hovering(control=control)
    fly(world, np.zeros(world.action_spaces["drone"].shape), 50)
    assert np.abs(drone.place - HOLD).max() < 0.002


@pytest.mark.parametrize("wish", [(1, 0, 0), (0, -1, 0), (0, 0, 0.5), (-0.5, 0.5, -0.5)])
def test_a_drone_takes_up_the_velocity_it_is_asked_for_and_its_nose_stays_ahead(wish):
    world, drone = hovering()
    fly(world, wish, 25)
    assert np.abs(drone.velocity - drone.speed * np.array(wish)).max() < 0.03
    assert drone.frame[0, 0, 0] > 0.95


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0.6, 0.8, 0)])
def test_a_drone_that_was_knocked_over_rights_itself(axis):
    world, drone = hovering()
    drone._pose[:, 3:] = np.cos(np.pi / 6), *(np.sin(np.pi / 6) * np.array(axis))
    drone.spin[:] = 5.0
    world.sims.forward()
    fly(world, (0, 0, 0), 40)
    assert drone.frame[0, 2, 2] > 0.999 and np.abs(drone.spin).max() < 0.2 and np.abs(drone.velocity).max() < 0.1


@pytest.mark.parametrize(
    ("thrust", "axis"), [((-0.1, -0.1, 0.1, 0.1), 0), ((-0.1, 0.1, 0.1, -0.1), 1), ((-0.1, 0.1, -0.1, 0.1), 2)]
)
def test_more_thrust_on_one_side_turns_the_drone_about_one_axis(thrust, axis):
    world, drone = hovering(control="thrust")
    fly(world, thrust, 2)
    spin = drone.spin[0]
    assert spin[axis] > 0.05 and np.abs(np.delete(spin, axis)).max() < 0.1 * spin[axis]


def test_a_doorway_whose_drone_has_its_motors_in_hand_is_solved_too():
    assert success(made("Doorway-v0", 40, control="thrust"), scripted) >= 0.95


def test_a_wrong_control_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean velocity"):
        envs.make("Doorway-v0", control="velocty")


# The doorway


@pytest.mark.parametrize(
    ("place", "touches"),
    [
        ((0, 0, 0.5), False),  # in the window
        ((0, 0.12, 0.5), False),
        ((0, 0.14, 0.5), True),
        ((0, 0, 0.375), True),
        ((0.085, 0.5, 0.5), True),  # at the wall
        ((0.095, 0.5, 0.5), False),
        ((0.4, 0.3, 0.11), False),  # over a rover
        ((0.4, 0.3, 0.10), True),
        ((0.4, 0.43, 0.05), False),  # beside it
        ((0.4, 0.41, 0.05), True),
        ((0.4, -0.3, 0.02), True),  # on the ground
        ((0.4, -0.3, 0.74), True),
        ((0.71, -0.3, 0.5), True),
    ],
)
def test_who_touches_what_is_told_from_where_they_are(place, touches):
    world, drone = hovering()
    world.task.place[0] = (0.4, 0.3), (-0.3, 0.3)
    drone.put(np.arange(1), np.array([place]))
    world.sims.forward()
    world.task.measure()
    assert bool(world.task.touching[0]) == touches


def test_the_gate_is_up_while_the_drone_is_at_the_switch_and_falls_on_who_is_beneath():
    world = start("Doorway-v0", 2)
    task = world.task
    task.drone.put(np.arange(2), task.switch)
    world.sims.forward()
    task.measure()
    fly(world, (0, 0, 0), 5)
    assert (task.gate[:, 2] == 0.16).all()
    task.place[0, 0] = 0, 0
    world.sims.forward()
    task.measure()
    assert not task.touching.any()
    side = np.sign(task.switch[:, 1])[:, None]
    for _ in range(25):
        result = world.step(idle(world, 0) | {"drone": -side * [[0, 1, 0]]})
        if result.done.any():
            break
    assert result.terminated["red"].tolist() == [True, False] and result.info["collisions"].tolist() == [1, 0]
    assert (task.gate[:, 2] < 0.075).all()


def test_two_rovers_abreast_do_not_fit_the_doorway():
    world = start("Doorway-v0", 1)
    task = world.task
    task.gate[:, 2] = 0.16
    for apart, touching in ((0.09, 1), (0.11, 2)):
        task.place[0] = (0, apart / 2), (0, -apart / 2)
        world.sims.forward()
        task.measure()
        assert task.touching[0] >= touching


def test_who_helps_and_then_goes_on_earns_more_than_who_hovers_rushes_or_rests():
    def stay(world, step):
        return world.scripted() | {"drone": world.task.drone.go(world.task.switch)}

    def rush(world, step):
        return world.task.straight()

    best = total(start("Doorway-v0", 32), scripted)
    for tempting in (idle, random, stay, rush):
        other = total(start("Doorway-v0", 32), tempting)
        assert best["drone"] > 1.3 * other["drone"], tempting.__name__
    for tempting in (idle, random, rush):
        other = total(start("Doorway-v0", 32), tempting)
        assert all(best[rover] > 1.5 * other[rover] for rover in ("red", "blue")), tempting.__name__


# The hunt


def side(play, agents):
    """The script, with agents doing what play(world, step) says."""
    return lambda world, step: world.scripted() | {a: play(world, step)[a] for a in agents}


def test_the_evaders_script_gets_away_from_those_who_catch_one_that_rests():
    def straight(world, step):
        return world.task.straight()

    def resting(world, step):
        return straight(world, step) | {"green": idle(world, step)["green"]}

    assert success(start("PursuitEvasion-v0", 50), resting) >= 0.9
    assert success(start("PursuitEvasion-v0", 50), straight) <= 0.2


def test_pursuers_that_look_at_each_other_catch_even_the_script():
    assert success(start("PursuitEvasion-v0", 50), scripted) >= 0.7


@pytest.mark.parametrize("settings", [{"body": "rover"}, {"sensing": "lidar"}, {"robots": 3}, {"robots": 6}])
def test_the_hunt_goes_on_in_other_bodies_and_numbers(settings):
    assert success(made("PursuitEvasion-v0", 30, **settings), side(random, ["green"])) >= 0.9


def meet(world, one, other):
    """Put two robots of copy 0 beside each other, the rest far away."""
    names = list(world.agents)
    start = np.array([[[-0.6, -0.6], [0.6, -0.6], [-0.6, 0.6], [0.6, 0.6]]])
    start[0, names.index(one)] = 0, 0
    start[0, names.index(other)] = 0.101, 0
    world.task.put(np.arange(1), start)
    world.sims.forward()
    world.task.measure()
    towards = idle(world, 0)
    towards[one][0, 0] = 1
    return towards


def test_the_first_touch_decides_and_then_nobody_moves():
    for one, other, caught in (("red", "green", True), ("red", "blue", False)):
        world = start("PursuitEvasion-v0", 1)
        towards = meet(world, one, other)
        for _ in range(2):
            result = world.step(towards)
        assert result.info["success"].tolist() == [caught] and result.info["won/pursuers"].tolist() == [caught]
        assert result.info["won/evader"].tolist() == [not caught] and result.info["collisions"].tolist() == [1]
        assert result.reward["red"][0] == caught and result.reward["green"][0] == (not caught)
        for _ in range(15):
            world.step(random(world, 0))
        still = world.task.place.copy()
        world.step(random(world, 1))
        assert np.abs(world.task.place - still).max() < 1e-3


def test_a_catch_and_a_bump_in_the_same_step_are_the_evaders():
    world = start("PursuitEvasion-v0", 1)
    world.task.put(np.arange(1), np.array([[[0.5, 0], [0.399, 0], [-0.5, 0], [-0.399, 0]]]))
    world.sims.forward()
    world.task.measure()
    towards = idle(world, 0)
    towards["red"][0, 0] = towards["blue"][0, 0] = 1
    for _ in range(2):
        result = world.step(towards)
    assert world.task.bumped.all() and not world.task.caught.any()
    assert not result.info["success"].any() and result.reward["red"][0] == 0 and result.reward["green"][0] == 1


def test_what_one_side_earns_the_other_loses():
    world = start("PursuitEvasion-v0", 8)
    for step in range(30):
        reward = world.step(world.scripted() if step % 2 else random(world, step)).reward
        hunters = np.mean([reward[a] for a in world.groups["pursuers"]], axis=0)
        assert np.allclose(hunters + reward["green"], 1) and (reward["green"] >= 0).all()


def test_a_pursuer_is_slower_than_the_evader_and_nobody_gains_on_the_diagonal():
    world = start("PursuitEvasion-v0", 1)
    for _ in range(8):
        world.step({agent: np.ones((1, 2)) for agent in world.agents})
    speed = dict(zip(world.agents, np.linalg.norm(world.task.velocity[0], axis=1), strict=True))
    assert speed["green"] <= 0.5 and 0.75 < speed["red"] / speed["green"] < 0.85


def test_a_game_that_is_won_stays_won_when_pursuers_roll_on_into_each_other():
    world: Any = start("PursuitEvasion-v0", 2)
    task = world.task
    for rows, copy in ((task._hunt, 0), (task._bump, 1)):
        task.touched[rows[0], copy] = True
    task.measure()
    task.touched[:] = True
    saved = world.state()
    task.measure()
    assert task.success().tolist() == [True, False] and [r.tolist() for r in task.reward().values()][1] == [1.0, 0.0]
    world.reset(np.arange(2), [1, 2])
    assert not task.caught.any() and not task.bumped.any()
    world.restore(saved)
    assert task.caught.tolist() == [True, False] == (~task.bumped).tolist()
