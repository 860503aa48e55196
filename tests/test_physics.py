"""Physics that varies and drifts, pictures as observations, hostile actions, things thrown away: what holds for all."""

import sys
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
import pytest
from acting import start
from lives import Actor, assert_same, live, row

from ludus import envs
from ludus.envs.mujoco.physics import PACE
from ludus.envs.mujoco.render import Eyes, RenderingUnavailable
from ludus.envs.mujoco.task import Task
from ludus.envs.views import instructed
from ludus.envs.views.parallel import ParallelView
from ludus.envs.views.sb3 import Sb3View

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from hostile_actions import suffer  # type: ignore[import-not-found]

ALL: dict[str, Any] = {
    "vary_mass": 0.5,
    "vary_friction": 0.5,
    "vary_gain": 0.3,
    "physics_drift": 0.5,
    "latency": 3,
    "noise": 0.01,
}
QUIET: dict[str, Any] = {**ALL, "noise": 0.0}
SHARED = (*ALL, "demo_starts", "demo_rate", "obs", "size")
every_robot = pytest.mark.parametrize("name", envs.ids("mujoco"))


def steps(world, count):
    """The observations of so many scripted steps."""
    return [world.step(world.scripted()).obs for _ in range(count)]


# Settings of every task


@every_robot
def test_no_task_gives_a_shared_setting_another_meaning(name):
    task = envs.make(name).unwrapped.task  # type: ignore[attr-defined]
    for setting in SHARED:
        assert getattr(task, setting) == getattr(Task, setting), setting


@every_robot
def test_what_is_not_asked_for_costs_nothing(name):
    world = start(name, 2)
    model = world.sims.model
    assert world.physics is None and not [k for k in world.state() if k.startswith("physics")]
    for field in ("body_mass", "geom_friction", "actuator_gainprm", "dof_invweight0"):
        assert world.sims.expanded(field) is None, field
    assert not any(k.startswith("physics/") for k in world.step(world.scripted()).info)
    one = start(name, 2, vary_friction=0.1)
    assert one.sims.expanded("geom_friction").shape == (2, *model.geom_friction.shape)
    assert one.sims.expanded("body_mass") is None and one.sims.expanded("actuator_gainprm") is None


@pytest.mark.parametrize(
    ("setting", "value"),
    [("vary_mass", -0.1), ("noise", np.inf), ("latency", -1), ("latency", 0.5), ("obs", "pixel"), ("size", 0)],
)
def test_a_setting_that_makes_no_sense_is_named(setting, value):
    with pytest.raises(ValueError, match=setting if setting != "obs" else "did you mean|there is: rgb, state"):
        envs.make("Lift-v0", **{setting: value})
    assert start("Lift-v0", 1, vary_mass=1).physics.vary[0] == np.log(2), "a whole number will do"


# One life, whatever the batch


@every_robot
def test_a_copy_whose_physics_varies_lives_as_a_single_world_and_into_the_next_episode(name):
    batch = live(envs.make(name, 5, max_episode_steps=6, nthread=2, **ALL), range(5), 14)
    for copy in (0, 4):
        single = live(envs.make(name, 1, max_episode_steps=6, nthread=1, **ALL), [copy], 14)
        assert_same(row(batch, copy), single)


@every_robot
def test_a_world_whose_physics_varies_goes_on_bit_for_bit(name):
    world = start(name, 3, max_episode_steps=12, **ALL)
    actor = Actor(world, [1, 2, 3])
    for _ in range(5):
        world.step(actor())
    obs = world.reset(np.array([1]))[0]
    state, actions = world.state(), [actor() for _ in range(9)]
    ahead = [*map(world.step, actions)]
    for other in (world, envs.make(name, 3, max_episode_steps=12, **ALL)):
        assert_same([other.restore(state)[0]], [obs])
        for action, meant in zip(actions, ahead, strict=True):
            result = other.step(action)
            assert_same([result.obs, result.reward, result.info], [meant.obs, meant.reward, meant.info])


