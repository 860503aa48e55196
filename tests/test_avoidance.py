"""What the arena promises: touches are found and counted, sensing tells the truth, teams and bodies are settings."""

from typing import Any

import numpy as np
import pytest
from acting import start, success
from lives import assert_same

from ludus import envs
from ludus.envs.mujoco.avoidance.geometry import outside, sweep

ARENAS = ("Crossing-v0", "Swap-v0", "Corridor-v0", "MovingObstacles-v0")


def columns(world, meaning):
    """The columns of the first agent's observation whose meaning begins so."""
    at = 0
    for entry in next(iter(world.task.entries.values())):
        if entry.meaning.startswith(meaning):
            return slice(at, at + entry.width)
        at += entry.width
    raise AssertionError(f"nothing observed begins with {meaning!r}")


# Geometry


def test_the_narrowest_distance_on_a_way_is_found_between_its_ends():
    across, away = np.array([[-1.0, 1.0], [0.5, 0.0]]), np.array([[1.0, 2.0], [0.5, 0.0]])
    assert np.allclose(sweep(across, away), [0.5, 1]), "on the way; where it began"
    assert np.allclose(sweep(across, across), [np.hypot(1, 0.5), 1]), "standing still"


def test_the_distance_to_a_box_is_to_its_nearest_face_or_corner_and_negative_within():
    half = np.array([[0.3], [0.1]])
    places = np.array([[0.5, 0.0], [0.0, 0.4], [0.6, 0.5], [0.0, 0.0], [-0.28, 0.0]]).T
    assert np.allclose(outside(places, half), [0.2, 0.3, 0.5, -0.1, -0.02])


# Touching


@pytest.mark.parametrize("what", ["pillar", "wall"])
def test_who_touches_a_pillar_fails_and_who_scrapes_along_a_corridors_wall_is_only_counted(what):
    name = {"pillar": "MovingObstacles-v0", "wall": "Corridor-v0"}[what]
    world = start(name, 3)
    task, agent = world.task, world.agents[0]
    block = task.pillar if what == "pillar" else task.wall
    half = task.thick if what == "pillar" else task.walls[0][0]
    before = task.place.copy()
    before[1:, 0] = block[1:, 0, :2] - [half + task.radius + 0.02, 0]
    before[2, 0, 0] += 0.03
    task.put(np.arange(3), before)
    world.sims.forward()
    push = np.array([[0, 0], [0, 0], [what == "wall", 0]], float)  # a wall pushes back
    result = world.step(dict.fromkeys(world.agents, np.zeros((3, 2))) | {agent: push})
    assert result.info["collisions"].tolist() == [0, 0, 1]
    assert result.terminated[agent].tolist() == [False, False, what == "pillar"]
    assert (result.reward[agent][2] < -0.5) == (what == "pillar") and result.reward[agent][1] >= 0
    assert what in world.describe(2, agent)


def test_a_wall_has_its_own_price_and_another_robot_the_full_one():
    task = start("Corridor-v0", 2).task
    names = [row[1] for row in task.rows]
    task.gaps = np.where(np.array(names) == "wall0", -0.01, 0.1)[:, None].repeat(2, axis=1)
    assert task._scraped(0.25).tolist() == [[0.25, 0.25]] * 2
    task.gaps[names.index("blue"), 1] = -0.01
    assert task._scraped(0.25).tolist() == [[0.25, 1.0]] * 2


def test_collisions_are_counted_over_the_episode_and_begin_anew_with_the_next():
    world = start("Crossing-v0", 2)
    places = np.array([[[0, 0], [0, 0.09], [0.09, 0], [0.5, 0.5]], [[0, 0], [0, 0.3], [0.3, 0], [0.5, 0.5]]])
    world.task.put(np.arange(2), places)
    idle = {a: np.zeros((2, 2)) for a in world.agents}
    assert world.step(idle).info["collisions"].tolist() == [2, 0]
    away = {a: np.full((2, 2), v) for a, v in zip(world.agents, (-1, 1, 1, 1), strict=True)}
    for _ in range(10):
        result = world.step(away)
    assert (world.task.gaps > 0).all(), "nobody touches anybody any more"
    assert result.info["collisions"].tolist() == [2, 0] and not result.info["success"][0]
    saved = world.state()
    other = envs.make("Crossing-v0", 2)
    _, info = other.restore(saved)
    assert info["collisions"].tolist() == [2, 0]
    _, info = world.reset(np.array([0]))
    assert info["collisions"].tolist() == [0, 0]


