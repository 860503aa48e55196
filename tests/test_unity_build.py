"""Any build through ludus/Unity-v0: the bundled player without our channel, and a real one where there is one."""

import os
from typing import Any

import numpy as np
import players
import pytest

from ludus import envs
from ludus.envs.unity.launch import bundled

pytestmark = pytest.mark.filterwarnings("ignore:distutils Version classes")
STEPS, EPISODE = 200, 40


@pytest.fixture(params=["bundled", "build"])
def player(request, monkeypatch) -> dict[str, Any]:
    """Settings of ludus/Unity-v0."""
    if request.param == "bundled":
        monkeypatch.setattr("ludus.envs.unity.world.start", players.start)
        return {"player": bundled(), "arguments": ["Tennis", "--steps", str(EPISODE)]}
    if not os.environ.get("LUDUS_UNITY_PLAYER"):
        pytest.skip("LUDUS_UNITY_PLAYER names no Unity build")
    return {"player": os.environ["LUDUS_UNITY_PLAYER"], "no_graphics": True}


def drawn(world, rng):
    acts = {}
    for agent, space in world.action_spaces.items():
        shape = (world.num_envs, *space.shape)
        choices = getattr(space, "nvec", getattr(space, "n", None))
        box = rng.uniform(-1, 1, shape).astype(np.float32)
        acts[agent] = box if choices is None else rng.integers(0, choices, shape)
    return acts


def test_a_build_lives_hundreds_of_steps_and_many_episodes(player):
    world: Any = envs.make("ludus/Unity-v0", 1, **player)
    rng = np.random.default_rng(0)
    try:
        assert not world.capabilities and world.agents and set(world.groups) == set(world.behaviours)
        world.reset(np.arange(1))
        ends = 0
        for _ in range(STEPS):
            result = world.step(drawn(world, rng))
            for agent, space in world.observation_spaces.items():
                assert result.obs[agent].shape == (1, *space.shape) and result.obs[agent].dtype == space.dtype
                assert np.isfinite(result.obs[agent]).all() and np.isfinite(result.reward[agent]).all()
            if result.done[0]:
                ends += 1
                obs, _ = world.reset(np.arange(1))
                assert set(obs) == set(world.agents)
        assert world.restarts == 0 and (ends >= STEPS // EPISODE or "arguments" not in player)
    finally:
        world.close()
    assert world.client is None


def test_a_build_is_an_environment_of_either_kind_of_several_agents(player):
    view: Any = envs.parallel_env("ludus/Unity-v0", **player)
    obs, _ = view.reset(seed=1)
    assert set(obs) == set(view.agents)
    for _ in range(5):
        _, reward, *_ = view.step({a: view.action_space(a).sample() for a in view.agents})
        assert set(reward) == set(obs)
    view.close()
    world = envs.make("ludus/Unity-v0", 1, **player)
    rows = envs.sb3_env(world, partners=dict.fromkeys(list(world.groups)[1:], "random"))
    assert rows.reset().shape == (rows.num_envs, *rows.observation_space.shape)  # type: ignore[misc]
    _, reward, done, _ = rows.step(np.stack([rows.action_space.sample() for _ in range(rows.num_envs)]))
    assert reward.shape == done.shape == (rows.num_envs,)
    rows.close()
