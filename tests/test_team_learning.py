"""Learning together: learners apart, averaged, distilled into each other, judged together, and talking."""

import functools
import json
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from ludus import envs
from ludus.agents.interface import Interface, WidthError
from ludus.agents.learner import Learner
from ludus.agents.method import Method
from ludus.agents.policies.central import Central, Overseen, overseeing
from ludus.agents.team.crossplay import crossplay
from ludus.agents.team.federated import Federated, average
from ludus.agents.team.mutual import Mutual, apart
from ludus.agents.team.seats import Table
from ludus.agents.team.team import TeamAct, by_agent, by_group
from ludus.agents.team.teams import Groups, Independent
from ludus.curricula import curriculum, plan
from ludus.curricula.actors import dressed
from ludus.curricula.evaluation import evaluate
from ludus.curricula.record import read_run
from ludus.curricula.runner import run
from ludus.envs.views.sb3 import Sb3View

torch.set_num_threads(1)
PAIR, TASK = {"whispers:make": (0, 1)}, "whispers:make"
PPO = {"n_steps": 16, "batch_size": 64, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}}
SGD = {
    "n_steps": 4, "learning_rate": 0.05, "max_grad_norm": 1e9, "use_rms_prop": False,
    "policy_kwargs": {"net_arch": [8], "optimizer_class": torch.optim.SGD},
}  # fmt: skip


def whispers(copies=16, **settings):
    return envs.make(TASK, copies, **settings)


def born(seat, algorithm="ppo", settings=PPO, methods=(), apart=True):
    return Learner(algorithm, [m() for m in methods], seed=seat * apart, device="cpu", settings=settings)


def begun(kind, copies=16, how=None, **settings):
    team = kind(functools.partial(born, **(how or {})), PAIR, **settings)
    team.start(TASK, Sb3View(whispers(copies)))
    return team


def weights(learner):
    return {k: v.detach().clone() for k, v in learner.model.policy.state_dict().items()}


def same(one, other, tolerance=0.0):
    return all(np.allclose(one[k], other[k], rtol=0, atol=tolerance) for k in one) and one.keys() == other.keys()


# Several learners at one table


def test_each_learner_meets_only_its_own_agents_rows_and_is_paid_for_them():
    team = begun(Independent)
    team.learn(16 * 2 * 16)
    seer, doer = (learner.model.rollout_buffer.observations for learner in team.learners)
    assert seer.shape == doer.shape == (256, 2)
    assert (seer[..., 1] == 1).all() and (doer[..., 1] == -1).all()
    rewards = [learner.model.rollout_buffer.rewards for learner in team.learners]
    paid = [r[np.arange(16) % 4 < 3] for r in rewards]  # at an episode's end SB3 adds what the critic still hopes for
    assert np.array_equal(*paid) and set(np.unique(paid)) == {-0.5, 0.5}
    assert team.num_timesteps == 512 and [learner.num_timesteps for learner in team.learners] == [256, 256]


def test_a_learner_is_not_touched_by_what_another_learns():
    """The second learner's rewards are what it earns; its weights do not depend on the first one's rate."""
    rates = iter((0.0, 1e-3))
    team = Independent(lambda i: born(i, settings=PPO | {"learning_rate": next(rates)}), PAIR)
    team.start(TASK, Sb3View(whispers()))
    before = [weights(learner) for learner in team.learners]
    team.learn(512)
    after = [weights(learner) for learner in team.learners]
    assert same(before[0], after[0]) and not same(before[1], after[1])


def test_learning_in_pieces_and_learning_twice_give_the_same_weights():
    whole, pieces = (begun(Mutual, every=700) for _ in range(2))
    whole.learn(2048)
    pieces = begun(Mutual, every=700)  # the generators are global: one life at a time
    for _ in range(8):
        pieces.learn(256)
    assert same(whole.weights(), pieces.weights())


