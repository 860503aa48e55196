"""What the seven-joint arm promises: the published figures, a hand that obeys, and nothing that breaks it."""

from typing import Any

import numpy as np
import pytest
from acting import success

from ludus import envs
from ludus.envs.mujoco.arms.inverse import damped, solve
from ludus.envs.mujoco.arms.panda import SHARE, SPEED

both_controls = pytest.mark.parametrize("control", ["ee", "joint"])

# Franka Emika, "Robot and interface specifications": a, d, alpha (Craig's convention) of each joint and of the flange
KINEMATICS = [
    (0, 0.333, 0),
    (0, 0, -np.pi / 2),
    (0, 0.316, np.pi / 2),
    (0.0825, 0, np.pi / 2),
    (-0.0825, 0.384, -np.pi / 2),
    (0, 0, np.pi / 2),
    (0.088, 0, np.pi / 2),
    (0, 0.107, 0),
]
PADS = 0.0964  # from the flange to the middle of the fingers' pads, m: 7 mm before Franka's tool centre
# lowest and highest angle, rad; velocity, rad/s; torque, N m (as above); mass, kg (Gaz et al. 2019)
FIGURES = [
    (-2.8973, 2.8973, 2.175, 87, 4.970684),
    (-1.7628, 1.7628, 2.175, 87, 0.646926),
    (-2.8973, 2.8973, 2.175, 87, 3.228604),
    (-3.0718, -0.0698, 2.175, 87, 3.587895),
    (-2.8973, 2.8973, 2.61, 12, 1.225946),
    (-0.0175, 3.7525, 2.61, 12, 1.666555),
    (-2.8973, 2.8973, 2.61, 12, 0.735522),
]


def start(name="Reach-v0", num_envs=1, **settings) -> Any:
    world = envs.make(name, num_envs, **{"body": "panda", "horizon": 1000} | settings)
    world.reset(np.arange(num_envs), range(num_envs))
    return world


def tilt(world):
    """(n,) degrees between the hand and upright, turning about its own axis included."""
    axes = world.sims.site("arm/grip").xmat
    return np.degrees(np.arccos(np.clip((axes[:, 0] + axes[:, 4] + axes[:, 8] - 1) / 2, -1, 1)))


def published(joints):
    """Where the pads' middle is, seen from the base, and the flange's axes as columns, at seven angles."""
    pose = np.eye(4)
    for (a, d, alpha), theta in zip(KINEMATICS, [*joints, 0], strict=True):
        ca, sa, ct, st = np.cos(alpha), np.sin(alpha), np.cos(theta), np.sin(theta)
        pose = pose @ [
            [ct, -st, 0, a],
            [st * ca, ct * ca, -sa, -d * sa],
            [st * sa, ct * sa, ca, d * ca],
            [0, 0, 0, 1],
        ]
    return pose[:3, 3] + PADS * pose[:3, 2], pose[:3, :3]


# Figures


def test_the_fingertips_are_where_the_published_kinematics_say():
    world = start(num_envs=40)
    arm, axes = world.task.arm, world.sims.site("arm/grip").xmat
    low, high = np.array(FIGURES)[:, :2].T
    arm.joints[:] = np.random.default_rng(0).uniform(low, high, (40, 7))
    world.sims.forward()
    for joints, grip, turned in zip(arm.joints, arm.grip, axes.reshape(-1, 3, 3), strict=True):
        place, flange = published(joints)
        assert np.abs(grip - [-0.5, 0, 0] - place).max() < 1e-7, "the base stands 0.5 m behind the arm's middle"
        assert np.abs(turned[:, 2] + flange[:, 2]).max() < 1e-7, "the hand looks along the flange's axis"
        across = (flange[:, 0] + flange[:, 1]) / np.sqrt(2)  # the hand is turned by -45 degrees on the flange
        assert np.abs(turned[:, 0] - across).max() < 1e-7


@pytest.mark.parametrize("joint", range(7))
def test_limits_and_masses_are_the_published_ones(joint):
    model = start().sims.model
    low, high, speed, torque, mass = FIGURES[joint]
    name = f"arm/joint{joint + 1}"
    assert model.joint(name).range.tolist() == [low, high]
    assert model.actuator(name).ctrlrange.tolist() == [-speed, speed]
    assert model.actuator(name).forcerange.tolist() == [-torque, torque]
    assert model.body(f"arm/link{joint + 1}").mass[0] == mass


