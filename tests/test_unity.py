"""Unity on both sides of the wire: our worlds through Unity's client, and our players under it."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lives import Actor, assert_same, live
from test_robots import success

from ludus import envs
from ludus.envs.unity import games, launch
from ludus.envs.unity.launch import PlayerError, bundled

every_game = pytest.mark.parametrize("name", envs.ids("unity", "single"))
SCORES = {"ludus/Basic-v0": (0.93, 0.93), "ludus/Ball3D-v0": (100.0, 100.0), "ludus/GridWorld-v0": (0.9, 1.0)}


def wired(name, copies=3, **settings) -> Any:
    return envs.make(name, copies, wire=True, **{"timeout": 20} | settings)


def episode(world, policy=None):
    """(num_envs,) what each copy's first episode earned, and whether it ended in success."""
    world.reset(np.arange(world.num_envs), range(world.num_envs))
    earned, won = np.zeros(world.num_envs), np.zeros(world.num_envs, bool)
    while True:
        result = world.step(policy(world) if policy else world.scripted())
        earned += sum(result.reward.values())
        won |= result.info["success"]
        if result.done.all():
            return earned, won


# The games


@pytest.mark.parametrize("name", SCORES)
def test_the_scripted_policy_earns_what_unity_documents(name):
    earned, won = episode(envs.make(name, 40))
    low, high = SCORES[name]
    assert won.all()
    assert (earned > low - 1e-5).all() and (earned < high + 1e-5).all()


def test_always_right_earns_what_unity_documents_in_basic():
    earned, _ = episode(envs.make("ludus/Basic-v0"), lambda world: {"agent": np.full((1, 1), 2)})
    assert round(float(earned[0]), 6) == 0.93


# The wire


@pytest.mark.parametrize(
    ("name", "settings"),
    [("Basic", {}), ("Ball3D", {}), ("GridWorld", {}), ("GridWorld", {"obs": "camera"}), ("BasicGoal", {})],
)
def test_through_the_wire_a_game_lives_the_same_life(name, settings):
    limit = {"max_episode_steps": 14}
    near = envs.make(f"ludus/{name}-v0", 3, **settings, **limit)
    far = wired(f"ludus/{name}-v0", **settings, **limit)
    try:
        assert far.capabilities == near.capabilities
        assert (far.agents, far.groups, far.observation_spaces) == (near.agents, near.groups, near.observation_spaces)
        one, other = (live(world, [4, 5, 6], 40) for world in (near, far))
        extra = {key for key in other[0] if key.endswith((".waiting", ".restarted"))}
        extra |= {key for key in other[1] if key.endswith((".waiting", ".restarted"))}
        assert_same([{k: v for k, v in moment.items() if k not in extra} for moment in other], one)
        assert sum(moment["last.done"].sum() for moment in one[1:]) > 3
    finally:
        far.close()
