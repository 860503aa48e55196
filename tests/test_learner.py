"""A learner lives through tasks as plain SB3 would, in pieces or at once, and goes on exactly from what was saved."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from ludus.agents import networks
from ludus.agents.algorithms import ALGORITHMS
from ludus.agents.interface import Interface
from ludus.agents.learner import Learner, load_policy
from ludus.agents.method import Method
from ludus.agents.methods import METHODS
from ludus.agents.state import State, state_dict, tensors

REACH, LIFT = "ludus/Reach-v0", "ludus/Lift-v0"
BODY = Interface(20, 4, 8, tasks=(REACH, LIFT))
SMALL = {
    "ppo": {"n_steps": 8, "batch_size": 64, "n_epochs": 2, "policy_kwargs": {"net_arch": [16]}},
    "sac": {"learning_starts": 32, "batch_size": 32, "buffer_size": 2000, "policy_kwargs": {"net_arch": [16]}},
}


def env(task=REACH) -> Any:
    return BODY.env([task], 8, [{"nthread": 1}])


def born(algorithm="ppo", *methods):
    return Learner(algorithm, methods, seed=1, device="cpu", settings=SMALL[algorithm])


def same(a, b):
    assert a.keys() == b.keys()
    return all(np.array_equal(a[k], b[k]) for k in a)


def on_disk(state):
    """As a checkpoint would bring it back: plain arrays, JSON."""
    return State({k: np.array(v) for k, v in state.arrays.items()}, json.loads(json.dumps(state.meta)))


@pytest.mark.parametrize("algorithm", SMALL)
def test_learning_in_pieces_is_learning_at_once(algorithm):
    whole, pieces = born(algorithm), born(algorithm)
    whole.start(REACH, env())
    whole.learn(200)
    pieces.start(REACH, env())
    for steps in (30, 1, 99, 70):
        pieces.learn(steps)
    assert pieces.num_timesteps == whole.num_timesteps >= 200
    assert same(whole.weights(), pieces.weights())


@pytest.mark.parametrize("algorithm", SMALL)
def test_a_learner_without_methods_is_plain_sb3(algorithm):
    from ludus.agents.learner import _stage_seed

    ours = born(algorithm)
    ours.start(REACH, env())
    ours.learn(160)
    venv = env()
    kind = ALGORITHMS[algorithm]
    plain: Any = kind.build(kind.policy, venv, seed=1, device="cpu", **SMALL[algorithm])
    venv.seed(_stage_seed(1, 0))
    plain.learn(160)
    assert all(torch.equal(v, plain.policy.state_dict()[k]) for k, v in ours.model.policy.state_dict().items())


@pytest.mark.parametrize(
    ("algorithm", "names"), [("ppo", ()), ("ppo", ("replay",)), ("sac", ("replay",)), ("sac", ("reservoir",))]
)
def test_going_on_from_a_saved_state_is_exact(algorithm, names):
    """Saved in the middle of the second stage, restored in a learner that knows nothing, in a disturbed process."""

    def methods():
        return [METHODS[n]() for n in names]

    learner = born(algorithm, *methods())
    learner.start(REACH, env())
    learner.learn(128)
    learner.finish()
    venv = env(LIFT)
    learner.start(LIFT, venv)
    learner.learn(64)
    saved, world = on_disk(learner.state()), venv.state()
    learner.learn(128)

    np.random.seed(99)
    torch.manual_seed(99)
    other = Learner(algorithm, methods(), seed=1, device="cpu", settings=SMALL[algorithm])
    again = env(LIFT)
    again.restore(world)
    other.restore(saved, again)
    assert other.task == LIFT
    other.learn(128)
    assert same(learner.weights(), other.weights())
    one, two = learner.state(), other.state()
    assert same(one.arrays, two.arrays)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others():
    def weights(seed):
        learner = Learner("ppo", seed=seed, device="cpu", settings=SMALL["ppo"])
        learner.start(REACH, env())
        learner.learn(64)
        return learner.weights()

    assert same(weights(3), weights(3))
    assert not same(weights(3), weights(4))


@pytest.mark.parametrize("algorithm", SMALL)
def test_trying_the_policy_changes_nothing(algorithm):
    def life(tries):
        learner = born(algorithm)
        learner.start(REACH, env())
        learner.learn(64)
        if tries:
            view = env(LIFT)
            view.seed(5)
            obs = view.reset()
            with learner.trial(LIFT) as act:
                for _ in range(60):
                    obs = view.step(act(obs))[0]
        learner.learn(64)
        return learner.weights()

    assert same(life(tries=True), life(tries=False))


def test_a_stage_resets_what_it_says_and_keeps_the_rest():
    learner = born("sac")
    learner.start(REACH, env())
    learner.learn(200)
    learner.finish()
    weights, moments = learner.weights(), len(learner.model.actor.optimizer.state)
    assert moments and learner.model.replay_buffer.pos > 0
    learner.start(LIFT, env(LIFT), {"optimizer": False, "buffer": False, "exploration": False})
    assert len(learner.model.actor.optimizer.state) == moments and learner.model.replay_buffer.pos > 0
    entropy = learner.model.log_ent_coef.item()
    learner.start(LIFT, env(LIFT))
    assert not learner.model.actor.optimizer.state and learner.model.replay_buffer.pos == 0
    assert learner.model.log_ent_coef.item() != entropy
    assert same(weights, learner.weights())
    with pytest.raises(ValueError, match="did you mean optimizer"):
        learner.start(LIFT, env(LIFT), {"optimiser": True})


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_a_critic_can_start_afresh_while_the_actor_goes_on(algorithm):
    settings = SMALL[algorithm] | {"resets": {"critic": True}}
    learner = Learner(algorithm, seed=1, device="cpu", settings=settings)
    learner.start(REACH, env())
    first, critic = learner.weights(), set(learner._critic)
    learner.learn(256)
    learnt = learner.weights()
    learner.start(LIFT, env(LIFT), {"critic": False, "exploration": False})
    assert same(learnt, learner.weights())
    learner.start(LIFT, env(LIFT), {"exploration": False})
    for name, tensor in learner.weights().items():
        assert np.array_equal(tensor, (first if name in critic else learnt)[name]), name
    assert critic and any(not np.array_equal(first[n], learnt[n]) for n in critic) and critic < set(first)


def test_the_learning_rate_falls_over_a_stage_and_rises_with_the_next():
    learner = Learner("ppo", seed=1, device="cpu", settings=SMALL["ppo"] | {"learning_rate": 0.01, "decay": 0.1})
    rates = []
    for _ in range(2):
        learner.start(REACH, env(), steps=640)
        for _ in range(5):
            learner.learn(128)
            rates.append(learner.model.policy.optimizer.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [0.01 * (1 - 0.9 * s) for s in (0.2, 0.4, 0.6, 0.8, 1.0)] * 2)


def test_a_bound_holds_the_mean_of_actions_wherever_the_weights_lead_and_leaves_their_names():
    plain = Learner("ppo", seed=1, device="cpu", settings=SMALL["ppo"])
    bound = Learner("ppo", seed=1, device="cpu", settings=SMALL["ppo"] | {"bound": 1.5})
    rows = torch.linspace(-3, 3, 8)[:, None] * torch.ones(8, env().observation_space.shape[0])
    said = []
    for learner in (plain, bound):
        learner.start(REACH, env())
        learner.model.policy.action_net.weight.data.fill_(1.0)
        said.append(learner.gaussian(rows)[0])
        assert torch.allclose(learner.model.policy.get_distribution(rows).distribution.mean, said[-1])
    assert said[0].abs().max() > 1.5 >= said[1].abs().max()
    torch.testing.assert_close(said[1], said[0].clamp(-1.5, 1.5))
    assert plain.weights().keys() == bound.weights().keys()


def test_a_bounded_mean_learns_its_way_back_and_never_further_out():
    said = torch.tensor([-3.0, -1.0, 0.5, 1.5, 3.0], requires_grad=True)
    for slope, kept in ((1.0, [0, 1, 1, 1, 1]), (-1.0, [-1, -1, -1, 0, 0])):  # descent goes against the slope
        (found,) = torch.autograd.grad((slope * networks.Bounded.apply(said, 1.5)).sum(), said)
        assert found.tolist() == kept


def test_hooks_come_in_their_order():
    seen = []

    class Spy(Method):
        def __getattribute__(self, name):
            if name.startswith("on_") and (not seen or seen[-1] != name):
                seen.append(name)
            return super().__getattribute__(name)

    learner = born("ppo", Spy())
    learner.start(REACH, env())
    learner.learn(64)
    learner.finish()
    with learner.trial(REACH):
        pass
    assert seen[:5] == ["on_birth", "on_task_start", "on_rollout", "on_gradient", "on_update"]
    assert seen[-3:] == ["on_task_end", "on_test_start", "on_test_end"]


def test_a_saved_policy_acts_as_the_learner_did():
    learner = born()
    learner.start(REACH, env())
    learner.learn(64)
    obs = env().reset()
    with learner.trial(REACH) as act:
        expected = act(obs)
    loaded = load_policy("ppo", SMALL["ppo"], learner.weights(), env())
    np.testing.assert_array_equal(loaded(obs), expected)


def test_state_dicts_survive_json():
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters(), betas=(0.8, 0.9))
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    back = state_dict(on_disk(tensors(optimizer.state_dict())))
    other = torch.optim.Adam(net.parameters())
    other.load_state_dict(back)
    assert other.param_groups[0]["betas"] == [0.8, 0.9] or other.param_groups[0]["betas"] == (0.8, 0.9)
    assert all(torch.equal(optimizer.state[p]["exp_avg"], other.state[p]["exp_avg"]) for p in net.parameters())


def test_wrong_names_are_answered_with_the_near_ones():
    with pytest.raises(ValueError, match="did you mean ppo"):
        Learner("pppo")
    with pytest.raises(ValueError, match=r"'reservoir' runs on sac, .* not on ppo"):
        Learner("ppo", [METHODS["reservoir"]()])
    with pytest.raises(RuntimeError, match="start"):
        _ = Learner("ppo").model
