"""Every algorithm lives through stages, goes on exactly from what was saved, and says what it would do."""

import copy
import json
from typing import Any

import numpy as np
import pytest
import torch

from ludus.agents import algorithms
from ludus.agents.algorithms import ALGORITHMS
from ludus.agents.interface import Interface
from ludus.agents.learner import Learner, _stage_seed, load_policy
from ludus.agents.method import Method
from ludus.agents.outputs import FORBIDDEN, Choices, Gaussian
from ludus.agents.state import State
from ludus.curricula import evaluation

REACH, LIFT, TREASURE, BARGAIN = "ludus/Reach-v0", "ludus/Lift-v0", "ludus/Treasure-v0", "ludus/Bargain-v0"
BODIES = {
    "continuous": Interface(20, 4, 8, tasks=(REACH, LIFT)),
    "discrete": Interface(187, 60, 8, tasks=(TREASURE, BARGAIN), actions="discrete"),
    "branches": Interface(187, 4, 8, tasks=(TREASURE, REACH), actions="branches", sizes=(60, 7, 7, 7)),
}
ON = {"n_steps": 8, "policy_kwargs": {"net_arch": [16]}}
OFF = {
    "learning_starts": 32,
    "batch_size": 32,
    "buffer_size": 500,
    "train_freq": 1,
    "policy_kwargs": {"net_arch": [16]},
}
SMALL: dict[str, dict[str, Any]] = {
    "ppo": ON | {"batch_size": 32, "n_epochs": 2},
    "a2c": ON,
    "maskable-ppo": ON | {"batch_size": 32, "n_epochs": 2},
    "recurrent-ppo": ON | {"batch_size": 32, "n_epochs": 1, "policy_kwargs": {"net_arch": [16], "lstm_hidden_size": 8}},
    "sac": OFF,
    "td3": OFF | {"action_noise": 0.1},
    "ddpg": OFF,
    "dqn": OFF | {"target_update_interval": 40},
}
LIVES = [(name, kind) for name, kind in ((n, k) for n, a in ALGORITHMS.items() for k in a.actions) if name in SMALL]


def env(kind: str, stage: int = 0) -> Any:
    body = BODIES[kind]
    task = body.tasks[stage]
    return body.env([task], 8, [{"nthread": 1} if task in (REACH, LIFT) else {}])


def born(name: str) -> Learner:
    return Learner(name, seed=1, device="cpu", settings=SMALL[name])


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    assert a.keys() == b.keys()
    return all(np.array_equal(a[k], b[k]) for k in a)


def test_the_table_names_every_algorithm_that_is_tried_here():
    assert set(SMALL) == set(ALGORITHMS)


@pytest.mark.parametrize(("name", "kind"), LIVES)
def test_a_life_goes_on_exactly_from_what_was_saved(name, kind):
    """Saved in the middle of the second stage, restored in a learner that knows nothing, in a disturbed process."""
    learner = born(name)
    learner.start(BODIES[kind].tasks[0], env(kind), steps=64)
    learner.learn(64)
    learner.finish()
    venv = env(kind, 1)
    learner.start(BODIES[kind].tasks[1], venv, steps=192)
    learner.learn(64)
    kept, world = learner.state(), venv.state()
    saved = State({k: np.array(v) for k, v in kept.arrays.items()}, json.loads(json.dumps(kept.meta)))
    before = learner.weights()
    learner.learn(64)
    assert not same(before, learner.weights())

    np.random.seed(99)
    torch.manual_seed(99)
    other, again = born(name), env(kind, 1)
    again.restore(world)
    other.restore(saved, again)
    for steps in (10, 54):  # and in pieces
        other.learn(steps)
    one, two = learner.state(), other.state()
    for state in (one, two):  # SB3 counts it from call to call; nothing here looks at it
        del state.meta["counters"]["_current_progress_remaining"]
    assert same(one.arrays, two.arrays) and one.meta == two.meta


