"""What the MuJoCo tasks promise: solvable, not by chance and not alone; and a breakdown harms one copy only."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from acting import bang, idle, random, scripted, start, straight, success

from ludus import envs
from ludus.envs.instructions import HashedWords
from ludus.envs.mujoco.page import page
from ludus.envs.mujoco.render import Camera
from ludus.envs.mujoco.rewards import dist

every_robot = pytest.mark.parametrize("name", envs.ids("mujoco"))
every_team = pytest.mark.parametrize("name", envs.ids("mujoco", "cooperative"))
every_game = pytest.mark.parametrize("name", envs.ids("mujoco", "competitive"))
every_choice = pytest.mark.parametrize("name", envs.ids("mujoco", "choice"))
every_avoider = pytest.mark.parametrize("name", envs.ids("mujoco", "avoidance"))


# Can be solved, not by chance, not alone


@pytest.mark.parametrize("name", [n for n in envs.ids("mujoco") if n not in envs.ids("mujoco", "competitive")])
def test_the_script_solves_it(name):
    assert success(start(name, 100), scripted) >= 0.95


@every_game
def test_the_script_of_each_side_beats_a_random_opponent_nine_times_in_ten(name):
    """Success is that of the first group; a draw is the second one's."""
    groups = envs.make(name).groups
    for group, members in groups.items():

        def one_side(world, step, members=members):
            script = world.scripted()
            return random(world, step) | {agent: script[agent] for agent in members}

        won = success(start(name, 100), one_side)
        assert (won if group == next(iter(groups)) else 1 - won) >= 0.9, group


@every_robot
@pytest.mark.parametrize("policy", [idle, random])
def test_it_is_not_solved_by_doing_nothing_or_anything(name, policy):
    world = start(name, 64)
    assert not world.task.success().any(), "an episode began solved"
    assert success(world, policy) < 0.05


@every_team
def test_no_agent_may_be_idle(name):
    for lazy in envs.make(name).agents:
        assert success(start(name, 32), lambda w, t, lazy=lazy: w.scripted() | {lazy: idle(w, t)[lazy]}) < 0.1, lazy


@every_team
def test_no_agent_may_repeat_what_another_does(name):
    for parrot, other in [(a, b) for group in envs.make(name).groups.values() for a in group for b in group if a != b]:

        def repeat(world, step, parrot=parrot, other=other):
            actions = world.scripted()
            return actions | {parrot: actions[other]}

        assert success(start(name, 32), repeat) < 0.1, f"{parrot} repeats {other}"


def returns(world, policy):
    """group -> what its agents earn in their first episodes, on average."""
    total, over = {a: np.zeros(world.num_envs) for a in world.agents}, np.zeros(world.num_envs, bool)
    for step in range(world.max_episode_steps):
        result = world.step(policy(world, step))
        for agent, reward in result.reward.items():
            total[agent] += np.where(over, 0, reward)
        over |= result.done
    return {group: np.mean([total[a] for a in members]) for group, members in world.groups.items()}


@every_robot
def test_the_script_earns_clearly_more_than_idling_or_anything_or_not_looking(name):
    """Each group of a team when all act otherwise; each side of a game when it does and the other plays its script."""
    groups, best = envs.make(name).groups, returns(start(name, 12), scripted)
    sides = [(group,) for group in groups] if name in envs.ids("competitive") else [tuple(groups)]
    for side in sides:
        blind = name in envs.ids("avoidance") and side == sides[0]  # only the first side of a game has to look
        for policy in (idle, random, *([straight] if blind else [])):

            def played(world, step, policy=policy, side=side):
                actions = policy(world, step)
                return world.scripted() | {a: actions[a] for group in side for a in groups[group]}

            earned = returns(start(name, 12), played)
            assert all(best[group] > 1.4 * max(earned[group], 0) for group in side), policy.__name__


@every_choice
def test_only_the_sentence_says_what_to_do(name):
    """The same start, another goal: what agents see is the same, and the script for one goal fails the others."""
    goals = [goal.text for goal in envs.make(name).goals]
    assert len(goals) > 1
    worlds = [start(name, 40) for _ in range(2)]
    assert set(worlds[0].aim.tolist()) == set(range(len(goals))), "each is asked for"
    for shift in range(1, len(goals)):
        world, other = (start(name, 40) for _ in range(2))
        other.aim[:] = (world.aim + shift) % len(goals)
        other.task.measure()
        assert all(np.array_equal(o, other._observe()[a]) for a, o in world._observe().items())

        def misled(world, step):
            told = world.aim.copy()
            world.aim[:] = (told + shift) % len(goals)  # noqa: B023
            actions = world.scripted()
            world.aim[:] = told
            return actions

        assert success(world, misled) < 0.1
    fixed = envs.make(name, 8, goal=goals[-1])
    fixed.reset(np.arange(8), range(8))
    assert (fixed.aim == len(goals) - 1).all() and fixed.aim_of(3).text == goals[-1]
    with pytest.raises(ValueError, match="did you mean"):
        envs.make(name, goal=goals[-1] + "s")