@pytest.mark.parametrize("kind", [Independent, Federated, Mutual])
def test_a_team_goes_on_from_a_saved_state_exactly(kind):
    how = {} if kind is Independent else {"every": 700}
    team = begun(kind, **how)
    team.learn(1100)
    env = team.table.env
    kept, world = team.state(), env.state()  # type: ignore[attr-defined]
    kept.meta = json.loads(json.dumps(kept.meta))
    team.learn(1100)
    again, view = kind(born, PAIR, **how), Sb3View(whispers())
    view.restore(world)
    again.restore(kept, view)
    again.learn(1100)
    assert same(team.weights(), again.weights()) and team.num_timesteps == again.num_timesteps


def test_an_error_in_one_learner_ends_all_and_says_what_it_was():
    team = begun(Independent)
    team.learners[1].model.train = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        team.learn(2048)


def test_learners_that_do_not_keep_step_are_refused():
    lengths = iter((16, 32))
    team = Independent(lambda i: born(i, settings=PPO | {"n_steps": next(lengths)}), PAIR)
    team.start(TASK, Sb3View(whispers()))
    with pytest.raises(RuntimeError, match="same settings"):
        team.learn(512)


def test_a_table_gives_every_seat_its_rows_of_one_step():
    class Echo(Sb3View):
        def step_wait(self):
            obs, _, done, infos = super().step_wait()
            return obs, self._actions["ann"][:, 0].tolist() + self._actions["bob"][:, 0].tolist(), done, infos

        def step(self, actions):
            obs, reward, done, infos = super().step(actions)
            return obs, np.array(reward), done, infos

    table, got = Table(Echo(whispers(2)), [np.array([0, 3]), np.array([1, 2])]), {}

    def life(seat, value):
        seat.reset()
        got[value] = seat.step(np.array([[value], [value + 0.5]]))[1].tolist()

    table.play([lambda: life(table.seats[0], 0.0), lambda: life(table.seats[1], 0.25)])
    assert got == {0.0: [0.0, 0.5], 0.25: [0.25, 0.75]}


def test_a_learner_for_every_group_where_the_members_differ():
    body = Interface(5, 2, words=4)
    world = body.world("toys:make", 2, settings={"variant": "Rivals"})
    assert by_group(world) == (0, 0, 1) and by_agent(world) == (0, 1, 2)
    team = Groups(born, {"toys:make": by_group(world)})
    team.start("toys:make", body.env(["toys:make"], 12, [{"variant": "Rivals"}]))
    team.learn(16 * 12)
    assert [learner.num_timesteps for learner in team.learners] == [128, 64]
    told = [learner.model.rollout_buffer.observations[..., 3:5] for learner in team.learners]
    assert (told[0] == [1, 0]).all() and (told[1] == [0, 1]).all()  # the body's one-hot of the group


class Signed:
    remembers = False

    def __init__(self, sign):
        self.sign = sign

    def __call__(self, obs, masks, starts):
        return self.sign * obs[:, :1]


def test_who_is_tried_is_who_learnt():
    team = begun(Independent, how={"apart": True})
    rows = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    with team.trial(TASK) as act:
        found = act(rows)
    for part, learner in zip(np.split(rows, 2), team.learners, strict=True):
        mine, found = found[:3], found[3:]
        assert np.array_equal(mine, learner.model.predict(part, deterministic=True)[0])
    turned = TeamAct(cast(Any, [Signed(1), Signed(-1)]), (1, 0, 1))(rows)
    assert np.array_equal(turned[:, 0], rows[:, 0] * np.array([-1, -1, 1, 1, -1, -1]))


def test_tasks_that_share_the_rows_otherwise_are_refused():
    with pytest.raises(ValueError, match=r"share of the rows.*one.*two"):
        Independent(born, {"one": (0, 1), "two": (0, 1, 2)})


# Federated