def test_the_fingers_have_the_published_stroke_and_close_on_the_middle():
    world = start(num_envs=2)
    assert sum(world.sims.model.joint(f"arm/{side}").range[1] for side in ("left", "right")) == 0.08
    for _ in range(15):
        world.step({"arm": np.array([[0, 0, 0, -1.0], [0, 0, 0, 1.0]])})
    assert np.allclose(world.task.fingers, [[0, 0], [0.04, 0.04]], atol=0.003)


def test_the_seven_joint_arm_tells_what_the_gripper_tells_so_that_policies_move_over():
    panda, gripper, joints = start(), start(body="gripper"), start(control="joint")
    assert panda.task.entries == gripper.task.entries and panda.task.actions == gripper.task.actions
    extra = joints.observation_spaces["arm"].shape[0] - panda.observation_spaces["arm"].shape[0]
    assert (extra, joints.action_spaces["arm"].shape) == (14, (8,))


def test_a_wrong_body_or_control_is_named():
    with pytest.raises(ValueError, match="panda"):
        envs.make("Lift-v0", body="pandas")
    with pytest.raises(ValueError, match="joint"):
        envs.make("Lift-v0", body="panda", control="joints")


# The hand obeys


@pytest.mark.parametrize("turn", [0, 90, 180])
def test_the_fingertips_begin_where_they_are_placed_and_the_hand_upright(turn):
    world = start(num_envs=60)
    arm = world.task.arm
    arm.turn, arm._cos, arm._sin = turn, round(np.cos(np.radians(turn))), round(np.sin(np.radians(turn)))
    offset = np.random.default_rng(1).uniform([-0.2, -0.2, -0.22], [0.2, 0.2, 0.06], (30, 3))
    others = arm.joints[30:].copy()
    arm.place(np.arange(30), offset)
    world.sims.forward()
    own = arm.own(offset) if turn else offset
    assert np.abs(arm.grip[:30] - own - [0, 0, 0.24]).max() < 1e-7 and tilt(world)[:30].max() < 1e-4
    assert (arm.joints[30:] == others).all()


def test_the_hand_moves_as_asked_and_stays_upright():
    """Along each axis at full speed, and between them at half: within 5 % once it is under way, and 2 degrees."""
    between = [v for v in np.ndindex(3, 3, 3) if v != (1, 1, 1)]
    way = np.concatenate([np.eye(3), -np.eye(3), (np.array(between) - 1) / 2])
    world = start(num_envs=len(way))
    world.task.arm.place(np.arange(len(way)), np.zeros((len(way), 3)))
    world.sims.forward()
    action = np.column_stack([way, np.zeros(len(way))])
    for step in range(8):
        if step == 4:
            before = world.task.grip.copy()
        world.step({"arm": action})
        assert tilt(world).max() < 2
    moved = (world.task.grip - before) / (4 / world.render_fps)
    off = np.linalg.norm(moved - SPEED * way, axis=1) / np.linalg.norm(SPEED * way, axis=1)
    assert off.max() < 0.05, off.max()


def test_a_hand_that_was_turned_rights_itself_and_stays_where_it_is():
    world = start(num_envs=12)
    world.task.arm.place(np.arange(12), np.zeros((12, 3)))
    world.task.arm.joints[:, 3:] += np.random.default_rng(5).uniform(-0.2, 0.2, (12, 4))
    world.sims.forward()
    before = world.task.grip.copy()
    assert np.median(tilt(world)) > 5
    for _ in range(30):
        world.step({"arm": np.zeros((12, 4))})
    assert tilt(world).max() < 0.5 and np.abs(world.task.grip - before).max() < 0.01


def test_a_joint_turns_as_asked():
    world = start(num_envs=7, control="joint")
    for _ in range(5):
        world.step({"arm": np.column_stack([np.eye(7), np.zeros(7)])})
    speed = SHARE * np.array(FIGURES)[:, 2]
    assert np.allclose(world.task.arm.turning, np.diag(speed), atol=0.03)


@both_controls
@pytest.mark.parametrize("name", ["Reach-v0", "Push-v0", "Lift-v0"])
def test_the_scripts_solve_their_tasks_with_the_seven_joint_arm(name, control):
    horizon = envs.make(name).max_episode_steps
    assert success(start(name, 100, control=control, horizon=horizon)) >= 0.95


def test_two_arms_that_face_each_other_lift_together():
    assert success(start("TwoArmLift-v0", 40, horizon=60)) >= 0.95


