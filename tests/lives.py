"""Lives of worlds, to be compared: made by name, acted on by chance that depends on the seed alone."""

from __future__ import annotations

import functools
import hashlib

import numpy as np
import toys
from gymnasium import spaces

from ludus import envs
from ludus.envs.core import World
from ludus.envs.views import autoreset

TOYS = tuple(toys.VARIANTS)
IDS = tuple(i for i in envs.ids() if "needs-build" not in envs.spec(i).tags)


LONGEST = 60  # steps of a life: what a world promises it keeps in these as well as in a thousand


def make(name: str, num_envs: int = 1, **settings) -> World:
    """num_envs copies of a registered id, or of a toy; episodes of LONGEST steps at most, unless asked for."""
    if name in TOYS:
        return envs.make("toys:make", num_envs, variant=name, **settings)
    settings.setdefault("max_episode_steps", min(length(name), LONGEST))
    return envs.make(name, num_envs, **settings)


@functools.cache
def length(name: str) -> int:
    """Steps of an episode of a registered id."""
    world = envs.make(name)
    world.close()
    return world.max_episode_steps


def chance(space: spaces.Space, rng: np.random.Generator) -> np.ndarray:
    """One action that the space has."""
    if isinstance(space, spaces.Box):
        return rng.uniform(space.low, space.high).astype(space.dtype)
    assert isinstance(space, (spaces.Discrete, spaces.MultiDiscrete))
    count = space.n if isinstance(space, spaces.Discrete) else space.nvec
    return space.start + rng.integers(count)


class Actor:
    """Actions of copies with the given seeds; each copy's depend on its seed and on how often it acted."""

    def __init__(self, world: World, seeds):
        self.world, self.rngs = world, [np.random.default_rng([seed, 7]) for seed in seeds]

    def __call__(self) -> dict[str, np.ndarray]:
        spaces = self.world.action_spaces
        rows = [{a: chance(spaces[a], rng) for a in self.world.agents} for rng in self.rngs]
        return {a: np.stack([row[a] for row in rows]) for a in self.world.agents}


def live(world: World, seeds, steps: int) -> list[dict[str, np.ndarray]]:
    """What came out of steps with auto-reset, flat: a dictionary a step, beginning with the reset."""
    seeds = list(seeds)
    actor = Actor(world, seeds)
    obs, info = world.reset(np.arange(world.num_envs), seeds)
    life = [flat({"obs": obs, "info": info})]
    for _ in range(steps):
        result, obs, info = autoreset.step(world, actor())
        life.append(flat({
            "final": result.obs, "reward": result.reward, "terminated": result.terminated,
            "final_info": result.info, "obs": obs, "info": info,
            "last": {"truncated": result.truncated, "done": result.done},
        }))  # fmt: skip
    return life


def flat(named) -> dict[str, np.ndarray]:
    return {f"{name}.{key}": np.array(value) for name, group in named.items() for key, value in group.items()}


def row(life: list[dict[str, np.ndarray]], copy: int) -> list[dict[str, np.ndarray]]:
    """The life of one copy."""
    return [{name: value[copy : copy + 1] for name, value in moment.items()} for moment in life]


def assert_same(one, other) -> None:
    """Equal to the last bit, in keys, shapes, types and values."""
    assert len(one) == len(other)
    for t, (a, b) in enumerate(zip(one, other, strict=True)):
        assert a.keys() == b.keys(), f"step {t}"
        for name in a:
            assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape, f"step {t}: {name}"
            assert a[name].tobytes() == b[name].tobytes(), f"step {t}: {name}: {a[name]} is not {b[name]}"


def fingerprint(life) -> str:
    """One hash for a life."""
    digest = hashlib.sha256()
    for moment in life:
        for name in sorted(moment):
            digest.update(name.encode() + moment[name].tobytes())
    return digest.hexdigest()


if __name__ == "__main__":  # a test runs this file in processes of their own
    for name in (*IDS, *TOYS):
        world = make(name, 2)
        print(name, fingerprint(live(world, [5, 6], world.max_episode_steps + 3)))
