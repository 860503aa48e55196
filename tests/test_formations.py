"""What formation and convoy promise: places are where they should be, and a convoy goes on only when it is whole."""

import numpy as np
import pytest
from acting import idle, start, success

from ludus import envs
from ludus.envs.mujoco.avoidance import foresight, trail


def line_up(world, *places):
    """Put the robots of all copies at these places, and look."""
    world.task.put(np.arange(world.num_envs), np.tile(np.array(places, float), (world.num_envs, 1, 1)))
    world.sims.forward()
    return world._observe()


# Ways and looking ahead


def test_a_point_so_far_along_a_way_is_found_so_far_along_it():
    way = np.array([[0, 1, 1], [0, 0, 2]], float)[:, :, None]
    far = np.array([[0.0], [0.4], [1.0], [2.5], [3.0]])
    places = trail.point(way, far)
    assert np.allclose(places[:, :, 0].T, [[0, 0], [0.4, 0], [1, 0], [1, 1.5], [1, 2]])
    assert np.allclose(trail.along(way, places), far)
    assert np.allclose(trail.along(way, np.array([[[1.3]], [[0.7]]])), 1.7), "beside the way"
    assert np.allclose(trail.point(way, np.array([[-1.0], [9.0]]))[:, :, 0].T, [[0, 0], [1, 2]]), "beyond its ends"


def test_who_looks_ahead_drives_straight_where_it_is_free_and_not_where_somebody_stands():
    here, target = np.array([[0.0], [0.0]])[:, :, None], np.array([[0.5], [0.0]])[:, :, None]
    still, nobody = np.zeros_like(here), np.zeros((2, 0, 1))
    assert np.allclose(foresight.choose(here, still, target, nobody, 0.05, 0.05)[:, 0, 0], [1, 0])
    pillar = np.array([[0.2], [0.0]])[:, :, None]
    wish = foresight.choose(here, still, target, pillar, 0.05, 0.05)[:, 0, 0]
    later = foresight.SPEED * foresight.TIMES[:, 0] * wish
    assert (np.hypot(*(later - pillar[:, 0, 0]).T) > 0.1).all() and np.hypot(*wish) > 0.3


# Formation


@pytest.mark.parametrize("robots", [3, 4, 8])
def test_places_stand_in_a_line_and_in_a_ring_with_the_mark_in_the_middle(robots):
    task = start("Formation-v0", 5, robots=robots).task
    middle = task.mark[:, -1, :2]
    line, ring = (task.places()[:, k].T - middle[:, None] for k in range(2))
    assert np.allclose(line.sum(axis=1), 0) and np.allclose(ring.sum(axis=1), 0)
    assert np.allclose(line[..., 0] * line[:, :1, 1], line[..., 1] * line[:, :1, 0]), "through the mark"
    assert np.allclose(np.hypot(*ring.T), task.ring)
    for places in (line, ring):
        apart = np.hypot(*(places[:, :, None] - places[:, None]).T) + np.eye(robots)[:, :, None]
        assert apart.min() > 2 * task.radius + 0.04
        assert np.allclose(apart.min(axis=(0, 1)), apart.min()), "evenly"


def test_who_has_which_place_is_drawn():
    task = start("Formation-v0", 60).task
    line = task.places()[:, 0].T - task.mark[:, -1:, :2]
    order = {tuple(np.argsort(row @ row[0])) for row in line}
    assert len(order) > 6


def test_the_mark_and_the_places_are_where_the_discs_are():
    task = start("Formation-v0", 3).task
    for k, name in enumerate(task.agents):
        for f, formation in enumerate(("line", "ring")):
            body = int(task.sims.model.body(f"{name} in the {formation}").mocapid[0])
            assert np.array_equal(task.mark[:, body, :2].T, task.spots[:, f, k])


def test_the_nearest_robot_is_told_of_first_with_its_speed_and_its_places():
    world = start("Formation-v0", 2)
    line_up(world, (0, 0), (0.5, 0), (0, 0.2), (-0.3, 0))
    task = world.task
    task.velocity[:, :, 0] = np.arange(4)
    task.measure()
    red = np.concatenate([part for part in world.task.observe()["red"]], axis=1)[0]
    around, nearest = red[8:20], [2, 3, 1]  # place, velocity, two places of its own; then others and velocities
    assert np.allclose(around[:6].reshape(3, 2), [(0, 0.2), (-0.3, 0), (0.5, 0)], atol=1e-6)
    assert np.allclose(around[6:].reshape(3, 2), [(v, 0) for v in nearest])
    places = np.concatenate([task.spots[:, k, nearest, 0].T.ravel() for k in range(2)])
    assert np.allclose(red[26:38], places, atol=1e-6)
    others = np.array([(0, 0.2), (-0.3, 0), (0.5, 0)])
    later = others[:, None] + np.linspace(0, 2, 2001)[:, None] * np.array([(v, 0) for v in nearest])[:, None]
    gaps = np.hypot(*later.T).T  # the red robot stands still
    assert np.allclose(red[20:23], np.minimum(gaps.min(axis=1) - 0.1, 0.5), atol=1e-3)
    assert np.allclose(red[23:26], gaps.argmin(axis=1) / 1000, atol=2e-3)
    named = start("Formation-v0", 2, nearest_first=False)
    line_up(named, (0, 0), (0.5, 0), (0, 0.2), (-0.3, 0))
    seen = named.task.observe()["red"][0][0, 8:14]
    assert np.allclose(seen.reshape(3, 2), [(0.5, 0), (0, 0.2), (-0.3, 0)], atol=1e-6)