def test_the_average_counts_each_by_its_rows():
    found = average([{"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([5.0, -2.0])}], [3, 1])
    assert torch.allclose(found["w"], torch.tensor([2.0, 1.0]))


def test_on_quadratics_one_local_step_is_the_joint_step_and_several_are_not():
    """f_k(w) = a_k/2 (w - c_k)^2: after E steps of rate r, w_k = c_k + (1 - r a_k)^E (w - c_k)."""
    a, c, r, w = torch.tensor([1.0, 4.0]), torch.tensor([-1.0, 2.0]), 0.1, torch.tensor(0.5)
    shares = torch.tensor([3.0, 1.0])
    joint = lambda w: w - r * (shares * a * (w - c)).sum() / shares.sum()  # noqa: E731
    local = lambda steps: c + (1 - r * a) ** steps * (w - c)  # noqa: E731
    once, thrice = (average([{"w": x} for x in local(n)], shares.tolist())["w"] for n in (1, 3))
    assert torch.isclose(once, joint(w)) and not torch.isclose(thrice, joint(joint(joint(w))), atol=1e-3)


def test_with_one_step_of_gradient_descent_federated_learning_is_joint_learning():
    """Rounds of A2C: the same actions are drawn (16 copies each fill whole blocks of torch's generator)."""
    rows, rounds = 32, 12
    alike = {"algorithm": "a2c", "settings": SGD, "apart": False}
    joint = born(0, "a2c", SGD)
    joint.start(TASK, Sb3View(whispers()))
    joint.learn(4 * rows * rounds)
    team = begun(Federated, how=alike, every=4 * rows)
    team.learn(4 * rows * rounds)
    one, other = (weights(learner) for learner in team.learners)
    assert same(one, other) and same(one, weights(joint), 1e-5)
    assert not same(weights(born_and_begun()), weights(joint), 1e-2)
    rare = begun(Federated, how=alike, every=4 * rows * 3)
    rare.learn(4 * rows * rounds)
    assert not same(weights(rare.learners[0]), weights(joint), 1e-5)


def born_and_begun():
    learner = born(0, "a2c", SGD)
    learner.start(TASK, Sb3View(whispers()))
    return learner


def test_federated_learners_begin_alike_and_part_between_averages():
    team = begun(Federated, every=10_000)
    assert same(weights(team.learners[0]), weights(team.learners[1]))
    team.learn(1024)
    assert not same(weights(team.learners[0]), weights(team.learners[1]))


def test_what_federated_learners_start_afresh_is_alike_also_after_a_stop():
    """Else a critic that begins anew with each stage would part them, and their average mean nothing."""
    anchors = []

    class Notes(Method):
        def on_task_start(self, learner, task):
            anchors.append(weights(learner))

    how = {"methods": [Notes], "settings": PPO | {"resets": {"critic": True}}}
    team = begun(Federated, how=how, every=10_000)
    assert same(*anchors)  # what a method notes at its first start is what is learnt from
    team.learn(1024)
    env = Sb3View(whispers())
    other = Federated(functools.partial(born, **how), PAIR, every=10_000)
    for each in (team, other):
        if each is other:
            each.restore(team.state(), env)
        each.start(TASK, Sb3View(whispers()), resets={"critic": True})
        judges = [{k: v for k, v in weights(one).items() if "value" in k} for one in each.learners]
        assert judges[0] and same(judges[0], judges[1])


# Distilled into each other


def test_a_meeting_brings_learners_nearer_to_each_other():
    team = begun(Mutual, every=1_000_000, steps=80, rate=2e-2)
    for learner, bias in zip(team.learners, (-1.0, 1.0), strict=True):
        learner.model.policy.action_net.bias.data.fill_(bias)
    team.learn(512)
    rows = torch.randn(200, 2)
    said = lambda: [learner.distribution(rows).keep() for learner in team.learners]  # noqa: E731
    gap = lambda: [float(apart(team.learners[i], rows, [said()[1 - i]]).detach()) for i in (0, 1)]  # noqa: E731
    before, values = gap(), [learner.values(rows).detach() for learner in team.learners]
    team.meet()
    after = gap()
    assert after[0] < before[0] / 4 and after[1] < before[1] / 4
    assert all(torch.equal(v, learner.values(rows)) for v, learner in zip(values, team.learners, strict=True))


def test_the_loss_is_the_mean_divergence_from_the_others():
    """Of Gaussians of one spread: (m_l - m_k)^2 / (2 s^2)."""
    team = begun(Mutual)
    for learner, bias in zip(team.learners, (0.2, 0.8), strict=True):
        learner.model.policy.action_net.weight.data.zero_()
        learner.model.policy.action_net.bias.data.fill_(bias)
        learner.model.policy.log_std.data.fill_(np.log(0.5))
    rows = torch.randn(10, 2)
    other = team.learners[1].distribution(rows).keep()
    third = {"mean": other["mean"] - 1.0, "log_std": other["log_std"]}
    found = apart(team.learners[0], rows, [other, third])
    assert float(found.detach()) == pytest.approx((0.6**2 + 0.4**2) / 2 / (2 * 0.25), rel=1e-5)


# A central critic


def central(copies=8, **settings):
    learner = Learner("ppo", [Central()], device="cpu", settings=PPO | {"gamma": 0.9, "gae_lambda": 0.8} | settings)
    learner.start(TASK, Sb3View(Overseen(whispers(copies))))
    return learner


def test_the_critic_sees_all_and_the_actor_only_its_own():
    learner = central()
    rows = torch.randn(5, 6)
    others = rows.clone()
    others[:, 2:] += 1
    policy, mean = learner.model.policy, lambda seen: cast(Any, learner.distribution(seen)).mean
    assert torch.equal(mean(rows), mean(others))
    assert not torch.allclose(policy.predict_values(rows), policy.predict_values(others))
    rows[:, 0] += 1
    assert not torch.allclose(mean(rows), mean(others))


def test_a_row_is_the_own_observation_then_everybodys():
    world = Overseen(whispers(3), team=3)
    obs, _ = world.reset(np.arange(3), range(3))
    inner = whispers(3).reset(np.arange(3), range(3))[0]
    for agent in world.agents:
        expected = np.concatenate([inner[agent], inner["ann"], inner["bob"], np.zeros((3, 2))], axis=1)
        assert np.array_equal(obs[agent], expected) and obs[agent].shape[1:] == world.observation_spaces[agent].shape


def test_advantages_are_those_of_a_central_critic_computed_apart():
    """GAE (Schulman et al. 2016, arXiv 1506.02438, eq. 16) as a plain sum, with the critic worked out in NumPy."""
    learner = central()
    learner.learn(256)
    learner.model.train = lambda: None  # the weights that judged the next rollout stay
    learner.learn(256)
    buffer, w = learner.model.rollout_buffer, learner.weights()

    def value(obs):
        hidden = np.tanh(obs @ w["mlp_extractor.value_net.0.weight"].T + w["mlp_extractor.value_net.0.bias"])
        return (hidden @ w["value_net.weight"].T + w["value_net.bias"])[..., 0]

    obs, paid = buffer.observations.astype(float), buffer.rewards.astype(float)
    values = np.concatenate([value(obs), value(learner.model._last_obs)[None]])
    begins = np.concatenate([buffer.episode_starts, learner.model._last_episode_starts[None]])[1:]
    delta = paid + 0.9 * values[1:] * (1 - begins) - values[:-1]  # paid holds the value of where an episode was cut
    for t in range(16):
        expected, alive, weight = 0.0, 1.0, 1.0
        for later in range(t, 16):
            expected = expected + weight * alive * delta[later]
            alive, weight = alive * (1 - begins[later]), weight * 0.9 * 0.8
        assert np.allclose(buffer.advantages[t], expected, atol=1e-4)
    cut = np.flatnonzero(begins[:, 0])
    assert len(cut) and np.abs(paid[cut] + 0.5).min() > 1e-6 < np.abs(paid[cut] - 0.5).min()


def test_a_central_critic_needs_rows_of_its_kind():
    with pytest.raises(ValueError, match="Overseen"):
        Learner("ppo", [Central()], device="cpu", settings=PPO).start(TASK, Sb3View(whispers(4)))
    with pytest.raises(ValueError, match="runs on ppo"):
        Learner("sac", [Central()])
    with pytest.raises(WidthError, match="sees 1"):
        Overseen(whispers(2), team=1)
    wide = overseeing(Interface(2, 1, words=4), 2).world(TASK, 3)
    assert wide.reset(np.arange(3))[0]["ann"].shape == (3, 18)


# Messages


def talking(copies=4, mute=False, **settings):
    return envs.make(TASK, copies, messages=2, mute=mute, **settings)


def test_what_is_said_is_heard_by_the_others_one_step_later_and_by_none_at_the_start():
    world, bare = talking(), whispers(4)
    obs, inner = world.reset(np.arange(4), range(4))[0], bare.reset(np.arange(4), range(4))[0]
    assert all(np.array_equal(obs[a], np.pad(inner[a], ((0, 0), (0, 2)))) for a in world.agents)
    said = {"ann": np.array([[0.0, 0.3, -3.0]] * 4), "bob": np.array([[1.0, -0.5, 0.25]] * 4)}
    step = world.step(said)
    assert np.allclose(step.obs["bob"][:, 2:], [0.3, -1.0]) and np.allclose(step.obs["ann"][:, 2:], [-0.5, 0.25])
    plain = bare.step({a: v[:, :1] for a, v in said.items()})
    assert all(np.array_equal(step.obs[a][:, :2], plain.obs[a]) for a in world.agents)
    after = world.reset(np.array([1]), [9])[0]["bob"][:, 2:]
    assert (after[1] == 0).all() and np.allclose(after[[0, 2, 3]], [0.3, -1.0])


def test_words_are_chosen_and_heard_as_one_of_many():
    world = talking(choices=True)
    assert cast(Any, world.action_spaces["ann"]).nvec.tolist() == [2, 2]
    world.reset(np.arange(4), range(4))
    step = world.step({"ann": np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), "bob": np.zeros((4, 2), int)})
    assert step.obs["bob"][:, 2:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_a_muted_world_has_the_same_spaces_and_says_nothing():
    world, loud = talking(mute=True), talking()
    assert world.observation_spaces == loud.observation_spaces and world.action_spaces == loud.action_spaces
    world.reset(np.arange(4), range(4))
    assert (world.step({a: np.ones((4, 3)) for a in world.agents}).obs["bob"][:, 2:] == 0).all()


def test_a_copy_talks_as_a_single_world_does_and_goes_on_from_a_saved_state():
    many, one = envs.make("toys:make", 3, messages=2), envs.make("toys:make", 1, messages=2)
    many.reset(np.arange(3), [7, 8, 9])
    one.reset(np.arange(1), [8])
    draw = np.random.default_rng(0)
    for number in range(12):
        actions = {a: draw.uniform(-1.5, 1.5, (3, 4)) for a in many.agents}
        seen, alone = many.step(actions), one.step({a: v[1:2] for a, v in actions.items()})
        assert all(np.array_equal(seen.obs[a][1:2], alone.obs[a]) for a in many.agents)
        for a in many.agents:
            gone = (seen.obs[a][:, :3] == 0).all(axis=1)
            assert (seen.obs[a][gone, 3:] == 0).all()
        if number == 5:
            kept, at = many.state(), draw.bit_generator.state
    last = seen.obs
    draw.bit_generator.state = at
    again = envs.make("toys:make", 3, messages=2)
    again.restore(kept)
    for _ in range(6):
        seen = again.step({a: draw.uniform(-1.5, 1.5, (3, 4)) for a in many.agents})
    assert all(np.array_equal(last[a], seen.obs[a]) for a in many.agents)


def test_messages_that_cannot_be_are_refused_by_name():
    with pytest.raises(ValueError, match=r"toys:make.*'ann' is alone"):
        envs.make("toys:make", 1, variant="Alone", messages=1)
    for wrong in (-1, 1.5):
        with pytest.raises(ValueError, match="whole number from 1"):
            envs.make(TASK, 1, messages=cast(Any, wrong))
    with pytest.raises(ValueError, match="one word"):
        envs.make(TASK, 1, choices=True, messages=1)


def test_what_needs_messages_is_learnt_with_them_and_without_them_stays_at_chance():
    ppo = PPO | {"n_steps": 32, "batch_size": 512, "n_epochs": 4, "gamma": 0.5, "learning_rate": 5e-3}
    ppo |= {"policy_kwargs": {"net_arch": [16]}}
    found = {}
    for mute in (False, True):
        learner = Learner("ppo", seed=0, device="cpu", settings=ppo)
        learner.start(TASK, Sb3View(talking(64, mute)))
        learner.learn(16_384)
        with learner.trial(TASK) as act:
            found[mute] = evaluate(talking(500, mute), act)["success"]
    assert found[False] > 0.95 and 0.4 < found[True] < 0.6


# In a curriculum


def small(task="toys:make", team="independent", methods=(), **stage):
    content = {
        "name": "small", "observation": 6, "action": 4, "words": 4,
        "evaluation": {"per_stage": 2, "episodes": 2, "last_episodes": 3},
        "stages": [{"task": task, "steps": 256, **stage}],
        "algorithms": {"ppo": {"rows": 8, "settings": PPO}},
        "methods": {"federated": {"every": 128}},
    }  # fmt: skip
    made = curriculum.Curriculum.model_validate_json(json.dumps(content), context={"allow_code": True})
    return made, [*methods, team]


@pytest.mark.parametrize("team", ["independent", "federated", "central", "replay+groups"])
def test_a_run_learns_as_a_team_and_its_films_act_as_it_was_tried(tmp_path, team):
    *methods, way = team.split("+")
    made, names = small(team=way, methods=methods, settings={"messages": 2})
    one = read_run(run(made, methods=names, out=tmp_path / "run", allow_code=True))
    assert one.rows[-1]["step"] == 256 and one.settings["label"] == f"{'+'.join(names)}@ppo"
    kept, s = load_file(tmp_path / "run/policies/stage-0.safetensors"), one.settings
    world, act = dressed(made, "instructed", "ppo", s["settings"], "toys:make", kept, s["methods"])
    obs, _ = world.reset(np.arange(1), [1])
    assert np.isfinite(act(np.concatenate([obs[a] for a in world.agents]))).all()


def test_a_team_that_is_not_there_is_refused_with_the_nearest_and_two_are_one_too_many():
    made, _ = small()
    with pytest.raises(ValueError, match="federated"):
        plan.ways("federate")
    with pytest.raises(ValueError, match="one way"):
        plan.plan(made, "ppo", ["federated", "central"])
    assert plan.ways("shared") == [] and plan.parse("replay+federated@sac")[1] == ("replay", "federated")


@pytest.mark.parametrize("team", ["federated", "mutual"])
def test_who_froze_weights_does_not_meet_those_who_move_them(team):
    made, _ = small()
    with pytest.raises(ValueError, match=f"packnet freezes weights, and a meeting of {team} moves them"):
        plan.plan(made, "ppo", ["packnet", team])
    assert plan.plan(made, "ppo", ["packnet", "independent"]) and plan.plan(made, "ppo", ["replay", team])


# Cross-play


def test_the_cross_play_matrix_pairs_every_player_with_every_partner():
    """Two conventions for the same sign: who keeps to one understands only those who keep to it too."""

    def speaks(sign):
        def act(obs, masks=None):
            seer = obs[:, 1] > 0  # the seer says the sign, the doer does what he heard, each in the convention's way
            return np.stack([sign * np.where(seer, 0, obs[:, 2]), sign * np.where(seer, obs[:, 0], 0)], axis=1)

        return act

    for groups in (False, True):
        world = envs.make(TASK, 20, messages=1, apart=groups)
        assert crossplay(world, [speaks(1), speaks(-1)]).tolist() == [[1.0, 0.0], [0.0, 1.0]]
        found = crossplay(world, [speaks(1)], [speaks(1), speaks(-1), speaks(1)])
        assert found.tolist() == [[1.0, 0.0, 1.0]]
    with pytest.raises(ValueError, match="alone"):
        crossplay(envs.make("toys:make", 2, variant="Alone"), [speaks(1)])
