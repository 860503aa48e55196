"""What methods keep comes back where the model is, is a copy, and is counted for what it is."""

import inspect
import json
from typing import Any

import numpy as np
import pytest
import torch
from bandits import Bandit, born, learn

from ludus.agents import method as methods
from ludus.agents.method import Memory, Method
from ludus.agents.methods import METHODS
from ludus.agents.methods.behaviour import Recent, fresh
from ludus.agents.state import State

SMALL = {"steps": 4, "size": 64, "batch": 16, "samples": 16, "every": 5}
BOTH = [
    (name, algorithm)
    for name, kind in METHODS.items()
    for algorithm in ("ppo", "sac")
    if not kind.algorithms or algorithm in kind.algorithms
]


def made(name: str) -> Any:
    known = inspect.signature(METHODS[name]).parameters
    return METHODS[name](**{k: v for k, v in SMALL.items() if k in known})


def lived(name: str, algorithm: str) -> Any:
    """A learner in the middle of its third stage."""
    learner = learn(born(algorithm, made(name)), "left", "right", steps=256)
    learner.start("left", Bandit("left"))
    learner.learn(256)
    return learner


def kept(thing: Any, path: str = "") -> dict[str, torch.Tensor]:
    """path -> tensor, of all that a method holds beyond a call."""
    if isinstance(thing, torch.Tensor):
        return {path: thing}
    if isinstance(thing, Method | Memory | Recent):
        thing = {k: v for k, v in vars(thing).items() if not k.startswith("_")}
    parts = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list | tuple) else ()
    return {where: t for k, v in parts for where, t in kept(v, f"{path}/{k}").items()}


@pytest.mark.parametrize(("name", "algorithm"), BOTH)
def test_all_that_a_method_kept_comes_back_on_the_models_device(name, algorithm):
    """Without an accelerator: the device without memory, "meta", stands for it."""
    learner = lived(name, algorithm)
    state, env = learner.state(), Bandit("left")
    state = State({k: np.array(v) for k, v in state.arrays.items()}, json.loads(json.dumps(state.meta)))
    other = born(algorithm, made(name))
    other._create(env)
    other.model.device = torch.device("meta")
    other.restore(state, env)
    before, after = kept(learner.methods[0]), kept(other.methods[0])
    assert after.keys() == before.keys()
    assert {path: t.shape for path, t in after.items()} == {path: t.shape for path, t in before.items()}
    host = getattr(getattr(other.methods[0], "memory", None), "host", False)  # its transitions are moved when drawn
    expected = {path: "cpu" if host and path.startswith("/memory") else "meta" for path in after}
    assert {path: t.device.type for path, t in after.items()} == expected


@pytest.mark.parametrize(("name", "algorithm"), BOTH)
def test_a_saved_state_does_not_change_when_the_learner_goes_on(name, algorithm):
    learner = lived(name, algorithm)
    state = learner.methods[0].state()
    then = {k: v.copy() for k, v in state.arrays.items()}
    learner.learn(256)
    learner.finish()
    assert all(np.array_equal(state.arrays[k], v) for k, v in then.items())


def test_who_keeps_nothing_of_the_past_says_so_and_weights_and_rows_are_counted_to_the_byte():
    free = {name: lived(name, "ppo").memory_bytes() for name in ("redo", "layer-norm", "shrink-perturb")}
    assert set(free.values()) == {0}
    actor = 4 * (4 * 32 + 32 + 32 * 2 + 2)  # bytes of the bandits' policy: one hidden layer of 32
    assert {lived(name, "ppo").memory_bytes() for name in ("l2", "ewc", "online-ewc", "mas", "si")} == {2 * actor}
    row = 4 * (4 + 2 + 2)  # an observation, mean and spread
    assert lived("replay", "ppo").memory_bytes() == 2 * SMALL["size"] * row
    assert lived("progress-compress", "ppo").memory_bytes() == 2 * actor


def test_a_method_of_ones_own_is_counted_whole_but_for_what_it_calls_working():
    class Own(Method):
        working = Method.working | {"now"}

        def state(self):
            return State({"rows": np.zeros(3), "generator": np.zeros(9), "now": np.zeros(7)})

    assert Own().memory_bytes() == 24


def test_drawing_by_a_seed_shields_the_generator_of_the_models_device_too(monkeypatch):
    shielded = []
    fork = torch.random.fork_rng
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: shielded.append(devices) or fork(devices=[]))
    for device in ("cpu", "cuda:0"):
        before = torch.get_rng_state()
        with methods.drawing(7, device):
            drawn = torch.rand(3)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(7)))
    assert shielded == [[], [torch.device("cuda:0")]]
    learner = born("ppo")
    learner.start("left", Bandit("left"))
    fresh(learner, 0)
    assert shielded[2:] == [[]]