def test_a_partial_reset_leaves_noise_delay_and_factors_of_the_others_alone():
    world = start("TwoArmLift-v0", 3, **ALL)
    before = world.step(world.scripted())
    obs, info = world.reset(np.array([1]))
    for name in info:
        assert (info[name][[0, 2]] == before.info[name][[0, 2]]).all()
    assert all((obs[a][[0, 2]] == before.obs[a][[0, 2]]).all() and (obs[a][1] != before.obs[a][1]).any() for a in obs)
    assert info["physics/mass"][1] != before.info["physics/mass"][1]


# What the settings do


def test_factors_are_log_uniform_within_their_bounds_and_new_in_every_episode():
    world = start("Reach-v0", 500, vary_mass=1.0, vary_gain=0.2)
    first = world._info(np.zeros(500, bool))
    for name, bound in {"mass": 2.0, "gain": 1.2}.items():
        share = np.log(first[f"physics/{name}"]) / np.log(bound)
        assert (np.abs(share) <= 1).all() and np.abs(share.mean()) < 0.1 and np.abs(share.std() - 3**-0.5) < 0.05
    assert "physics/friction" not in first and "physics/latency" not in first
    again = world.reset(np.arange(500))[1]
    assert np.abs(np.corrcoef(again["physics/mass"], first["physics/mass"])[0, 1]) < 0.2


def test_starts_are_those_of_the_world_that_does_not_vary():
    plain, varied = (start("Lift-v0", 4, **s) for s in ({}, QUIET))
    assert_same([plain._observe()], [varied._observe()])
    assert any((a["arm"] != b["arm"]).any() for a, b in zip(steps(plain, 9), steps(varied, 9), strict=True))


def test_drift_is_slow_survives_episodes_stays_in_its_bounds_and_starts_anew_with_a_seed():
    world = start("Reach-v0", 100, physics_drift=0.5)
    bound, walks = np.log(1.5), []
    for _ in range(200):
        world.reset(np.arange(100))
        walks.append(world.physics.walk.copy())
    walks = np.array(walks)
    assert np.abs(walks).max() <= bound and np.abs(np.diff(walks, axis=0)).max() <= PACE * bound
    assert np.abs(walks[4]).max() < 0.9 * bound < np.abs(walks).max(), "it takes many episodes to get far"
    assert (walks[:, :, 0].max(axis=0) - walks[:, :, 0].min(axis=0) > bound).mean() > 0.9, "all get around"
    assert np.array_equal(world._info(np.zeros(100, bool))["physics/mass"], np.exp(walks[-1][:, 0]))
    assert not start("Reach-v0", 3, physics_drift=0.5).physics.walk.any()
    world.reset(np.array([3]), [7])
    assert not world.physics.walk[3].any() and world.physics.walk[4].any()


def test_mass_friction_and_gain_act_as_they_say():
    world = start("Lift-v0", 2, vary_mass=0.1, vary_friction=0.1, vary_gain=0.1)
    world.physics.factor[:] = [[1, 1, 1], [2, 3, 0.5]]
    world.physics.restored()
    usual, changed = (world.sims.get_model(i) for i in range(2))
    assert (
        np.array_equal(changed.body_mass, 2 * usual.body_mass) and changed.body_subtreemass[0] > usual.body_mass.sum()
    )
    assert np.array_equal(changed.geom_friction, 3 * usual.geom_friction)
    cube = usual.joint("cube").dofadr[0]
    assert np.isclose(changed.dof_invweight0[cube], usual.dof_invweight0[cube] / 2), "what follows from mass follows"
    world.sims.model.opt.gravity[:] = 0
    for _ in range(10):
        world.step({"arm": np.array([[0.3, 0, 0, -1.0]] * 2)})
    speed = world.sims.bind("qvel")[:, usual.joint("arm/x").dofadr[0]]
    assert np.isclose(speed[1], speed[0] / 2, rtol=0.05), "half the gain, half the speed"


