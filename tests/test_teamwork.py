"""What pegs and teams of arms promise: a socket that is tight, a pit between two, a level tray, and unlike bodies."""

from typing import Any

import numpy as np
import pytest
from acting import idle, scripted, start, success

from ludus import envs
from ludus.envs.mujoco.rewards import dist
from ludus.envs.views.sb3 import Sb3View

TASKS = ("InsertPeg-v0", "Handover-v0", "CarryTray-v0", "SortTogether-v0")


def play(world, policy, steps):
    """The last step's result after `steps` of policy(world, step)."""
    for step in range(steps):
        result = world.step(policy(world, step))
    return result


def failed(result):
    return np.logical_and.reduce(list(result.terminated.values())).tolist()


@pytest.mark.parametrize("name", TASKS)
def test_the_script_earns_more_at_every_stage_than_those_who_wait(name):
    busy, waiting = start(name, 20), start(name, 20)
    paid = np.zeros((2, busy.max_episode_steps))
    for step in range(busy.max_episode_steps):
        for row, world, policy in zip(paid, (busy, waiting), (scripted, idle), strict=True):
            reward = world.step(policy(world, step)).reward
            row[step] = np.mean(list(reward.values()))
            assert all((r >= 0).all() and (r <= 1 + 1e-9).all() for r in reward.values())
    assert paid[0].sum() > 3 * paid[1].sum() and paid[0, -1] > 0.7
    assert paid[0, -10:].mean() > paid[0, :-10].max() - 0.05, "the end pays most"


# InsertPeg


@pytest.mark.parametrize("clearance", [0.002, 0.008])
def test_the_clearance_of_the_sockets_is_a_setting(clearance):
    world: Any = envs.make("InsertPeg-v0", 20, clearance=clearance)
    world.reset(np.arange(20), range(20))
    inner = world.sims.model.geom("red/east").pos[0] - world.sims.model.geom("red/east").size[0]
    assert inner == pytest.approx(world.task.radius + clearance)
    assert success(world, scripted) >= 0.95


def test_a_peg_over_its_socket_earns_less_than_one_in_it():
    world = start("InsertPeg-v0", 20)
    best = np.zeros(20)
    for _ in range(world.max_episode_steps):
        result = world.step(world.scripted())
        high = world.task.tip[:, 2] > 0.03
        best = np.maximum(best, np.where(high, result.reward["arm"], 0))
    assert (result.reward["arm"] > best + 0.1).all()


def test_a_peg_that_lies_down_or_leaves_the_table_ends_the_episode_as_failed():
    world = start("InsertPeg-v0", 3)
    world.task.peg[1, :7] = 0, 0, 0.02, np.cos(np.pi / 4), np.sin(np.pi / 4), 0, 0
    world.task.peg[2, 0] = 0.5
    assert failed(world.step(idle(world, 0))) == [False, True, True]


# Handover


def test_a_baton_in_the_pit_ends_the_episode_as_failed():
    world = start("Handover-v0", 3)
    world.task.pose[1, :3] = 0, 0, 0.05
    world.task.pose[2, :3] = 0.2, 0.4, 0.05
    result = play(world, idle, 6)
    assert failed(result) == [False, True, True] and not result.info["success"].any()


def test_neither_arm_reaches_over_the_pit():
    """As far as it goes, each arm hangs over the pit, and there is a place that both reach."""
    world = start("Handover-v0", 1)
    ahead = np.array([[1.0, 0, 0, -1]])
    far = []
    for side in world.agents:
        world.reset(np.arange(1), [0])
        play(world, lambda w, t, side=side: idle(w, t) | {side: ahead}, 60)
        far.append(world.task.arms[side].grip[0, 0])
    edge = world.sims.model.geom("pit/right").pos[0] - world.sims.model.geom("pit/right").size[0]
    left, right = far
    assert edge > 0.1 and -edge + 0.1 < right < 0 < left < edge - 0.1


def test_a_baton_thrown_across_the_pit_does_not_arrive():
    """The left arm swings it forward and lets go where its range ends; the right one does its best."""
    for let_go in (0.0, 0.02):
        world = start("Handover-v0", 20)

        def throw(world, step, let_go=let_go):
            actions, task = world.scripted(), world.task
            ready = task.holds("left") & (task.raised() > 0.12)
            actions["left"][ready] = [1, 0, 0.6, 1]
            actions["left"][task.arms["left"].grip[:, 0] > let_go] = [1, 0, 0, -1]
            return actions

        assert success(world, throw) < 0.1