@pytest.mark.parametrize("name", ["a2c", "maskable-ppo", "recurrent-ppo", "td3"])
def test_without_methods_it_is_the_plain_algorithm(name):
    algorithm = ALGORITHMS[name]
    kind = algorithm.actions[0]
    ours, venv = born(name), env(kind)
    ours.start(BODIES[kind].tasks[0], env(kind))
    ours.learn(64)
    settings = copy.deepcopy({k: v for k, v in SMALL[name].items() if k != "action_noise"})
    if name == "td3":
        settings["action_noise"] = ours.model.action_noise.base_noise  # type: ignore[union-attr]
    build: Any = algorithm.build
    plain = build(algorithm.policy, venv, seed=1, device="cpu", **settings)
    venv.seed(_stage_seed(1, 0))
    plain.learn(64)
    assert all(torch.equal(v, plain.policy.state_dict()[k]) for k, v in ours.model.policy.state_dict().items())


def test_random_actions_of_dqn_fall_over_each_stage_and_not_from_call_to_call():
    settings = SMALL["dqn"] | {"exploration_fraction": 0.5, "exploration_final_eps": 0.1}
    learner = Learner("dqn", seed=1, device="cpu", settings=settings)
    shares = []
    for stage in range(2):
        learner.start(BODIES["discrete"].tasks[stage], env("discrete", stage), steps=160)
        for _ in range(4):
            learner.learn(40)
            shares.append(learner.model.exploration_rate)
    np.testing.assert_allclose(shares, [0.55, 0.1, 0.1, 0.1] * 2)


@pytest.mark.parametrize(("name", "kind"), LIVES)
def test_a_saved_policy_acts_as_the_learner_did_and_only_where_it_may(name, kind):
    learner, world = born(name), BODIES[kind].world(BODIES[kind].tasks[0], 4)
    learner.start(BODIES[kind].tasks[0], env(kind))
    learner.learn(64)
    loaded = load_policy(name, SMALL[name], learner.weights(), env(kind))
    obs, _ = world.reset(np.arange(4), [5, 6, 7, 8])
    agents = world.agents
    with learner.trial(BODIES[kind].tasks[0]) as act:
        for _ in range(3):
            rows, masks = np.concatenate([obs[a] for a in agents]), world.masks()
            given = {} if masks is None else {"masks": np.concatenate([masks[a] for a in agents])}
            actions = act(rows, **given)
            np.testing.assert_array_equal(actions, loaded(rows, **given))
            if ALGORITHMS[name].masks:
                chosen = actions if kind == "discrete" else actions[:, 0]
                assert given["masks"][np.arange(len(rows)), chosen].all()
            obs = world.step(dict(zip(agents, np.split(actions, len(agents)), strict=True))).obs


def test_a_memory_begins_with_the_episodes_and_matters():
    learner = born("recurrent-ppo")
    learner.start(REACH, env("continuous"))
    learner.learn(64)
    obs = np.random.default_rng(0).normal(size=(4, 28)).astype(np.float32)
    with learner.trial(REACH) as act:
        first, second, begun = act(obs), act(obs), act(obs, starts=np.array([True, False, True, False]))
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(begun[[0, 2]], first[[0, 2]], rtol=1e-5)
    assert not np.allclose(begun[[1, 3]], first[[1, 3]], rtol=1e-5)


@pytest.mark.parametrize(("name", "kind"), LIVES)
def test_what_a_policy_says_is_kept_and_diverges_by_nothing_from_itself(name, kind):
    learner = born(name)
    learner.start(BODIES[kind].tasks[0], env(kind))
    learner.learn(64)
    if learner.off_policy:
        rows = learner.batch(20).observations
    else:
        rows = learner.rollout_rows()
        assert torch.equal(rows[:, : learner.rollout_observations().shape[1]], learner.rollout_observations())
    said = learner.distribution(rows)
    kept = said.keep()
    assert all(len(v) == len(rows) and not v.requires_grad for v in kept.values())
    torch.testing.assert_close(said.divergence(kept), torch.zeros(len(rows)), atol=1e-5, rtol=0)
    assert learner.values(rows).shape == (len(rows),)
    drawn = said.sample(torch.Generator().manual_seed(0))
    assert torch.isfinite(said.log_prob(drawn)).all() and torch.isfinite(said.entropy()).all()
    if ALGORITHMS[name].masks:
        assert (said.log_prob(drawn) > FORBIDDEN / 2).all()  # nothing that a mask excludes is drawn
    with torch.no_grad():
        for parameter in learner.model.policy.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    assert learner.distribution(rows).divergence(kept).mean() > 1e-3


