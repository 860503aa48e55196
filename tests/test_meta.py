"""Meta-learning comes to the start that is known in closed form, and its parts do with a real learner what they say."""

import numpy as np
import pytest
from bandits import SETTINGS, Bandit

from ludus.agents.meta.adaptation import Adaptation
from ludus.agents.meta.rules import Adapted, fomaml, learn, reptile
from ludus.envs import UnknownName

STEPS, RATE = 5, 0.1
RNG = np.random.default_rng(5)
CENTRES = RNG.normal(size=(3, 2))
BENDS = np.array([a @ a.T + np.eye(2) for a in RNG.normal(size=(3, 2, 2))])  # of three bowls ½ (x − c)ᵀ A (x − c)


def descend(start, task, seed) -> Adapted:
    """STEPS of gradient descent in a bowl."""
    x = start["x"]
    slope = lambda at: BENDS[task] @ (at - CENTRES[task])  # noqa: E731
    for _ in range(STEPS):
        x = x - RATE * slope(x)
    return Adapted({"x": x}, {"x": slope(x)}, {"x": slope(start["x"])})


def settled(weight) -> np.ndarray:
    """Where Σ weight(A) (x − c) is zero."""
    weights = [weight(a) for a in BENDS]
    return np.linalg.solve(sum(weights), sum(w @ c for w, c in zip(weights, CENTRES, strict=True)))


def shrunk(a):
    return np.linalg.matrix_power(np.eye(2) - RATE * a, STEPS)


KNOWN = {
    "reptile": lambda a: np.eye(2) - shrunk(a),
    "fomaml": lambda a: a @ shrunk(a),
}


@pytest.mark.parametrize("task", [0.0, 0.3])
@pytest.mark.parametrize("rule", KNOWN)
def test_the_start_comes_to_where_the_closed_form_has_it(rule, task):
    *_, last = learn({"x": np.array([3.0, -4.0])}, [0, 1, 2], descend, rule, rounds=400, batch=3, rate=0.3, task=task)
    assert last["x"] == pytest.approx(settled(lambda a: KNOWN[rule](a) + task * a), abs=1e-6)
    assert np.abs(last["x"] - settled(lambda a: a)).max() > 0.02  # and not to where all at once would be learnt


def test_one_step_of_reptile_is_a_step_of_learning_all_at_once():
    start = {"x": np.array([1.0, 2.0])}
    found = [Adapted({"x": start["x"] - RATE * BENDS[i] @ (start["x"] - CENTRES[i])}, start, start) for i in range(3)]
    joint = start["x"] - RATE * np.mean([BENDS[i] @ (start["x"] - CENTRES[i]) for i in range(3)], axis=0)
    assert reptile(start, found, 1.0)["x"] == pytest.approx(joint)


def test_tasks_are_drawn_by_the_seed():
    def seen(seed):
        drawn = []
        list(learn({"x": np.zeros(2)}, range(9), lambda s, t, n: drawn.append((t, n)) or descend(s, t % 3, n),
                   rounds=5, batch=2, seed=seed))  # fmt: skip
        return drawn

    assert seen(1) == seen(1) != seen(2)


def adaptation(**how) -> Adaptation:
    return Adaptation(Bandit, 512, settings=SETTINGS["ppo"], **how)


def test_a_learner_learns_from_the_start_and_its_gradient_points_downhill():
    adapt = adaptation()
    start = adapt.start("left", 0)
    kept = {k: v.copy() for k, v in start.items()}
    found = adapt(start, "left", 1)
    assert all((start[k] == kept[k]).all() for k in start)  # nothing was written into the start
    assert any(np.abs(found.weights[k] - start[k]).max() > 1e-3 for k in start)
    way = sum((found.before[k] * (found.weights[k] - start[k])).sum() for k in start if k.startswith("action_net"))
    assert way < 0  # where learning went, the loss at the start falls
    again = adapt(start, "left", 1)
    assert all((again.gradient[k] == found.gradient[k]).all() for k in start)
    assert (fomaml(start, [found], 0.0)["log_std"] == start["log_std"]).all()


def test_without_gradients_none_are_made():
    found = adaptation(gradients=False)(adaptation().start("left", 0), "left", 1)
    assert not any(g.any() for g in (*found.gradient.values(), *found.before.values()))


def test_what_is_wrong_is_named():
    with pytest.raises(UnknownName, match="no rule of meta-learning 'reptil'; did you mean reptile"):
        next(learn({"x": np.zeros(2)}, [0], descend, "reptil"))
    with pytest.raises(ValueError, match="a round needs tasks"):
        next(learn({"x": np.zeros(2)}, [], descend))
    with pytest.raises(ValueError, match="on-policy"):
        Adaptation(Bandit, 1, "sac")