def test_a_late_action_arrives_after_its_delay_and_not_before():
    late, prompt = start("Reach-v0", 40, latency=4), start("Reach-v0", 40)
    delay = late._info(np.zeros(40, bool))["physics/latency"]
    assert set(delay.tolist()) == {0, 1, 2, 3, 4}
    actions = np.random.default_rng(0).uniform(-1, 1, (12, 40, 4))
    for t in range(12):
        late.step({"arm": actions[t]})
        arriving = np.array([actions[t - d, i] if t >= d else np.zeros(4) for i, d in enumerate(delay)])
        prompt.step({"arm": arriving})
        assert np.array_equal(late.sims.state, prompt.sims.state)
    late.reset(np.arange(40), range(40))
    for sent in late.physics.state()["physics.sent.arm"]:
        assert not sent.any(), "a new episode begins with nothing under way"


def test_noise_is_normal_of_the_given_size_new_at_every_step_and_leaves_reward_and_physics_alone():
    noisy, clean = start("Reach-v0", 300, noise=0.02), start("Reach-v0", 300)
    bound, errors = clean.observation_spaces["arm"].high, []
    for _ in range(4):
        a, b = noisy.step(clean.scripted()), clean.step(clean.scripted())
        errors.append((a.obs["arm"] - b.obs["arm"]) / bound)
        assert np.array_equal(a.reward["arm"], b.reward["arm"])
    inner = np.array(errors)[:, :, :3]  # well inside its bounds
    assert np.abs(inner.mean()) < 0.002 and np.abs(inner.std() - 0.02) < 0.002
    assert np.abs(np.corrcoef(inner[0].ravel(), inner[1].ravel())[0, 1]) < 0.1


def test_a_copy_that_diverges_keeps_its_physics():
    world = start("Lift-v0", 2, **ALL)
    before = world.step(world.scripted()).info
    world.sims.bind("qvel")[1] = 1e12
    result = world.step(world.scripted())
    assert result.info["diverged"].tolist() == [False, True] and result.truncated[1]
    assert all(np.array_equal(result.info[k], v) for k, v in before.items() if k.startswith("physics/"))


# Pictures


@every_robot
def test_every_agent_may_see_pictures_instead_of_numbers(name):
    world = start(name, 2, obs="rgb", size=48)
    obs = world.step(world.scripted()).obs
    for agent in world.agents:
        space = world.observation_spaces[agent]
        assert space == gymnasium.spaces.Box(0, 255, (48, 48, 3), np.uint8)
        assert all(space.contains(picture) and picture.std() > 5 for picture in obs[agent])
        assert (obs[agent][0] != obs[agent][1]).any()
    later = steps(world, 3)[-1]
    assert all((later[a] != obs[a]).any() for a in obs)
    own = {c.name for c in map(world.sims.model.camera, range(world.sims.model.ncam))}
    if all(f"{a}/eye" in own for a in world.agents) and len(world.agents) > 1:
        assert len({obs[a].tobytes() for a in obs}) == len(obs), "each from its own place"
    world.close()


def test_pictures_are_the_same_whatever_the_batch_and_after_a_restore():
    batch, single = (envs.make("Lift-v0", n, obs="rgb", size=48, max_episode_steps=4) for n in (3, 1))
    life = live(batch, [1, 2, 3], 6)
    assert_same(row(life, 1), live(single, [2], 6))
    batch.reset(np.arange(3), [1, 2, 3])
    state, obs = batch.state(), steps(batch, 2)
    batch.restore(state)
    assert_same(steps(batch, 2), obs)
    batch.close()
    single.close()


def test_pictures_show_the_world_that_the_numbers_tell_of_and_take_no_noise():
    seen, numbers = start("Lift-v0", 2, obs="rgb", size=48, **QUIET), start("Lift-v0", 2)
    eyes = Eyes(numbers.sims, numbers.agents, "front", 48)
    pictures = eyes.look(np.arange(2))["arm"]
    assert seen.physics is not None and np.array_equal(seen._last["arm"], pictures)
    eyes.close()
    with pytest.raises(ValueError, match='needs obs="state"'):
        envs.make("Lift-v0", obs="rgb", noise=0.1)
    seen.close()