@every_choice
def test_goals_are_told_apart_by_a_bag_of_words(name):
    """The reference encoder knows no order of words: goals of the same words would be one goal to it."""
    goals = envs.make(name).goals
    for wording in range(len(goals[0].skill.wordings)):
        vectors = HashedWords(16)([goal.phrase(goal.skill.wordings[wording]) for goal in goals])
        assert min(dist(a, b) for a, b in itertools.combinations(vectors, 2)) > 1


@every_avoider
def test_who_does_not_look_fails_at_least_half_the_time(name):
    assert success(start(name, 100), straight) <= 0.5


def test_every_skill_is_achieved_in_some_task_and_progress_says_so():
    achieved, known = set(), set()
    for name in envs.ids("mujoco"):
        world = start(name, 20)
        known |= {skill.name for skill in world.skills}
        assert all((goal.progress(world)[world.aim == k] < 0.9).all() for k, goal in enumerate(world.goals))
        for _ in range(world.max_episode_steps - 1):
            world.step(world.scripted())
            for instruction in [i for skill in world.skills for i in skill.instructions()]:
                done = instruction.achieved(world)
                achieved |= {instruction.skill.name} if done.any() else set()
                assert (instruction.progress(world)[done] >= 0.9).all(), instruction.text
    assert achieved == known


# What is particular to one task


@pytest.mark.parametrize("place", [(0.5, 0, 0.02), (0, -0.5, 0.02), (0, 0, -0.3)])
def test_a_cube_that_leaves_the_table_ends_the_episode_as_failed(place):
    for name in ("Push-v0", "Lift-v0"):
        world = start(name, 2)
        world.task.cube_start[1, :3] = place
        result = world.step(idle(world, 0))
        assert result.terminated["arm"].tolist() == [False, True] and not result.info["success"][1]


def test_a_bar_that_tips_over_or_leaves_the_table_ends_the_episode_as_failed():
    world = start("TwoArmLift-v0", 3)
    world.task.bar[1, 0] = 0.5
    world.task.bar[2, 2:7] = 0.3, np.cos(np.pi / 4), np.sin(np.pi / 4), 0, 0
    result = world.step(idle(world, 0))
    assert all(t.tolist() == [False, True, True] for t in result.terminated.values())


def test_one_hand_cannot_lift_the_bar_and_two_can():
    world = start("TwoArmLift-v0", 20)
    model = world.sims.model
    weight = model.body("bar").subtreemass[0] * -model.opt.gravity[2]
    strength = model.actuator("left/z").forcerange[1]
    assert strength < weight < 2 * strength

    def let_go(world, step):
        if step < world.max_episode_steps // 2:
            return world.scripted()
        rows = [1.0] * world.num_envs
        return {"left": np.outer(rows, [0, 0, 1, 1]), "right": np.outer(rows, [0, 0, 0, -1])}

    assert success(world, let_go) == 0


def test_both_arms_see_the_same_when_things_stand_the_same_for_both():
    world = start("TwoArmLift-v0", 1)
    task = world.task
    for arm in task.arms.values():
        arm.hand[0] = 0.03, -0.05, -0.1
    task.bar[0] = 0, 0, 0.01, 1, 0, 0, 0
    world.sims.forward()
    left, right = world._observe().values()
    assert np.allclose(left, right, atol=1e-6) and np.abs(left).max() > 0.01


def test_robots_that_touch_between_two_looks_have_collided():
    world = start("Crossing-v0", 2)
    places = [[[-0.01, 0], [0.01, apart], [0.5, 0.5], [-0.5, -0.5]] for apart in (0.0995, 0.103)]
    world.task.put(np.arange(2), np.array(places))
    world.task.velocity[:, :2, 0] = 0.5, -0.5
    world.sims.forward()
    world.task.measure()
    actions = idle(world, 0)
    actions["red"][:, 0], actions["green"][:, 0] = 1, -1
    result = world.step(actions)
    assert (np.linalg.norm(world.task.apart[:, 0], axis=0) > 0.1).all(), "they stand clear of each other again"
    assert result.info["collisions"].tolist() == [1, 0]
    assert all(t.tolist() == [True, False] for t in result.terminated.values())
    assert result.reward["red"][0] < 0 < result.reward["blue"][0]


def test_numbers_of_a_task_are_settings_and_wrong_ones_are_named():
    assert envs.make("Lift-v0", horizon=7).max_episode_steps == 7
    with pytest.raises(ValueError, match="horizon"):
        envs.make("Lift-v0", horizen=7)
    with pytest.raises(ValueError, match=r"horizon of Lift must be int, not 'long'"):
        envs.make("Lift-v0", horizon="long")


# Breakdowns

POISONS = {"qvel": 1e12, "qpos": np.nan}


def step_both(worlds, step, rows):
    """Step two worlds alike; assert that the copies rows of them are the same to the last bit."""
    actions = random(worlds[0], step)
    one, other = (world.step(actions) for world in worlds)
    for a, b in zip(flat(one), flat(other), strict=True):
        assert a[rows].tobytes() == b[rows].tobytes()
    return one