def test_pillars_go_on_their_way_after_a_restore_and_start_anew_at_a_reset():
    world, other = start("MovingObstacles-v0", 3), envs.make("MovingObstacles-v0", 3)
    idle = {a: np.zeros((3, 2)) for a in world.agents}
    for _ in range(7):
        world.step(idle)
    other.restore(world.state())
    for _ in range(5):
        one, same = (w.step(idle).obs["yellow"] for w in (world, other))
        assert np.array_equal(one, same)
    here = world.task.pillar.copy()
    world.reset(np.array([1]))
    moved = (here != world.task.pillar).any(axis=(1, 2))
    assert moved.tolist() == [False, True, False]


def test_pillars_move_as_fast_as_is_told():
    world = start("MovingObstacles-v0", 4, substeps=4)
    idle = {a: np.zeros((4, 2)) for a in world.agents}
    told = world.task.pace.copy()
    before = world.task.pillar[..., :2].T.copy()
    world.step(idle)
    assert np.allclose(world.task.pillar[..., :2].T - before, told / world.render_fps, atol=5e-4)
    assert np.abs(told[1]).max() > 0.1


# Sensing


def test_a_lidar_tells_the_gap_to_what_stands_in_each_direction():
    world = start("Crossing-v0", 1, sensing="lidar", beams=8)
    world.task.put(np.arange(1), np.array([[[0, 0], [0.4, 0], [0, -0.3], [-0.6, -0.6]]]))
    world.sims.forward()
    seen = world._observe()["red"][0, columns(world, "free way")]
    assert np.allclose(seen[[0, 6]], [0.4 - 0.1, 0.3 - 0.1], atol=1e-6)
    assert np.allclose(seen[[2, 4]], 0.72 - 0.05, atol=1e-6), "the arena's edge"
    assert (seen <= 1).all() and seen.min() > 0.15, "the robot does not see itself"


def test_a_lidar_sees_pillars_and_looks_where_a_rover_heads():
    world = start("MovingObstacles-v0", 1, sensing="lidar", beams=4, body="rover", pillars=1)
    task = world.task
    task.path[0, :, 0] = 0.1, 0, 0, 0
    task.put(np.arange(1), np.array([[[0.1, -0.3]]]), np.array([[np.pi / 2]]))
    world.sims.forward()
    row = world._observe()["yellow"][0]
    assert np.allclose(row[columns(world, "free way")][0], 0.2, atol=1e-6), "straight ahead stands a pillar"
    assert np.allclose(row[columns(world, "heading")], [0, 1], atol=1e-6)


def test_a_rover_sees_ahead_and_left_what_a_disc_sees_along_x_and_y():
    disc, rover = start("Crossing-v0", 1), start("Crossing-v0", 1, body="rover")
    places = np.array([[[0, 0], [0.3, 0.1], [0.2, -0.4], [-0.5, 0.2]]])
    rows = []
    for world in (disc, rover):
        world.task.mark[:] = disc.task.mark
        world.task.put(np.arange(1), places, np.full((1, 4), np.pi / 2))
        world.sims.forward()
        rows.append(world._observe()["red"][0, columns(world, "the other robots")].reshape(-1, 2))
    assert np.allclose(rows[1], np.stack([rows[0][:, 1], -rows[0][:, 0]], axis=-1), atol=1e-6)


