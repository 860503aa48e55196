"""Every registered world keeps the contract of core.World. A new task is covered the day it is registered."""

import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lives import IDS, TOYS, Actor, assert_same, live, make, row
from pettingzoo.test import parallel_api_test
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from ludus import envs
from ludus.envs.core import IN_PROCESS
from ludus.envs.instructions import parse
from ludus.envs.views.gym import GymView
from ludus.envs.views.instructed import Instructed

ALL = (*IDS, *TOYS)
every_id = pytest.mark.parametrize("name", IDS)
every_world = pytest.mark.parametrize("name", ALL)
every_varied_world = pytest.mark.parametrize("name", [n for n in ALL if n not in envs.ids("one-start")])


@pytest.fixture(scope="module")
def shared():
    """One world of three copies per name, for tests that reset it before they look."""
    worlds = {}
    yield lambda name: worlds.setdefault(name, make(name, 3))
    for world in worlds.values():
        world.close()


def threads(name, count):
    return {"nthread": count} if name in IDS and "mujoco" in envs.spec(name).tags else {}


# What others check


@every_id
def test_gymnasium_accepts_it(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".* play against each other")
        check_env(gymnasium.make(name).unwrapped, skip_render_check=True)


@every_world
def test_pettingzoo_accepts_it(name):
    from ludus.envs.views.parallel import ParallelView

    world = make(name, 1, max_episode_steps=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parallel_api_test(ParallelView(world), num_cycles=30)


@pytest.mark.parametrize("name", [*IDS, "Alone", "Team", "Choices"])
def test_stable_baselines_accepts_it(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_sb3(GymView(make(name)), skip_render_check=True)


# What it says about itself


@every_world
def test_it_says_truly_what_it_can_do(name, shared):
    world = shared(name)
    assert world.capabilities == IN_PROCESS, "a world that lacks one needs its own tests for the rest"
    members = [a for group in world.groups.values() for a in group]
    assert sorted(members) == sorted(world.agents) and len(set(members)) == len(members)
    for group in world.groups.values():
        assert len({str(world.observation_spaces[a]) + str(world.action_spaces[a]) for a in group}) == 1
    assert all(goal.skill in world.skills for goal in world.goals)


@every_world
def test_what_it_returns_has_the_shapes_and_types_of_the_contract(name, shared):
    world = shared(name)
    n = world.num_envs
    obs, info = world.reset(np.arange(n), [1, 2, 3])
    result = world.step(Actor(world, [1, 2, 3])())
    for seen in (obs, result.obs):
        assert set(seen) == set(world.agents)
        assert all(v.shape == (n, *world.observation_spaces[a].shape) for a, v in seen.items())
        assert all(v.dtype == world.observation_spaces[a].dtype for a, v in seen.items())
    assert set(result.reward) == set(result.terminated) == set(world.agents)
    assert all(r.shape == (n,) and r.dtype == np.float64 for r in result.reward.values())
    for flag in (*result.terminated.values(), result.truncated, result.info["success"], info["success"]):
        assert flag.shape == (n,) and flag.dtype == bool
    assert result.info.keys() == info.keys()
    assert all(len(v) == n for v in result.info.values())


@every_world
def test_an_episode_is_cut_off_at_its_length_and_not_before(name):
    world = make(name, 4, max_episode_steps=5)
    world.reset(np.arange(4), [1, 2, 3, 4])
    results = [world.step(world.scripted()) for _ in range(5)]
    cuts = np.array([result.truncated for result in results])
    assert not cuts[:4].any() and results[4].done.all()  # who is that quick has finished before


# Observations


@every_world
def test_observations_are_finite_inside_their_space_and_not_constant(name, shared):
    world = shared(name)
    life = live(world, [1, 2, 3], world.max_episode_steps + 2)
    for agent in world.agents:
        space = world.observation_spaces[agent]
        seen = np.concatenate([m[f"{part}.{agent}"] for m in life[1:] for part in ("obs", "final")])
        assert np.isfinite(seen).all()
        assert all(space.contains(r) for r in seen)
        assert (seen != seen[0]).any()
    assert all(np.isfinite(m[f"reward.{a}"]).all() for m in life[1:] for a in world.agents)


@every_world
def test_what_was_returned_is_never_written_to_again(name, shared):
    world = shared(name)
    actor, everyone = Actor(world, [1, 2, 3]), np.arange(3)
    kept, copies = [*world.reset(everyone, [1, 2, 3])], []
    for t in range(8):
        result = world.step(actor())
        kept += [result.obs, result.reward, result.terminated, {"t": result.truncated}, result.info]
        if t % 3 == 2:
            kept += [*world.reset(np.array([1]))]
        if t == 4:
            kept += [*world.restore(world.state())]
        copies += [{k: v.copy() for k, v in group.items()} for group in kept[len(copies) :]]
    for group, copy in zip(kept, copies, strict=True):
        assert all(np.array_equal(group[k], copy[k]) for k in group)
    arrays = [v for group in kept for v in group.values()]
    observations = [v for group in kept for k, v in group.items() if k in world.agents and v.dtype == np.float32]
    assert len({id(a) for a in arrays}) == len(arrays)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(observations) for b in observations[:i])


@every_varied_world
def test_starts_differ(name, shared):
    world = shared(name)
    first = world.reset(np.arange(3), [1, 2, 3])[0]
    second = world.reset(np.arange(3))[0]
    for agent in world.agents:
        rows = np.concatenate([first[agent], second[agent]])
        assert len(np.unique(rows, axis=0)) == 6


@every_world
def test_an_agent_that_ended_gets_zeros_until_its_copy_is_over(name, shared):
    world = shared(name)
    actor, gone = Actor(world, [1, 2, 3]), {a: np.zeros(3, bool) for a in world.agents}
    world.reset(np.arange(3), [1, 2, 3])
    for _ in range(world.max_episode_steps * 2):
        result = world.step(actor())
        for agent in world.agents:
            assert not result.obs[agent][gone[agent]].any() and not result.reward[agent][gone[agent]].any()
            assert result.terminated[agent][gone[agent]].all()
            gone[agent] |= result.terminated[agent]
        if result.done.any():
            world.reset(np.flatnonzero(result.done))
            for flags in gone.values():
                flags[result.done] = False


# One life


@pytest.mark.parametrize(
    ("name", "nthread"), [(n, t) for n in ALL for t in ((1, 4) if threads(n, 1) else (1,))], ids=str
)
def test_a_copy_of_a_batch_lives_as_a_single_world_with_its_seed(name, nthread):
    seeds = {n: range(100, 100 + n) for n in (3, 64, 257)}
    single = {s: live(make(name, 1, max_episode_steps=3, **threads(name, 1)), [s], 4) for s in (100, 102, 163, 356)}
    for n in seeds:
        life = live(make(name, n, max_episode_steps=3, **threads(name, nthread)), seeds[n], 4)
        for seed in single.keys() & set(seeds[n]):
            assert_same(row(life, seed - 100), single[seed])


@every_world
def test_a_copy_lives_as_a_single_world_for_a_whole_episode_and_into_the_next(name, shared):
    world = shared(name)
    life = live(world, [8, 9, 10], world.max_episode_steps + 4)
    assert any(m["last.done"].any() for m in life[1:])
    for copy in range(3):
        assert_same(row(life, copy), live(make(name), [8 + copy], world.max_episode_steps + 4))


@every_world
def test_the_same_seed_lives_the_same_life_again_in_the_same_world(name, shared):
    world = shared(name)
    steps = world.max_episode_steps + 3
    assert_same(live(world, [4, 4, 5], steps), live(world, [4, 4, 5], steps))
    life = live(world, [4, 4, 5], 3)
    assert_same(row(life, 0), row(life, 1))


def test_the_same_seed_lives_the_same_life_in_every_process():
    script = Path(__file__).with_name("lives.py")
    runs = [
        subprocess.Popen([sys.executable, script], env=os.environ | {"PYTHONHASHSEED": s}, stdout=subprocess.PIPE)
        for s in ("1", "2")
    ]
    one, other = (run.communicate()[0].decode() for run in runs)
    assert one == other
    assert [line.split()[0] for line in one.splitlines()] == list(ALL)


GLOBAL_DRAWS = [
    *(
        (np.random, draw)
        for draw in ("random", "rand", "randn", "uniform", "normal", "randint", "choice", "default_rng")
    ),
    *((random, draw) for draw in ("random", "uniform", "gauss", "randint", "choice", "shuffle", "seed", "sample")),
]


@every_world
def test_no_chance_comes_from_outside_the_world(name, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("global random numbers were drawn")

    lives = []
    for patched in (False, True):
        world = make(name, 2)
        actor = Actor(world, [1, 2])
        actions = [actor() for _ in range(6)]
        with monkeypatch.context() as patch:
            for module, draw in GLOBAL_DRAWS if patched else ():
                patch.setattr(module, draw, refuse)
            obs = world.reset(np.arange(2), [1, 2])[0]
            lives.append([obs] + [world.step(a).obs for a in actions])
    assert_same(*lives)


# State


@every_world
def test_restore_goes_on_bit_for_bit_here_and_in_a_world_made_anew(name, shared):
    world = shared(name)
    actor = Actor(world, [1, 2, 3])
    world.reset(np.arange(3), [1, 2, 3])
    for _ in range(world.max_episode_steps // 2):
        obs = world.step(actor()).obs
        world.reset(np.array([1]))
    obs = world.reset(np.array([2]))[0]
    state = world.state()
    kept = {k: v.copy() for k, v in state.items()}
    actions = [actor() for _ in range(world.max_episode_steps)]
    ahead = going_on(world, actions)
    assert all(np.array_equal(state[k], kept[k]) for k in kept), "a state must not change when its world goes on"
    assert any(m["last.done"].any() for m in ahead)
    for other in (world, make(name, 3)):
        assert_same([other.restore(state)[0]], [obs])
        assert_same(going_on(other, actions), ahead)


def going_on(world, actions):
    from ludus.envs.views import autoreset

    life = []
    for action in actions:
        result, obs, info = autoreset.step(world, action)
        life.append({f"obs.{a}": v for a, v in obs.items()} | {f"info.{k}": np.asarray(v) for k, v in info.items()})
        life[-1] |= {f"reward.{a}": v for a, v in result.reward.items()} | {"last.done": result.done}
    return life


@every_varied_world
def test_a_partial_reset_touches_no_other_copy(name):
    world, twin = make(name, 4), make(name, 4)
    actor, seeds = Actor(world, [1, 2, 3, 4]), [1, 2, 3, 4]
    others = [0, 2]
    for w in (world, twin):
        w.reset(np.arange(4), seeds)
    for _ in range(3):
        action = actor()
        before = world.step(action).obs
        twin.step(action)
    obs, _ = world.reset(np.array([1, 3]), [9, None])
    for agent in world.agents:
        assert np.array_equal(obs[agent][others], before[agent][others])
        assert (obs[agent][[1, 3]] != before[agent][[1, 3]]).any(axis=1).all()
    for key, array in world.state().items():
        assert np.array_equal(array[others], twin.state()[key][others]), key
    for _ in range(3):
        action = actor()
        one, two = world.step(action), twin.step(action)
        assert all(np.array_equal(one.obs[a][others], two.obs[a][others]) for a in world.agents)


# Actions


def proper(world):
    world.reset(np.arange(3), [1, 2, 3])
    return Actor(world, [1, 2, 3])()


@every_world
def test_an_action_that_is_not_finite_is_refused_by_agent_and_copy(name, shared):
    world = shared(name)
    for agent, bad in [(a, bad) for a in world.agents for bad in (np.nan, np.inf, -np.inf)]:
        actions = {a: np.array(v, float) for a, v in proper(world).items()}
        actions[agent].reshape(3, -1)[2, 0] = bad
        with pytest.raises(ValueError, match=rf"{agent!r} in copy 2 is not finite"):
            world.step(actions)


@every_world
def test_a_misshapen_or_missing_action_is_refused_by_agent(name, shared):
    world = shared(name)
    for agent in world.agents:
        good = proper(world)
        for bad in (
            good[agent][:2],
            good[agent][..., :1][:, None],
            good[agent][None],
            "up",
            None,
            [[1], [2, 3]],
            good[agent] * 1j,
        ):
            with pytest.raises(ValueError, match=f"{agent!r}"):
                world.step(good | {agent: bad})
        with pytest.raises(ValueError, match=f"{agent!r}"):
            world.step({a: v for a, v in good.items() if a != agent})


anything = st.one_of(
    hnp.arrays(
        st.one_of(hnp.floating_dtypes(), hnp.integer_dtypes(), hnp.complex_number_dtypes(), st.just(np.dtype(object))),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    hnp.arrays(np.float64, (3, 4)),
    hnp.arrays(np.float32, (3, 2)),
    st.none(),
    st.text(max_size=3),
    st.lists(st.lists(st.floats(), max_size=4), max_size=4),
)


@every_world
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=anything)
def test_whatever_is_given_as_an_action_is_clipped_or_refused_by_name(name, shared, bad):
    world = shared(name)
    good, agent = proper(world), world.agents[-1]
    before = world.state()
    try:
        result = world.step(good | {agent: bad})
    except ValueError as error:
        assert repr(agent) in str(error)
        after = world.state()
        assert all(np.array_equal(before[k], after[k]) for k in before), "a refused step must change nothing"
    else:
        assert all(np.isfinite(v).all() for v in (*result.obs.values(), *result.reward.values()))


@every_id
def test_an_action_beyond_its_bounds_is_clipped_and_never_written_to_and_a_choice_refused(name):
    world, twin = make(name, 2), make(name, 2)
    for w in (world, twin):
        w.reset(np.arange(2), [1, 2])
    far = {a: np.full((2, *(s.shape or ())), 1e300) for a, s in world.action_spaces.items()}
    edge = {a: np.ones((2, *(s.shape or ()))) for a, s in world.action_spaces.items()}
    if not all(isinstance(s, spaces.Box) for s in world.action_spaces.values()):
        with pytest.raises(ValueError, match=rf"action of {world.agents[0]!r} in copy 0 is not in"):
            world.step(far)
        return
    assert_same([world.step(far).obs], [twin.step(edge).obs])
    assert all((v == 1e300).all() for v in far.values())


# Words


@every_varied_world
def test_descriptions_are_words_that_change_with_what_they_describe(name, shared):
    world = shared(name)
    world.reset(np.arange(3), [1, 2, 3])
    for agent in world.agents:
        said = [world.describe(i, agent) for i in range(3)]
        assert all(isinstance(s, str) and s.strip() for s in said)
        assert len(set(said)) > 1


@every_world
def test_every_wording_of_every_skill_parses_back_to_its_instruction(name, shared):
    world = shared(name)
    for skill in world.skills:
        assert skill.wordings and skill.held_out and skill.chinese, skill.name
        for instruction in skill.instructions():
            for wording in (*skill.wordings, *skill.held_out, *skill.chinese):
                for said in (instruction.phrase(wording), f" {instruction.phrase(wording).upper()}. "):
                    meant = parse(said, world.skills)
                    assert (meant.skill, meant.arguments) == (skill, instruction.arguments)


@every_world
def test_a_skill_says_for_every_copy_whether_it_is_achieved_and_how_far(name, shared):
    world = shared(name)
    actor = Actor(world, [1, 2, 3])
    world.reset(np.arange(3), [1, 2, 3])
    for _ in range(5):
        for skill in world.skills:
            for instruction in skill.instructions():
                achieved, progress = instruction.achieved(world), instruction.progress(world)
                assert achieved.shape == (3,) and achieved.dtype == bool
                assert progress.shape == (3,) and progress.dtype.kind == "f"
                assert ((progress >= 0) & (progress <= 1)).all()
        world.step(actor())


@every_world
def test_what_is_feasible_can_be_said(name, shared):
    world = shared(name)
    world.reset(np.arange(3), [1, 2, 3])
    for agent in world.agents:
        feasible = world.feasible(0, agent)
        assert feasible
        for instruction in feasible:
            assert parse(instruction.text, world.skills).skill is instruction.skill


@every_world
def test_success_means_that_the_goal_is_achieved(name, shared):
    world = shared(name)
    _, info = world.reset(np.arange(3), [1, 2, 3])
    met = [goal.achieved(world) for goal in world.goals]
    assert np.array_equal(info["success"], np.stack(met)[world.aim, np.arange(3)])


@every_world
def test_an_instructed_world_keeps_the_contract_too(name):
    seeds, steps = [1, 2, 3], 9
    batch = live(Instructed(make(name, 3, max_episode_steps=5), progress=1.0, success=1.0), seeds, steps)
    for copy, seed in enumerate(seeds):
        single = Instructed(make(name, 1, max_episode_steps=5), progress=1.0, success=1.0)
        assert_same(row(batch, copy), live(single, [seed], steps))


@every_world
def test_a_world_can_be_closed_twice(name):
    world = make(name)
    world.close()
    world.close()