# CarryTray


def test_one_hand_cannot_lift_the_tray_and_two_can():
    model = start("CarryTray-v0", 1).sims.model
    kilos = model.body("tray/platter").subtreemass[0] + model.body("tray/ball").subtreemass[0]
    strength = model.actuator("left/z").forcerange[1]
    assert strength < kilos * -model.opt.gravity[2] < 2 * strength


def test_a_tray_that_is_tilted_loses_its_ball_and_the_episode():
    world = start("CarryTray-v0", 20)
    play(world, scripted, 45)

    def tilt(world, step):
        return {side: [[0, 0, up, 1.0]] * 20 for side, up in {"left": 1.0, "right": 0.0}.items()}

    lost = np.zeros(20, bool)
    for step in range(40):
        result = world.step(tilt(world, step))
        lost |= failed(result)
    assert lost.mean() > 0.6 and not result.info["success"].any()


def test_a_ball_beside_the_tray_or_a_tray_off_the_table_ends_the_episode_as_failed():
    world = start("CarryTray-v0", 4)
    world.task.ball_pose[1, :3] = world.task.pose[1, :3] + [0, 0.11, 0]
    world.task.ball_pose[2, :3] = world.task.pose[2, :3] + [0, 0.2, 0.1]
    world.task.pose[3, 0] = 0.45
    assert failed(play(world, idle, 3)) == [False, True, True, True]


def test_both_arms_see_the_same_tray_when_it_stands_the_same_for_both():
    world = start("CarryTray-v0", 1)
    task = world.task
    for arm in task.arms.values():
        arm.place(np.arange(1), np.array([[0.0, 0, -0.1]]))
    task.pose[0] = 0, 0, 0.01, 1, 0, 0, 0
    task.ball_pose[0, :2] = task.mark[0, :2] = 0
    world.sims.forward()
    left, right = world._observe().values()
    assert np.allclose(left, right, atol=1e-6) and np.abs(left).max() > 0.01


# SortTogether


def test_the_gripper_cannot_move_the_block_and_the_pusher_can():
    world = start("SortTogether-v0", 1)
    task, ids = world.task, np.arange(1)
    task.block_pose[0, :2] = 0.1, 0.05
    task.sled_pose[0] = 0.1, -0.2
    task.arms["gripper"].place(ids, np.array([[-0.05, 0.05, -0.2]]))
    world.sims.forward()
    before = task.block.copy()
    play(world, lambda w, t: idle(w, t) | {"gripper": np.array([[1.0, 0, 0, 1]])}, 40)
    assert abs(task.arms["gripper"].grip[0, 0] - task.block[0, 0]) < 0.12, "it pushes"
    assert dist(task.block, before)[0] < 0.01
    play(world, lambda w, t: {"gripper": np.array([[-1.0, 0, 0, -1]]), "pusher": np.array([[0.0, 1]])}, 30)
    assert task.block[0, 1] > 0.1


def test_the_wall_of_the_bin_stops_the_pusher_and_its_cube():
    world = start("SortTogether-v0", 4)
    task = world.task
    task.cube_pose[:, :2] = task.bin[:, :2] - [0, 0.11]
    task.sled_pose[:] = task.cube_pose[:, :2] - [0, 0.1]
    world.sims.forward()
    for _ in range(60):
        world.step(idle(world, 0) | {"pusher": np.array([[0.0, 1]] * 4)})
        assert not task.inside().any()
    assert (task.sled[:, 1] < task.bin[:, 1] - 0.05).all()


def test_unlike_bodies_have_spaces_of_their_own_and_each_group_can_be_learnt_with_the_other_as_partner():
    world = envs.make("SortTogether-v0")
    assert world.groups == {"gripper": ("gripper",), "pusher": ("pusher",)}
    assert world.action_spaces["gripper"].shape == (4,) and world.action_spaces["pusher"].shape == (2,)
    for group, other in (("gripper", "pusher"), ("pusher", "gripper")):
        view = Sb3View("SortTogether-v0", 2, group=group, partners={other: "random"})
        assert view.observation_space == world.observation_spaces[group]
        assert np.shape(view.reset())[1:] == view.observation_space.shape


@pytest.mark.parametrize("thing", ["cube_pose", "block_pose"])
def test_a_thing_that_falls_off_the_sorting_table_ends_the_episode_as_failed(thing):
    world = start("SortTogether-v0", 2)
    getattr(world.task, thing)[1, 1] = -0.5
    assert failed(world.step(idle(world, 0))) == [False, True]