def test_a_rover_drives_where_it_heads_and_does_not_slip():
    world = start("Crossing-v0", 1, body="rover")
    places, heading = np.array([[[0, 0], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]]]), np.full((1, 4), np.pi / 6)
    world.task.put(np.arange(1), places, heading)
    world.sims.forward()
    actions = {a: np.array([[1.0, 0.0]]) for a in world.agents}
    for _ in range(8):
        world.step(actions)
    x, y = world.task.place[0, 0]
    assert np.hypot(x, y) > 0.25 and abs(np.arctan2(y, x) - np.pi / 6) < 0.01
    for _ in range(4):
        world.step({a: np.array([[0.0, 1.0]]) for a in world.agents})
    assert 1 < world.task.turn[0][0, 0] - np.pi / 6 < 2 and world.task.turn[1][0, 0] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("name", ARENAS)
@pytest.mark.parametrize("settings", [{"sensing": "lidar", "beams": 5}, {"body": "rover"}])
def test_copies_live_the_lives_of_single_worlds_in_every_variant(name, settings):
    batch, alone = start(name, 5, **settings), envs.make(name, 1, **settings)
    alone.reset(np.array([0]), [3])
    for _ in range(12):
        actions = batch.scripted()
        many = batch.step(actions)
        one = alone.step({a: x[3:4] for a, x in actions.items()})
        for agent in batch.agents:
            assert many.obs[agent][3].tobytes() == one.obs[agent][0].tobytes()
            assert many.reward[agent][3] == one.reward[agent][0]


# Variants


@pytest.mark.parametrize(
    "name, settings",
    [
        ("Crossing-v0", {"robots": 6}),
        ("Crossing-v0", {"robots": 2, "body": "rover"}),
        ("Swap-v0", {"robots": 6}),
        ("Swap-v0", {"body": "rover"}),
        ("Corridor-v0", {"body": "rover", "horizon": 200}),
        ("MovingObstacles-v0", {"robots": 2}),
        ("MovingObstacles-v0", {"body": "rover", "sensing": "lidar"}),
        ("MovingObstacles-v0", {"pillars": 0}),
    ],
)
def test_variants_can_be_solved_too(name, settings):
    assert success(start(name, 40, **settings)) >= 0.9


def test_in_the_corridor_one_waits_while_the_other_is_within():
    world = start("Corridor-v0", 20)
    met = np.zeros(20, bool)
    for _ in range(world.max_episode_steps - 1):
        world.step(world.scripted())
        met |= (np.abs(world.task.ahead) < world.task.length / 2).all(axis=0)
    assert not met.any() and world.task.success().mean() >= 0.95


@pytest.mark.parametrize("settings", [{}, {"sensing": "lidar"}, {"body": "rover", "sensing": "lidar"}])
def test_in_the_corridor_each_sees_and_drives_as_the_other_would_in_its_place(settings):
    world = start("Corridor-v0", 20, **settings)
    task, every = world.task, np.arange(20)
    red, blue = task.agents
    world.reset(every, range(20))
    first = task.observe()
    turned = {"place": -task.place[:, ::-1], "mark": task.mark[:, ::-1] * [-1, -1, 1]}
    heading = None if task.turn is None else task.turn[0][:, ::-1] + np.pi
    task.wall[:, :, :2] *= -1
    task.mark[:] = turned["mark"]
    task.put(every, turned["place"], heading)
    world.sims.forward()
    task.measure()
    mirrored = task.observe()
    assert np.allclose(mirrored[red][0], first[blue][0], atol=1e-5)
    assert np.allclose(mirrored[blue][0], first[red][0], atol=1e-5)
    wish = task.scripted()
    world.reset(every, range(20))
    assert np.allclose(wish[red], task.scripted()[blue], atol=1e-5)


@pytest.mark.parametrize(
    "name, settings, said",
    [
        ("Crossing-v0", {"robots": 9}, "2 to 8 robots, not 9"),
        ("Crossing-v0", {"body": "rovr"}, "did you mean rover"),
        ("Crossing-v0", {"sensing": "lidr"}, "did you mean lidar"),
        ("Crossing-v0", {"beams": 0}, "beams must be 1 or more"),
        ("Swap-v0", {"robots": 5}, "even number"),
        ("Corridor-v0", {"robots": 3}, "Corridor has 2 robots"),
        ("Corridor-v0", {"gap": 0.3}, "one robot through"),
    ],
)
def test_settings_that_make_no_sense_are_named(name, settings, said):
    with pytest.raises(ValueError, match=said):
        envs.make(name, **settings)