def test_pictures_pass_through_every_view():
    settings = {"obs": "rgb", "size": 40}
    one = gymnasium.make("ludus/Lift-v0", **settings)
    assert one.observation_space.contains(one.reset(seed=1)[0]) and one.observation_space.shape == (40, 40, 3)
    many = gymnasium.make_vec("ludus/Lift-v0", num_envs=2, **settings)
    obs = many.reset(seed=1)[0]
    assert many.observation_space.contains(obs) and np.array_equal(obs[0], one.reset(seed=1)[0])
    joint = gymnasium.make("ludus/TwoArmLift-v0", **settings)
    obs = joint.reset(seed=1)[0]
    parallel = ParallelView("TwoArmLift-v0", **settings)
    apart = parallel.reset(seed=1)[0]
    assert joint.observation_space.contains(obs)
    assert np.array_equal(obs, np.concatenate([apart["left"], apart["right"]], axis=-1))
    for view in (one, many, joint, parallel):
        view.close()


def test_stable_baselines_learns_from_pictures():
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecTransposeImage

    env = Sb3View("TwoArmLift-v0", 4, obs="rgb", size=36, max_episode_steps=3)
    ppo = PPO("CnnPolicy", env, n_steps=4, batch_size=8, n_epochs=1)
    assert isinstance(ppo.get_env(), VecTransposeImage)
    ppo.learn(32)
    assert ppo.num_timesteps == 32
    env.close()


def test_an_instruction_has_no_place_behind_a_picture_and_says_so():
    world = start("Lift-v0", 1, obs="rgb", size=40)
    with pytest.raises(ValueError, match="behind a Box of one dimension"):
        instructed.Instructed(world)
    world.close()


def test_without_opengl_pictures_are_refused_in_one_line(monkeypatch):
    def fail(*_):
        raise AttributeError("'NoneType' object has no attribute 'glGetError'")

    monkeypatch.setattr(mujoco, "Renderer", fail)
    with pytest.raises(RenderingUnavailable) as refused:
        envs.make("Lift-v0", obs="rgb")
    assert "cannot draw" in str(refused.value) and "\n" not in str(refused.value)


# Hostile actions: a slice of what benchmarks/hostile_actions.py does for ten thousand episodes


@every_robot
@pytest.mark.parametrize("kind", ["extreme", "beyond", "broken"])  # test_robots has the others
def test_nothing_that_is_asked_for_breaks_a_task(name, kind):
    count = suffer(envs.make(name, 8, max_episode_steps=20), kind, episodes=8, seed=3)
    assert count["episodes"] >= 8 and not count["not_finite"] and not count["not_refused"] and not count["diverged"]


# Things thrown away


@every_robot
@pytest.mark.parametrize("place", [(3, 0, 0.05), (0, -3, 0.05), (0, 0, -0.4)])
def test_a_thing_thrown_away_or_under_the_table_ends_the_episode_as_failed(name, place):
    world = start(name, 2)
    model = world.sims.model
    free = [i for i in range(model.njnt) if model.jnt_type[i] == mujoco.mjtJoint.mjJNT_FREE]
    for joint in free:
        world = start(name, 2, substeps=5)  # longer, and the table may have thrown it up again
        at = model.jnt_qposadr[joint]
        world.sims.bind("qpos")[1, at : at + 3] = place
        world.sims.forward(stage=int(mujoco.mjtStage.mjSTAGE_VEL))
        result = world.step({a: np.zeros((2, *world.action_spaces[a].shape)) for a in world.agents})
        told = f"{model.joint(joint).name} at {place}"
        assert all(t.tolist() == [False, True] for t in result.terminated.values()), told
        assert not result.info["success"][1] and not result.info["diverged"][1], told
