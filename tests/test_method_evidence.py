"""On two tasks whose answers conflict fine-tuning forgets, methods do not, and a strength of nothing is fine-tuning."""

import functools
import json

import numpy as np
import pytest
from bandits import Bandit, born, learn, score

from ludus.agents.methods import METHODS
from ludus.agents.methods.l2 import L2
from ludus.agents.state import State

# methods that hold both tasks under PPO -> their settings (of the first in a list)
ON_PPO = {
    "replay": {"weight": 0.05},
    "bounded-replay": {"weight": 0.05},
    "agem": {},
    "clear": {"policy": 0.1, "value": 0.1},
    "distill": {"steps": 200},
    "ewc": {},
    "online-ewc": {},
    "mas": {},
    "si": {},
    "packnet": {"tasks": 2, "steps": 200},
    "heads+l2": {},
    "progress-compress": {"weight": 100.0, "steps": 800, "rate": 0.01, "batch": 128},
}
# what makes a method nothing at all
OFF = {
    "replay": {"weight": 0.0},
    "bounded-replay": {"weight": 0.0},
    "agem": {"weight": 0.0},
    "clear": {"weight": 0.0},
    "clonex": {"weight": 0.0, "explore": False},
    "reservoir": {"share": 0.0},
    "quotas": {"share": 0.0},
    "l2": {"weight": 0.0},
    "ewc": {"weight": 0.0},
    "online-ewc": {"weight": 0.0},
    "mas": {"weight": 0.0},
    "si": {"weight": 0.0},
    "shrink-perturb": {"shrink": 1.0, "noise": 0.0},
    "redo": {"every": 10**9},
    "heads": {"afresh": False},
}


@functools.cache
def finetuned(algorithm: str) -> tuple[float, float]:
    """(first task kept, second learnt) without any method, and that the first was learnt."""
    learner = learn(born(algorithm), "left")
    assert score(learner, "left") > 0.9
    learn(learner, "right")
    return score(learner, "left"), score(learner, "right")


def test_fine_tuning_forgets():
    kept, learnt = finetuned("ppo")
    assert kept < 0.3 and learnt > 0.9


@pytest.mark.parametrize("name", ON_PPO)
def test_a_method_keeps_what_fine_tuning_forgets_and_learns_the_new(name):
    first, *others = name.split("+")
    learner = born("ppo", METHODS[first](**ON_PPO[name]), *(METHODS[n]() for n in others))
    learn(learner, "left", "right")
    assert score(learner, "left") > finetuned("ppo")[0] + 0.6
    assert score(learner, "right") > 0.8


def test_l2_alone_keeps_the_old_at_the_price_of_the_new():
    """All weights matter alike to it: what holds one task leaves no room for the other, as Kirkpatrick et al. found."""
    learner = learn(born("ppo", L2(weight=10.0)), "left", "right")
    assert score(learner, "left") > finetuned("ppo")[0] + 0.6


@pytest.mark.parametrize("name", OFF)
def test_a_method_of_no_strength_is_fine_tuning_bit_for_bit(name):
    algorithm = "sac" if "sac" in (METHODS[name].algorithms or ()) else "ppo"
    bare, off = (learn(born(algorithm, *m), "left", "right", steps=512) for m in ((), (METHODS[name](**OFF[name]),)))
    assert all(np.array_equal(v, off.weights()[k]) for k, v in bare.weights().items())


@pytest.mark.parametrize("name", METHODS)
def test_a_life_with_a_method_goes_on_exactly_from_what_was_saved(name):
    """Saved in the middle of the second task, restored in a learner that knows nothing."""
    kind = METHODS[name]
    algorithm = "sac" if kind.algorithms and "sac" in kind.algorithms else "ppo"
    few = {"steps": 5} if name in ("distill", "packnet", "progress-compress") else {}
    few |= {"every": 7} if name == "redo" else {}
    learner = learn(born(algorithm, kind(**few)), "left", steps=256)
    env = Bandit("right")
    learner.start("right", env)
    learner.learn(256)
    saved, world = learner.state(), env.state()
    saved = State({k: np.array(v) for k, v in saved.arrays.items()}, json.loads(json.dumps(saved.meta)))
    learner.learn(256)
    learner.finish()
    other, again = born(algorithm, kind(**few)), Bandit("right")
    again.restore(world)
    other.restore(saved, again)
    other.learn(256)
    other.finish()
    one, two = learner.state(), other.state()
    assert one.arrays.keys() == two.arrays.keys() and one.meta["method.0"] == two.meta["method.0"]
    assert all(np.array_equal(v, two.arrays[k], equal_nan=True) for k, v in one.arrays.items())
    assert score(learner, "left") == score(other, "left")
