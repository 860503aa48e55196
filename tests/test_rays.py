"""Ray sensors see what a sphere on its way would touch, in the layout that Unity documents."""

from typing import Any

import numpy as np
import pytest

from ludus.envs.unity.player.rays import NOTHING, UNTAGGED, Boxes, Discs, Rays, Room, push

TAGS = ("food", "wall", "agent")


def scene(seed, n=20, agents=2) -> Any:
    """Random agents, discs and turned boxes in n areas."""
    draw = np.random.default_rng(seed)
    place, yaw = draw.uniform(-2, 2, (n, agents, 2)), draw.uniform(-4, 4, (n, agents))
    discs = Discs(centre=draw.uniform(-8, 8, (n, 5, 2)), radius=draw.uniform(0.2, 1, (n, 5)), tag=np.zeros(5, int))
    boxes = Boxes(
        centre=draw.uniform(-8, 8, (n, 4, 2)),
        half=draw.uniform(0.1, 1.5, (n, 4, 2)),
        yaw=draw.uniform(-3, 3, (n, 4)),
        tag=np.ones(4, int),
    )
    return place, yaw, discs, boxes


def gaps(points, discs, boxes, area):
    """(points, things): how far points (n, 2) are from the surfaces of all discs and boxes of an area, plainly."""
    round_ = np.linalg.norm(points[:, None] - discs.centre[area], axis=2) - discs.radius[area]
    (x, z), yaw = np.moveaxis(points[:, None] - boxes.centre[area], 2, 0), boxes.yaw[area]
    own = np.abs(np.stack([x * np.cos(yaw) - z * np.sin(yaw), x * np.sin(yaw) + z * np.cos(yaw)], axis=2))
    square = np.linalg.norm(np.maximum(own - boxes.half[area], 0), axis=2)
    return np.concatenate([round_, square], axis=1)


def walked(rays, place, angle, discs, boxes, area, step=0.01):
    """The same cast by walking: the first distance at which the sphere touches something, and what."""
    way = np.arange(0, rays.length, step)
    gap = gaps(place + np.outer(way, (np.sin(angle), np.cos(angle))), discs, boxes, area)
    touches = gap.min(axis=1) <= rays.radius
    if not touches.any():
        return rays.length, NOTHING
    first = touches.argmax()
    return way[first], int(gap[first].argmin() >= len(discs.radius[area]))


@pytest.mark.parametrize("radius", [0.0, 0.5])
def test_a_ray_ends_where_a_walking_sphere_first_touches_something(radius):
    rays = Rays(TAGS, 3, 120, 10, radius)
    place, yaw, discs, boxes = scene(7)
    fraction, kind = rays.cast(place, yaw, [discs, boxes])
    compared = 0
    for area, agent in np.ndindex(yaw.shape):
        if gaps(place[area, agent][None], discs, boxes, area).min() < radius + 0.05:
            continue
        for ray, angle in enumerate(rays.angles + yaw[area, agent]):
            far, what = walked(rays, place[area, agent], angle, discs, boxes, area)
            if abs(fraction[area, agent, ray] * rays.length - far) > 0.02:  # a graze may be met by one of both alone
                way = place[area, agent] + fraction[area, agent, ray] * 10 * np.array([np.sin(angle), np.cos(angle)])
                assert abs(gaps(way[None], discs, boxes, area).min() - radius) < 2e-3, (area, agent, ray)
                continue
            assert kind[area, agent, ray] == what
            compared += 1
    assert compared > 100


def test_the_order_is_middle_right_left_outwards():
    rays = Rays(TAGS, 2, 90, 10)
    assert np.degrees(rays.angles).tolist() == pytest.approx([0, 45, -45, 90, -90])
    right = Discs(centre=np.array([[[5.0, 0.0]]]), radius=1.0, tag=np.array([2]))
    kind = rays.cast(np.zeros((1, 1, 2)), np.zeros((1, 1)), [right])[1][0, 0]
    assert kind.tolist() == [NOTHING, NOTHING, NOTHING, 2, NOTHING]


def test_each_ray_shows_its_tag_whether_it_missed_and_how_far():
    rays = Rays(TAGS, 1, 90, 10, 0.5)
    ahead = Discs(centre=np.array([[[0.0, 5.0]]]), radius=0.5, tag=np.array([0]))
    aside = Boxes(centre=np.array([[[-3.0, 0.0]]]), half=np.array([[[1.0, 4.0]]]), tag=UNTAGGED)
    seen = rays.sense(np.zeros((1, 1, 2)), np.zeros((1, 1)), [ahead, aside])
    assert seen.dtype == np.float32 and seen.shape == (1, 1, rays.width)
    assert seen[0, 0].reshape(3, 5) == pytest.approx(np.array([[1, 0, 0, 0, 0.4], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0.15]]))