def flat(step):
    return [*step.obs.values(), *step.reward.values(), *step.terminated.values(), step.truncated, *step.info.values()]


@every_robot
@pytest.mark.parametrize("field", POISONS)
def test_a_copy_that_diverges_ends_and_harms_nobody_and_lives_again(name, field):
    worlds = [start(name, 64) for _ in range(2)]
    sick, copy = worlds[0], 13
    others = np.arange(64) != copy
    for t in range(3):
        step_both(worlds, t, others)
    for count in (1, 2):  # the second time must be noticed as well
        before = sick._last
        sick.sims.bind(field)[copy] = POISONS[field]
        result = step_both(worlds, 10 * count, others)
        assert result.info["diverged"].tolist() == (~others).tolist()
        assert result.truncated[copy] and not any(t[copy] for t in result.terminated.values())
        assert not any(v[copy] for k, v in result.info.items() if k not in ("diverged", "goal"))
        assert all(r[copy] == 0 for r in result.reward.values())
        assert all(np.array_equal(o[copy], before[a][copy]) for a, o in result.obs.items())
        assert sick.diverged[copy] == count and not sick.diverged[others].any()
        obs, info = sick.reset(np.array([copy]), [7])
        assert all(np.isfinite(o).all() for o in obs.values()) and not info["diverged"].any()
        for t in range(3):
            assert not step_both(worlds, 10 * count + t, others).info["diverged"].any()


@every_robot
@pytest.mark.parametrize("policy", [random, bang])
def test_no_way_to_act_brings_forth_what_is_not_finite(name, policy):
    world = start(name, 48, first_seed=500)
    for t in range(world.max_episode_steps + 10):
        result = world.step(policy(world, t))
        assert all(np.isfinite(a).all() for a in flat(result))
        if result.done.any():
            world.reset(np.flatnonzero(result.done))
    assert not world.diverged.any()


# Pictures


@every_robot
def test_pictures_show_each_copy_as_it_is_now(name):
    world = start(name, 2)
    one, other = world.render(0), world.render(1)
    assert one.shape == (480, 640, 3) and one.dtype == np.uint8
    assert one.std() > 15 and (one != other).any()
    for _ in range(5):
        world.step(bang(world, 0))
    later = world.render(0)
    assert (later != one).any() and (world.render(0) == later).all()
    world.close()


def test_pretty_pictures_have_shadows_and_plain_ones_do_not():
    world = start("Lift-v0", 1)
    plain, pretty = (Camera(world.sims, "front", 240, 320, pretty=p) for p in (False, True))
    off = np.abs(plain.picture(0).astype(int) - pretty.picture(0)).max(axis=2) > 25
    assert off.mean() > 0.02, "more than the edges"
    plain.close()
    pretty.close()


def test_a_picture_shows_the_model_of_its_own_copy():
    world = start("Lift-v0", 2)
    world.reset(np.arange(2), [1, 1])
    assert (world.render(0) == world.render(1)).all()
    colour = world.sims.expand("geom_rgba")
    colour[1, world.sims.model.geom("cube").id, :3] = 0, 0, 1
    assert (world.render(0) != world.render(1)).any()


PICTURE = """
import numpy, ludus.envs as envs
world = envs.make("Reach-v0")
world.reset(numpy.arange(1), [0])
world.step(world.scripted())
try:
    print(world.render().shape)
except RuntimeError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("asked", [None, "egl", "osmesa", "glfw", "off", "nonsense"])
def test_without_opengl_a_world_steps_and_a_picture_names_the_remedy_in_one_line(asked, tmp_path):
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MUJOCO_GL")}
    env |= {} if asked is None else {"MUJOCO_GL": asked}
    run = subprocess.run([sys.executable, "-c", PICTURE], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    (line,) = run.stdout.splitlines()
    if asked in (None, "egl") or (asked == "osmesa" and line.startswith("(")):
        assert line == "(480, 640, 3)"
    else:
        assert line.startswith(f"RenderingUnavailable cannot draw with MUJOCO_GL={asked!r}: ")
        assert "set MUJOCO_GL=egl" in line


# Words


def test_the_page_says_what_the_tasks_say():
    shipped = Path(__file__).parents[1] / "docs" / "environments" / "robots.md"
    assert shipped.read_text(encoding="utf-8") == page(), (
        "python -m ludus.envs.mujoco.page > docs/environments/robots.md"
    )


@every_robot
def test_the_page_has_a_small_picture_of_every_task(name):
    file = Path(__file__).parents[1] / "docs" / "images" / "tasks" / f"{name.split('/')[1].split('-')[0]}.png"
    assert file.exists(), "python examples/picture.py docs/images"
    assert file.stat().st_size < 120_000


@every_robot
def test_the_tables_of_the_page_have_a_row_for_every_column(name):
    world = start(name, 1)
    for group, members in world.groups.items():
        for agent in members:
            assert sum(e.width for e in world.task.entries[group]) == world.observation_spaces[agent].shape[0]
            assert sum(e.width for e in world.task.actions[group]) == world.action_spaces[agent].shape[0]
