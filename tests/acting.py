"""How tests start robot tasks and play them: the script, idling, chance, and who does not look."""

from typing import Any

import numpy as np

from ludus import envs


def start(name, num_envs=1, first_seed=0, **settings) -> Any:
    """A world whose copies have the seeds first_seed, first_seed + 1, …, reset."""
    world = envs.make(name, num_envs, **settings)
    world.reset(np.arange(num_envs), [first_seed + i for i in range(num_envs)])
    return world


def scripted(world, step):
    return world.scripted()


def idle(world, step):
    return {a: np.zeros((world.num_envs, *world.action_spaces[a].shape)) for a in world.agents}


def random(world, step):
    rng = np.random.default_rng(step)
    return {a: rng.uniform(-1, 1, x.shape) for a, x in idle(world, step).items()}


def bang(world, step):
    """The hardest way to act: each entry at one of its ends, held for three steps."""
    return {a: np.sign(x) for a, x in random(world, step // 3).items()}


def straight(world, step):
    """Of those that avoid: the way there, without looking at anybody."""
    return world.task.straight()


def success(world, policy=scripted):
    """The share of copies whose first episode ends in success under policy(world, step) -> actions."""
    won, over = np.zeros(world.num_envs, bool), np.zeros(world.num_envs, bool)
    for step in range(world.max_episode_steps):
        result = world.step(policy(world, step))
        won |= result.info["success"] & result.done & ~over
        over |= result.done
    assert over.all()
    return won.mean()