def test_what_is_touched_is_seen_at_no_distance_and_oneself_never():
    rays = Rays(TAGS, 1, 90, 10, 0.5)
    place = np.array([[[0.0, 0.0], [0.0, 1.0]]])
    everyone = Discs(centre=place, radius=0.5, tag=np.array([2, 2]))
    fraction, kind = rays.cast(place, np.array([[0.0, np.pi]]), [everyone])
    assert fraction[0, :, 0].tolist() == [0, 0] and kind[0, :, 0].tolist() == [2, 2]
    assert (kind[0, :, 1:] == NOTHING).all()
    cube = Boxes(centre=place, half=np.full((1, 2, 2), 0.5), tag=np.array([2, 2]))
    assert rays.cast(place, np.array([[0.3, 0.3]]), [cube])[1][0, 1, 0] == NOTHING


def test_what_is_not_there_is_not_seen_and_tags_may_depend_on_who_looks():
    rays = Rays(TAGS, 0, 0, 10)
    thing = {"centre": np.array([[[0.0, 5.0], [0.0, 8.0]]]), "radius": 0.5}
    place, yaw = np.zeros((1, 2, 2)), np.zeros((1, 2))
    views = np.array([[[0, 1], [1, 2]]])
    assert rays.cast(place, yaw, [Discs(**thing, tag=views)])[1][0, :, 0].tolist() == [0, 1]
    gone = Discs(**thing, tag=views, there=np.array([[[False, True]]]))
    assert rays.cast(place, yaw, [gone])[1][0, :, 0].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("start", "end", "height", "met"),
    [(0, 0, 0.5, 0.35), (1.5, 1.5, 0.5, None), (1.5, 1.5, -0.6, 0.35), (3, -1, 0, 0.5), (0, 9, 0, None)],
)
def test_a_ray_passes_over_what_is_lower(start, end, height, met):
    rays = Rays(TAGS, 0, 0, 10, 0.5, start, end)
    low = Boxes(centre=np.array([[[0.0, 6.0]]]), half=np.array([[[9.0, 2.0]]]), tag=np.array([1]), low=0.0, high=0.5)
    fraction, kind = rays.cast(np.zeros((1, 1, 2)), np.zeros((1, 1)), [low], np.full((1, 1), height))
    assert fraction[0, 0, 0] == pytest.approx(1 if met is None else met, abs=1e-6)
    assert kind[0, 0, 0] == (NOTHING if met is None else 1)


def test_an_area_of_a_batch_sees_as_it_would_alone():
    rays = Rays(TAGS, 5, 70, 10)
    place, yaw, discs, boxes = scene(3)
    together = rays.sense(place, yaw, [discs, boxes])
    for i in range(len(place)):
        mine = Discs(centre=discs.centre[[i]], radius=discs.radius[[i]], tag=discs.tag)
        other = Boxes(centre=boxes.centre[[i]], half=boxes.half[[i]], yaw=boxes.yaw[[i]], tag=boxes.tag)
        assert (rays.sense(place[[i]], yaw[[i]], [mine, other])[0] == together[i]).all()


def test_a_stack_shows_the_oldest_first():
    history = np.zeros((1, 3, 2))
    for i in range(1, 5):
        history = push(history, np.full((1, 2), i))
    assert history[0, :, 0].tolist() == [2, 3, 4]


def test_a_room_is_seen_as_the_four_boxes_round_it():
    rays = Rays(TAGS, 6, 170, 9)
    draw = np.random.default_rng(5)
    place, yaw = draw.uniform(-3.4, 3.4, (30, 2, 2)), draw.uniform(-4, 4, (30, 2))
    place[0] = (3.5, 3.5), (-3.5, 0.0)  # in a corner, and at a wall
    room = Room(end=((-4, -4), (4, 4)), tag=np.array([0, 1, 2, UNTAGGED]))
    centre = np.array([[(-5.0, 0), (5, 0), (0, -5), (0, 5)]])
    half = np.array([[(1.0, 6), (1, 6), (6, 1), (6, 1)]])
    boxes = Boxes(centre=centre, half=half, tag=np.array([0, 1, 2, UNTAGGED]))
    one, other = rays.cast(place, yaw, [room]), rays.cast(place, yaw, [boxes])
    assert one[0] == pytest.approx(other[0], abs=1e-5)
    clear = np.abs(one[0][1:] - 1) > 1e-6
    assert (one[1][1:] == other[1][1:])[clear].mean() > 0.99  # in the corners themselves either wall may be first
