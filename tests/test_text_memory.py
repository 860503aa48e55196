"""A user who comes back: seeds begin new users, visits go on with the old one, and what was learnt pays."""

from typing import Any

import numpy as np
import pytest

from ludus import envs
from ludus.envs.views import autoreset
from ludus.envs.views.gym import GymView

NAME = "ludus/Assistant-v0"


def home(n: int = 1, **settings) -> Any:
    return envs.make(NAME, n, **settings)


def pleased(steps: int = 60, n: int = 64, **settings) -> float:
    """The share of visits in which the scripted helper pleases, the first ones not counted."""
    world = home(n, **settings)
    world.reset(np.arange(n), range(n))
    won, ended = 0, 0
    for t in range(steps):
        result, _, _ = autoreset.step(world, world.attend())
        if t >= steps // 3:
            won, ended = won + (result.done & result.info["success"]).sum(), ended + result.done.sum()
    return won / ended


def test_what_was_learnt_in_earlier_visits_pays_later():
    assert pleased(notes=True) > 0.8 and pleased(notes=False) < 0.35


def test_what_was_learnt_is_worth_nothing_where_the_user_changes_at_every_visit():
    assert pleased(notes=True, drift=1.0) < 0.35


def test_a_seed_begins_a_new_user_and_no_seed_brings_the_same_one_back():
    world = home(200, drift=0.0)
    world.reset(np.arange(200), range(200))
    likes, user = world.likes.copy(), world.user.copy()
    world.reset(np.arange(200))
    assert np.array_equal(world.likes, likes) and np.array_equal(world.user, user)
    world.reset(np.arange(200), range(1000, 1200))
    assert (world.likes != likes).any(axis=1).all()
    world.reset(np.arange(200), range(200))
    assert np.array_equal(world.likes, likes) and (world.noted < 0).all()


def test_preferences_change_slowly():
    world = home(2000)
    world.reset(np.arange(2000), range(2000))
    likes = world.likes.copy()
    world.reset(np.arange(2000))
    assert 0.04 < (world.likes != likes).mean() < 0.06


def test_the_user_of_a_copy_does_not_depend_on_when_other_copies_are_reset():
    one, other = home(3), home(3)
    for world in (one, other):
        world.reset(np.arange(3), [1, 2, 3])
    for _ in range(4):
        one.reset(np.array([1]))
        other.reset(np.arange(3))
    assert np.array_equal(one.likes[1], other.likes[1]) and np.array_equal(one.stock[1], other.stock[1])


def test_notes_are_of_what_was_said_or_pleased_and_are_forgotten_when_proved_wrong():
    world = home(1, drift=0.0, notes=True)
    world.reset(np.arange(1), [3])
    world.step({"helper": world.table.number("ask", np.array([1]))})
    assert world.noted[0].tolist() == [-1, world.likes[0, 1], -1, -1, -1]
    world.reset(np.arange(1))
    world.likes[0, 1] = (world.likes[0, 1] + 1) % world.count
    wrong = world.count + world.noted[0, 1]
    world.stock[:] = True
    world._masks = {}
    world.step({"helper": world.table.number("bring", np.array([wrong]))})
    assert world.noted[0, 1] == -1 and world.refused[0, 1].sum() == 1


def test_through_gymnasium_episodes_are_visits_of_one_user():
    env = GymView(NAME, drift=0.0)
    env.reset(seed=5)
    likes = env.world.unwrapped.likes.copy()  # type: ignore[attr-defined]
    for _ in range(3):
        env.reset()
        assert np.array_equal(env.world.unwrapped.likes, likes)  # type: ignore[attr-defined]


def test_a_drift_that_is_no_chance_is_refused():
    with pytest.raises(ValueError, match="chance"):
        home(drift=2)
