"""Recurrent inference: an answer that goes round through one network, and what that promises."""

import numpy as np
import pytest
import torch
from bandits import Bandit, score
from bandits import born as bandit
from bandits import learn as learnt
from test_algorithms import BODIES, SMALL, env

from ludus.agents.learner import Learner, load_policy
from ludus.agents.methods import METHODS
from ludus.agents.methods.behaviour import fresh
from ludus.agents.methods.redo import ReDo
from ludus.agents.policies.central import Central
from ludus.agents.policies.inference import RecurrentInference

ROWS = torch.linspace(-1, 1, 24).reshape(6, 4)


def thinker(iterations, algorithm="ppo", loud=100.0):
    """A newborn; loud: its first answers are made that much larger, so that rounds differ by more than a rounding."""
    learner = bandit(algorithm, RecurrentInference(iterations))
    learner.start("left", Bandit("left"))
    with torch.no_grad():
        learner.model.policy.action_net.weight.mul_(loud)
    return learner


def answers(learner, rows=ROWS) -> torch.Tensor:
    return learner.distribution(rows).mean


def said(learner, rows) -> torch.Tensor:
    return learner.distribution(rows).logits


def f(policy, x, y):
    """f(x, y), written out anew: the body's layers and the answer's."""
    return policy.action_net(policy.mlp_extractor.policy_net(torch.cat([x, y], dim=1)))


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_the_answer_is_f_of_itself_so_many_times_from_zero(iterations):
    learner = thinker(iterations)
    answer = torch.zeros(6, 2)
    for _ in range(iterations):
        answer = f(learner.model.policy, ROWS, answer)
    torch.testing.assert_close(answers(learner), answer)


def test_more_rounds_answer_otherwise_with_the_same_weights():
    few, many = thinker(1), thinker(3)
    many.model.policy.load_state_dict(few.model.policy.state_dict())
    with torch.no_grad():
        assert float((answers(few) - answers(many)).abs().max()) > 0.01


def test_gradients_flow_through_all_rounds():
    """The weights that read the last answer get their gradient from the second round on; and through the first answer,
    by the chain rule over both rounds, against autograd on f written out."""
    learner = thinker(2)
    policy = learner.model.policy
    first = policy.mlp_extractor.policy_net[0].weight
    (found,) = torch.autograd.grad(answers(learner).sum(), [first])
    whole = f(policy, ROWS, f(policy, ROWS, torch.zeros(6, 2))).sum()
    torch.testing.assert_close(found, torch.autograd.grad(whole, [first])[0])
    cut = f(policy, ROWS, f(policy, ROWS, torch.zeros(6, 2)).detach()).sum()
    assert not torch.allclose(found, torch.autograd.grad(cut, [first])[0])
    assert float(found[:, 4:].abs().sum()) > 0


def test_rows_share_nothing_and_nothing_stays_from_call_to_call():
    policy = thinker(4)
    whole = answers(policy)
    policy.distribution(ROWS * 5)
    alone = torch.cat([answers(policy, row[None]) for row in ROWS])
    torch.testing.assert_close(whole, alone)


@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_it_learns_what_a_feed_forward_policy_learns(algorithm):
    assert score(learnt(bandit(algorithm, RecurrentInference(3)), "left", steps=8192), "left") > 0.8


def test_choices_under_masks_are_refined_too():
    learner = Learner("maskable-ppo", [RecurrentInference(3)], seed=1, device="cpu", settings=SMALL["maskable-ppo"])
    learner.start(BODIES["branches"].tasks[0], env("branches"))
    learner.learn(64)
    rows = learner.rollout_rows()[:4]
    refined = said(learner, rows)
    learner.model.policy.iterations = 1
    assert not torch.equal(refined, said(learner, rows))


def test_saved_weights_act_as_they_did_and_a_newborn_is_of_the_same_make():
    learner = learnt(bandit("ppo", RecurrentInference(3)), "left", steps=256)
    obs = ROWS.numpy()
    with learner.trial("left") as act:
        acted = act(obs)
    again = load_policy("ppo", learner._settings, learner.weights(), Bandit("left"), [RecurrentInference(3)])
    np.testing.assert_array_equal(acted, again(obs))
    assert fresh(learner, 0).keys() == dict(learner.model.policy.named_parameters()).keys()


def test_it_stands_in_a_list_with_other_methods():
    learner = bandit("ppo", RecurrentInference(2), METHODS["layer-norm"](), METHODS["ewc"](), ReDo(every=3))
    learnt(learner, "left", "right", steps=512)
    assert learner.model.policy.iterations == 2 and np.isfinite(score(learner, "right"))


def test_what_it_cannot_do_is_refused_by_name():
    with pytest.raises(ValueError, match="iterations must be 1 or more, not 0"):
        bandit("ppo", RecurrentInference(0)).start("left", Bandit("left"))
    with pytest.raises(ValueError, match=r"recurrentinference.* runs on ppo, a2c"):
        Learner("sac", [RecurrentInference()])
    learner = Learner("ppo", [RecurrentInference(), RecurrentInference()], settings={"n_steps": 8, "batch_size": 32})
    with pytest.raises(ValueError, match="network of its own"):
        learner.start("left", Bandit("left"))


@pytest.mark.parametrize("methods", [(RecurrentInference, Central), (Central, RecurrentInference)])
def test_one_of_two_networks_is_refused_in_either_order(methods):
    with pytest.raises(ValueError, match=r"network of its own, and .* is another"):
        bandit("ppo", *(kind() for kind in methods)).start("left", Bandit("left"))