# Nothing breaks it


@both_controls
def test_ten_seconds_of_the_hardest_way_to_act_break_nothing(control):
    world = start("Lift-v0", 32, control=control)
    rng, (low, high, speed, *_) = np.random.default_rng(2), np.array(FIGURES).T
    arm, width = world.task.arm, world.action_spaces["arm"].shape[0]
    for step in range(250):
        if step % 3 == 0:
            action = rng.choice([-1.0, 1.0], (32, width))
        result = world.step({"arm": action * (100 if step % 2 else 1)})
        assert np.isfinite(result.obs["arm"]).all() and np.isfinite(result.reward["arm"]).all()
        assert (arm.joints > low - 0.05).all() and (arm.joints < high + 0.05).all()
        assert (np.abs(arm.turning) < 4 * speed).all(), "the table throws the wrist about, and no more"
    assert not world.diverged.any()


def test_a_hand_that_is_driven_beyond_its_reach_stands_still_and_comes_back():
    """Into every corner of the workspace, for four seconds each."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * 2.0 - 1
    world = start(num_envs=8)
    for _ in range(100):
        world.step({"arm": np.column_stack([corners, np.zeros(8)])})
    assert np.abs(world.task.arm.turning).max() < 0.1
    for _ in range(60):
        world.step({"arm": world.task.arm.go(np.tile([0, 0, 0.2], (8, 1)), closed=-1)})
    assert np.abs(world.task.grip - [0, 0, 0.2]).max() < 0.005 and tilt(world).max() < 1


def test_velocities_stay_finite_where_the_arm_is_singular():
    straight = np.zeros((6, 7, 1))
    straight[np.arange(5), np.arange(5), 0] = 1  # no joint moves along the sixth direction
    wanted = np.ones((6, 1))
    assert np.allclose(damped(straight, wanted, np.zeros((7, 1)), 0.03)[:, 0], [1, 1, 1, 1, 1, 0, 0], atol=1e-3)
    nearly = straight.copy()
    nearly[5, 5] = 1e-3
    assert np.abs(damped(nearly, wanted, np.zeros((7, 1)), 0.03)).max() < 2


def test_the_inverse_is_the_one_of_linear_algebra():
    rng = np.random.default_rng(3)
    jacobian, wanted, pull = rng.normal(size=(6, 7, 9)), rng.normal(size=(6, 9)), rng.normal(size=(7, 9))
    found = damped(jacobian, wanted, pull, 0.1)
    for i in range(9):
        j = jacobian[:, :, i]
        best = pull[:, i] + j.T @ np.linalg.solve(j @ j.T + 0.01 * np.eye(6), wanted[:, i] - j @ pull[:, i])
        assert np.allclose(found[:, i], best)
        assert np.allclose(j @ damped(jacobian, wanted, pull, 1e-6)[:, i], wanted[:, i], atol=1e-6)
    square = np.einsum("ikn,jkn->ijn", jacobian, jacobian)
    assert np.allclose(np.einsum("ijn,jn->in", square, solve(square.copy(), wanted.copy())), wanted)


# One life, alone and among others


def live(num_envs, control, steps=24):
    """What the first three copies (or fewer) see and are paid, under the script disturbed alike."""
    world = start("Lift-v0", num_envs, control=control, horizon=15)
    rng, seen = np.random.default_rng(4), []
    for _ in range(steps):
        noise = rng.uniform(-0.5, 0.5, (3, world.action_spaces["arm"].shape[0]))
        action = world.scripted()["arm"]
        action[:3] += noise[:num_envs]
        result = world.step({"arm": action})
        seen.append(np.column_stack([result.obs["arm"], result.reward["arm"]])[:3])
        if result.done.any():
            world.reset(np.flatnonzero(result.done))
    return np.stack(seen)


@both_controls
def test_a_copy_lives_the_same_life_alone_and_among_others(control):
    alone = live(3, control)
    for number in (1, 64, 257):
        assert live(number, control).tobytes() == alone[:, :number].tobytes(), number


@both_controls
def test_it_goes_on_from_a_saved_state_as_if_nothing_had_been(control):
    worlds = [start("Lift-v0", 4, control=control) for _ in range(2)]
    for _ in range(10):
        worlds[0].step(worlds[0].scripted())
    worlds[1].restore(worlds[0].state())
    for _ in range(20):
        one, other = (world.step(world.scripted()).obs["arm"] for world in worlds)
        assert one.tobytes() == other.tobytes()