def test_bodies_touch_nothing_in_the_engine_but_walls_that_may_be_scraped():
    """Touching ends the episode: there is nothing for contacts to do, and they would cost."""
    for name in ARENAS:
        world: Any = envs.make(name)
        model = world.sims.model
        hold = {model.geom(i).name for i in np.flatnonzero(model.geom_contype | model.geom_conaffinity)}
        assert hold == ({"wall0", "wall1", "red/bumper", "blue/bumper"} if name == "Corridor-v0" else set())


@pytest.mark.parametrize("body", ["disc", "rover"])
def test_nobody_gets_through_a_wall_that_may_be_scraped(body):
    """Pressed against it for a whole episode, a robot slides along and sinks in by less than half a centimetre."""
    world = start("Corridor-v0", 8, body=body, horizon=60)
    task = world.task
    place = np.stack([[-0.3, 0.3], [0.3, -0.3]])[None].repeat(8, axis=0)
    task.put(np.arange(8), place, np.tile([0, np.pi], (8, 1)))
    world.sims.forward()
    push = np.column_stack([np.ones(8), np.linspace(0, 1, 8)])  # away from the gap, the more the later the copy
    for _ in range(60):
        world.step({agent: push for agent in world.agents})
        walls = np.array(["wall" in row[1] for row in task.rows])
        assert task.gaps[walls].min() > -0.005
    assert (task.ahead < 0).all() and task.touched[walls].any()


@pytest.mark.parametrize("name", ["Swap", "MovingObstacles", "PursuitEvasion", "Convoy"])
def test_what_is_restored_is_what_was_saved(name):
    world = envs.make(f"ludus/{name}-v0", 4)
    world.reset(np.arange(4), [1, 2, 3, 4])
    for _ in range(6):
        world.step(world.scripted())
    said, saved = [world.describe(i, world.agents[0]) for i in range(4)], world.state()
    world.step(world.scripted())
    world.restore(saved)
    assert_same([world.state()], [saved])
    assert [world.describe(i, world.agents[0]) for i in range(4)] == said


def test_blue_sees_pictures_of_the_corridor_as_it_drives_turned_by_half_a_turn():
    world: Any = envs.make("ludus/Corridor-v0", 1, obs="rgb", size=48)
    world.reset(np.arange(1), [3])
    world.task.place[0] = [[-0.4, 0.2], [0.4, -0.2]]
    world.task.mark[0, :2, :2] = [[0.5, -0.3], [-0.5, 0.3]]
    world.task.velocity[0] = 0
    obs = world.step({agent: np.zeros((1, 2)) for agent in world.agents}).obs
    red, blue = (obs[agent][0].astype(int) for agent in ("red", "blue"))
    assert np.abs(red - blue).mean() < 6 < 20 < np.abs(red - blue[::-1, ::-1]).mean()


def test_a_robot_in_the_mouth_of_the_corridor_has_not_given_way():
    world: Any = envs.make("ludus/Corridor-v0", 1)
    world.reset(np.arange(1), [3])
    give_way = world.task.skills[1]()
    for x, gave in ((-0.06, False), (-0.12, False), (-0.2, True)):
        world.task.place[0] = [[x, 0], [-0.3, 0.2]]
        world.task.measure()
        assert give_way.achieved(world)[0] == gave, x


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("Swap", {"pillars": 1}),
        ("Crossing", {"sensing": "lidar", "sight": -1.0}),
        ("Corridor", {"length": 2.0}),
        ("Reach", {"horizon": 0}),
        ("Reach", {"substeps": 0}),
        ("Reach", {"obs": "rgb", "size": 1441}),
    ],
)
def test_settings_that_no_world_can_have_are_refused(name, wrong):
    with pytest.raises(ValueError, match=next(reversed(wrong))):
        envs.make(f"ludus/{name}-v0", 1, **wrong)