def test_what_an_on_policy_algorithm_says_is_what_it_acted_by():
    """The log probabilities of the rollout's own actions, as SB3 wrote them down: masks and memories included."""
    for name, kind in (("ppo", "continuous"), ("maskable-ppo", "branches"), ("recurrent-ppo", "discrete")):
        seen: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

        class Look(Method):
            def on_rollout(self, learner, seen=seen):
                buffer = learner.model.rollout_buffer
                with torch.no_grad():
                    said = learner.distribution(learner.rollout_rows())
                actions = torch.as_tensor(buffer.actions.reshape(len(said.entropy()), -1))
                found = said.log_prob(actions if isinstance(said, Gaussian) else actions.long())
                seen.append((found, torch.as_tensor(buffer.log_probs.ravel()), said.entropy()))

        learner = Learner(name, [Look()], seed=1, device="cpu", settings=SMALL[name])
        learner.start(BODIES[kind].tasks[0], env(kind))
        learner.learn(128)
        assert len(seen) == 2
        for found, written, entropy in seen:
            torch.testing.assert_close(found, written, rtol=1e-4, atol=1e-4)
            assert (entropy >= 0).all() or kind == "continuous"


def test_what_sac_says_with_state_dependent_noise_is_what_it_draws_by():
    learner = Learner("sac", seed=1, device="cpu", settings=OFF | {"use_sde": True})
    learner.start(REACH, env("continuous"))
    actor, row = learner.model.actor, torch.linspace(-1, 1, 28).expand(20_000, -1)
    with torch.no_grad():
        actor.log_std.fill_(-1.0)
        said: Any = learner.distribution(row[:1])
        actor.reset_noise(len(row))  # of every row its own
        drawn = torch.atanh(actor(row))  # before it was squashed
    torch.testing.assert_close(drawn.mean(0), said.mean[0], rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.std(0), said.log_std[0].exp(), rtol=0.03, atol=0)


def test_divergences_are_torchs_own():
    generator = torch.Generator().manual_seed(0)
    a, b, c, d = torch.randn(4, 10, 3, generator=generator)
    one, two = torch.distributions.Normal(a, b.exp()), torch.distributions.Normal(c, d.exp())
    found = Gaussian(c, d).divergence(Gaussian(a, b).keep())
    torch.testing.assert_close(found, torch.distributions.kl_divergence(one, two).sum(1))
    old, new = torch.randn(2, 10, 3, generator=generator)
    split = [torch.log_softmax(x, 1) for x in (old, new)]
    one, two = (torch.distributions.Categorical(logits=x) for x in split)
    found = Choices(split[1], (3,)).divergence(Choices(split[0], (3,)).keep())
    torch.testing.assert_close(found, torch.distributions.kl_divergence(one, two))


def test_masked_choices_count_for_nothing():
    free = torch.log_softmax(torch.tensor([[1.0, 2.0, 3.0]]), 1)
    masked = torch.log_softmax(torch.tensor([[1.0, 2.0, FORBIDDEN]]), 1)
    said = Choices(free, (3,)).divergence(Choices(masked, (3,)).keep())
    torch.testing.assert_close(said, torch.zeros(1), atol=1e-6, rtol=0)  # among what was allowed they agree


def test_a_team_is_tried_with_its_masks():
    learner, body = born("maskable-ppo"), BODIES["discrete"]
    learner.start(TREASURE, env("discrete"))
    with learner.trial(TREASURE) as act:
        told = []
        scores = evaluation.evaluate(
            body.world(TREASURE, 3), lambda obs, masks: (told.append(masks.shape), act(obs, masks))[1]
        )
    assert scores["episodes"] == 3 and set(told) == {(6, 60)}


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("sac", "discrete", "sac does not act in discrete actions, as T asks; these do: .*maskable-ppo.*dqn"),
        ("ppo", "branches", "ppo does not act in branches actions, as T asks and needs masks; these do: maskable-ppo"),
        ("maskable-ppo", "continuous", "maskable-ppo does not act in continuous"),
        ("dqnn", "discrete", "did you mean dqn"),
    ],
)
def test_what_an_algorithm_cannot_do_is_refused_by_name(name, kind, words):
    with pytest.raises(ValueError, match=words) as error:
        algorithms.check(name, kind, ["T"])
    assert "\n" not in str(error.value)