@pytest.mark.parametrize("name", ["Formation-v0", "Convoy-v0"])
@pytest.mark.parametrize("settings", [{"robots": 3}, {"sensing": "lidar"}, {"body": "rover", "horizon": 150}])
def test_the_script_solves_the_variants(name, settings):
    assert success(start(name, 20, **settings)) >= 0.9


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="Formation has 3 to 8 robots, not 2"):
        envs.make("Formation-v0", robots=2)
    with pytest.raises(ValueError, match="Convoy has 1 to 3 stops, not 4"):
        envs.make("Convoy-v0", stops=4)
    with pytest.raises(ValueError, match="at most 2, not 3"):
        envs.make("Convoy-v0", stops=2)


# Convoy


@pytest.mark.parametrize("lag, counts", [(0.12, False), (0.14, True), (0.26, True), (0.28, False)])
def test_a_way_point_counts_only_if_everybody_keeps_the_distance(lag, counts):
    world = start("Convoy-v0", 1, pillars=0)
    world.task.mark[0, :, :2] = [[0.1, 0], [0.1, 0.4], [-0.4, 0.4]]
    line_up(world, [0.1, 0], [-0.1, 0], [-0.1 - lag, 0])
    assert world.task.passed.tolist() == [counts]
    assert np.allclose(world.task.target[:, 0, 0], [0.1, 0.4] if counts else [0.1, 0]), "then the next is sought"


def test_way_points_count_in_their_order_alone():
    world = start("Convoy-v0", 1, pillars=0)
    world.task.mark[0, :, :2] = [[0.1, 0], [0.1, 0.4], [0.4, -0.4]]
    for place, passed in (((0.1, 0.4), 0), ((0.1, 0), 1), ((0.4, -0.4), 1), ((0.1, 0.4), 2), ((0.4, -0.4), 3)):
        line_up(world, place, np.subtract(place, [0.2, 0]), np.subtract(place, [0.4, 0]))
        assert world.task.passed.tolist() == [passed]
    assert world.step(idle(world, 0)).info["success"].all()
    line_up(world, (0, 0), (-0.2, 0), (-0.5, 0))
    assert not world.task.success().any(), "the last one has lost the convoy"


def test_a_leader_that_waits_for_nobody_fails():
    def hasty(world, step):
        task, way = world.task, world.task.trail.T
        ahead = task._drive(trail.point(way, trail.along(way, task.here) + 0.125))
        return world.scripted() | {"red": ahead["red"]}

    assert success(start("Convoy-v0", 30), hasty) < 0.1


def test_only_the_leader_sees_the_way_points():
    world = start("Convoy-v0", 2)
    before = world._observe()
    world.task.mark[:, :, :2] += 0.1
    after = world._observe()
    changed = {a: (before[a] != after[a]).any() for a in world.agents}
    assert changed == {"red": True, "green": False, "blue": False}


def test_a_follower_sees_the_robot_ahead_and_not_who_is_before_that_one():
    world = start("Convoy-v0", 1, pillars=0)
    before = line_up(world, [0.4, 0], [0.2, 0], [0, 0])
    after = line_up(world, [0.4, 0.02], [0.2, 0], [0, 0])
    assert np.array_equal(before["blue"], after["blue"]) and (before["green"] != after["green"]).any()
    assert np.allclose(after["blue"][0, 4:6], [0.2, 0])


def test_passed_way_points_are_kept_over_a_restore_and_forgotten_at_a_reset():
    world, other = start("Convoy-v0", 3), start("Convoy-v0", 3)
    for _ in range(70):
        world.step(world.scripted())
    passed = world.task.passed.copy()
    assert passed.min() >= 1
    other.restore(world.state())
    assert np.array_equal(other.task.passed, passed)
    assert all(np.array_equal(a, other.scripted()[name]) for name, a in world.scripted().items())
    world.reset(np.array([1]))
    assert world.task.passed.tolist() == [passed[0], 0, passed[2]]


def test_everybody_starts_too_far_from_the_robot_ahead_and_clear_of_all():
    for robots in (2, 3, 4):
        task = start("Convoy-v0", 200, robots=robots).task
        assert (task.off > 0).all() and (task.gaps > 0.02).all()


def test_a_pillar_stands_on_every_straight_way():
    task = start("Convoy-v0", 100).task
    points = np.concatenate([task.here[:, :1], task.mark.T[:2]], axis=1)
    for k in range(task.stops):
        way, to = points[:, k + 1] - points[:, k], task.pillar.T[:2, k] - points[:, k]
        assert (np.abs(way[0] * to[1] - way[1] * to[0]) / np.hypot(*way) < task.radius + task.thick).all()


# Convoy


def test_a_convoy_is_told_how_near_its_pillars_it_will_come():
    world = start("Convoy-v0", 2)
    task = world.task
    task.pillar[:, :, :2] = [(0.5, 0.2), (0, 0.4), (-0.5, 0)]
    line_up(world, (0, 0), (-0.2, 0), (-0.4, 0))
    task.velocity[:, 0] = 0.5, 0.0  # the leader's
    task.measure()
    red = np.concatenate([part for part in task.observe()["red"]], axis=1)[0]
    gap, when = red[-6:-3], red[-3:]
    assert np.allclose(gap, [0.2 - 0.1, 0.4 - 0.1, 0.5 - 0.1], atol=1e-6)
    assert np.allclose(when, [1.0, 0, 0], atol=1e-6)
