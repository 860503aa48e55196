"""Each method's arithmetic against a closed form, or against a computation that shares no code with it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from bandits import Bandit, born, learn, told
from gymnasium import spaces
from scipy import stats

from ludus.agents.learner import Learner
from ludus.agents.method import Memory
from ludus.agents.methods import METHODS, behaviour
from ludus.agents.methods.agem import projected
from ludus.agents.methods.behaviour import acting, reborn
from ludus.agents.methods.clear import Clear, vtrace
from ludus.agents.methods.clonex import ClonEx, best
from ludus.agents.methods.distill import Distill, cross_entropy
from ludus.agents.methods.ewc import Ewc, fisher
from ludus.agents.methods.heads import Heads, head
from ludus.agents.methods.l2 import L2
from ludus.agents.methods.mas import Mas
from ludus.agents.methods.online_ewc import OnlineEwc
from ludus.agents.methods.packnet import PackNet, parted
from ludus.agents.methods.progress_compress import ProgressCompress
from ludus.agents.methods.quotas import Quotas
from ludus.agents.methods.redo import ReDo, scores
from ludus.agents.methods.shrink_perturb import ShrinkPerturb
from ludus.agents.methods.si import Si
from ludus.agents.outputs import Choices, Gaussian, normalised

LINEAR: dict[str, Any] = {"policy_kwargs": {"net_arch": [], "log_std_init": -0.5}}
ROWS = torch.as_tensor(told(np.random.default_rng(3).uniform(-1, 1, (40, 2)).astype(np.float32), 0))


def begun(algorithm="ppo", *methods, steps=0, **settings):
    learner = born(algorithm, *methods, **settings)
    learner.start("left", Bandit("left", discrete=algorithm == "dqn"))
    if steps:
        learner.learn(steps)
    return learner


class Quadratic(torch.nn.Module):
    """The loss is Σ h_k θ_k²/2, its minimum at 0."""

    def __init__(self, start, curvature):
        super().__init__()
        self.theta, self.curvature = torch.nn.Parameter(torch.tensor(start)), torch.tensor(curvature)

    def gradient(self):
        return self.curvature * self.theta.detach()


def around(policy, *methods) -> Any:
    return SimpleNamespace(
        model=SimpleNamespace(policy=policy), methods=methods, kind=SimpleNamespace(critic=()), off_policy=True
    )


# Fisher, MAS, SI


def test_the_fisher_of_a_linear_gaussian_policy_is_its_closed_form():
    """mean = W s + b: the information of W_jk is E[s_k²]/σ_j², of b_j 1/σ_j²."""
    learner = begun(**LINEAR)
    found, variance = fisher(learner, ROWS, torch.Generator()), np.exp(2 * -0.5)
    expected = (ROWS**2).mean(dim=0) / variance
    torch.testing.assert_close(found["action_net.weight"], expected.repeat(2, 1))
    torch.testing.assert_close(found["action_net.bias"], torch.full((2,), 1 / variance, dtype=torch.float32))


def test_the_fisher_of_a_choice_is_its_closed_form():
    """logits = W s + b, π = softmax: the information of W_ak is E[π_a (1 − π_a) s_k²]."""
    learner = begun("dqn", policy_kwargs={"net_arch": []})
    name, q = next((k, p) for k, p in acting(learner).items() if k.endswith("weight"))
    bias = next(p for k, p in acting(learner).items() if k.endswith("bias"))
    p = torch.softmax((ROWS @ q.T + bias) / 0.1, dim=1).detach()
    expected = ((p * (1 - p)).unsqueeze(2) * (ROWS**2).unsqueeze(1)).mean(dim=0) / 0.1**2
    torch.testing.assert_close(fisher(learner, ROWS, torch.Generator())[name], expected, rtol=1e-4, atol=1e-5)


def test_the_fisher_of_a_choice_among_many_is_right_on_the_average(monkeypatch):
    """Drawn, it comes to the sum, which of few values is taken whole."""
    learner, generator = begun("dqn", policy_kwargs={"net_arch": []}), torch.Generator().manual_seed(0)
    name = next(k for k in acting(learner) if k.endswith("weight"))
    summed = fisher(learner, ROWS, generator)[name]
    monkeypatch.setattr(behaviour, "SUMMED", 1)
    drawn = torch.stack([fisher(learner, ROWS, generator)[name] for _ in range(400)])
    error = drawn.std(dim=0) / 20
    assert ((drawn.mean(dim=0) - summed).abs() < 5 * error + 1e-6).all() and (error < 0.2 * summed.max()).all()


def test_the_fisher_of_several_choices_is_the_sum_of_each_ones(monkeypatch):
    """Of independent choices the joint score is the sum of scores, whose products vanish on the average."""
    logits = normalised(torch.randn(3, 9, generator=torch.Generator().manual_seed(1)), (4, 5)).requires_grad_()
    learner = SimpleNamespace(distribution=lambda rows: Choices(normalised(logits, (4, 5)), (4, 5)))
    generator = torch.Generator().manual_seed(0)

    def squares() -> torch.Tensor:
        said = behaviour.informed(learner, ROWS, generator)  # type: ignore[arg-type]
        each = [torch.autograd.grad(said[:, k].sum(), logits, retain_graph=True)[0] for k in range(said.shape[1])]
        return torch.stack(each).square().sum(dim=0)

    p = logits.detach().exp()
    torch.testing.assert_close(squares(), p * (1 - p), rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(behaviour, "SUMMED", 8)
    drawn = torch.stack([squares() for _ in range(1000)]).mean(dim=0)
    torch.testing.assert_close(drawn, p * (1 - p), rtol=0.1, atol=0.01)


@pytest.mark.parametrize("bias", [2.0, -2.0])
def test_a_mean_at_either_bound_is_as_informative_as_one_that_nothing_bounds(bias):
    free, cut = begun("ppo"), begun("ppo", bound=1.2)
    for learner in (free, cut):
        learner.model.policy.load_state_dict(free.model.policy.state_dict())
        learner.model.policy.action_net.bias.data[:] = bias
    here, there = (fisher(x, ROWS, torch.Generator())["action_net.bias"] for x in (free, cut))
    torch.testing.assert_close(here, there)
    assert (there > 0).all()


def test_the_fisher_of_a_deep_policy_is_the_mean_squared_score_of_drawn_actions():
    """The definition, by brute force: E[(d log π(a|s)/dθ)²] over actions drawn from the policy."""
    learner = begun("sac", steps=320)
    row, generator = ROWS[:1], torch.Generator().manual_seed(0)
    name = "actor.mu.bias"
    parameter = acting(learner)[name]
    said: Any = learner.distribution(row.repeat(4000, 1))
    drawn = said.sample(generator)
    z = (drawn - said.mean) / said.log_std.exp()
    by_hand = ((z / said.log_std.exp()) ** 2).mean(dim=0)  # d log π/dμ_j = z/σ, and dμ_j/db_j = 1
    torch.testing.assert_close(fisher(learner, row, torch.Generator())[name], by_hand.detach(), rtol=0.1, atol=0)
    assert parameter.shape == by_hand.shape


def test_mas_of_a_linear_policy_is_its_closed_form():
    """‖W s + b‖²: the gradient of W_jk is 2 y_j s_k, and Ω its mean magnitude."""
    mas = Mas(samples=4096)
    learner = begun("ppo", mas, steps=256, **LINEAR)
    rows = mas.recent.rollouts[-1]
    net = learner.model.policy.action_net
    y = net(rows).detach()
    mas.samples = len(rows)
    mas.recent.rollouts = [rows]
    expected = (2 * y.unsqueeze(2) * rows.unsqueeze(1)).abs().mean(dim=0)
    torch.testing.assert_close(mas.importance(learner)["action_net.weight"], expected)


def test_the_path_integral_of_si_on_a_quadratic_is_what_the_loss_fell_by():
    """Small steps down Σ h θ²/2 from θ0 to 0: ω_k = h_k θ0²/2, so 2 Ω_k is the curvature h_k."""
    si = Si(weight=1.0, damping=0.0)
    quadratic = Quadratic([1.0, -2.0, 3.0], [0.5, 1.0, 2.0])
    learner, theta = around(quadratic, si), quadratic.theta
    si.on_task_start(learner, "task")
    for _ in range(4000):
        theta.grad = quadratic.gradient()
        si.on_gradient(learner, "policy", [theta])
        theta.data -= 4e-3 * theta.grad
        si.on_update(learner, "policy", [theta])
    torch.testing.assert_close(si.path["theta"], torch.tensor([0.25, 2.0, 9.0]), rtol=5e-3, atol=0)
    si.on_task_end(learner, "task")
    torch.testing.assert_close(2 * si.importances["theta"], quadratic.curvature, rtol=5e-3, atol=0)


# penalties


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (Ewc(weight=3.0), lambda t: 3 * (2 * (t - 1) + 6 * (t - 5))),
        (OnlineEwc(weight=3.0, decay=0.5), lambda t: 3 * (0.5 * 2 + 6) * (t - 5)),
        (Mas(weight=3.0), lambda t: 3 * (2 + 6) * (t - 5)),
        (L2(weight=3.0), lambda t: 3 * (t - 5)),
    ],
)
def test_penalties_of_two_tasks_pull_as_their_formulas_say(method, expected, monkeypatch):
    """Importances 2 at θ = 1, then 6 at θ = 5; the pull at θ = 7, on top of the gradient that was there."""
    module = Quadratic([1.0], [0.0])
    learner, theta = around(module, method), module.theta
    for value, importance in ((1.0, 2.0), (5.0, 6.0)):
        theta.data.fill_(value)
        monkeypatch.setattr(method, "importance", lambda _, i=importance: {"theta": torch.tensor([i])})
        method.on_task_end(learner, "task")
    theta.data.fill_(7.0)
    theta.grad = torch.tensor([0.25])
    method.on_gradient(learner, "policy", [theta])
    torch.testing.assert_close(theta.grad, torch.tensor([0.25 + expected(7.0)]))


def test_regularisers_leave_critics_spreads_and_heads_alone():
    ewc = Ewc(samples=32)
    learn(born("sac", ewc, METHODS["heads"]()), "left", steps=128)
    names = set(ewc.importances)
    assert names and all(n.startswith("actor.latent_pi") for n in names)
    ewc = Ewc(samples=32)
    learn(born("ppo", ewc), "left", steps=256)
    assert set(ewc.importances) == {"mlp_extractor.policy_net.0.weight", "mlp_extractor.policy_net.0.bias",
                                    "action_net.weight", "action_net.bias"}  # fmt: skip


# Heads


class Pictured(Bandit):
    """The same, behind a picture that is black."""

    picture = (8, 8, 1)

    def __init__(self, task):
        super().__init__(task)
        self.observation_space = spaces.Box(-1, 1, (64 + 4,), np.float32)

    def draw(self):
        return np.pad(super().draw(), ((0, 0), (64, 0)))


@pytest.mark.parametrize(("algorithm", "last"), [("ppo", ["action_net"]), ("sac", ["actor.mu", "actor.log_std"])])
def test_an_eye_is_no_head(algorithm, last):
    learner = born(algorithm)
    learner.start("left", Pictured("left"))
    assert list(head(learner)) == [f"{layer}.{kind}" for layer in last for kind in ("weight", "bias")]


@pytest.mark.parametrize("algorithm", ["td3", "dqn"])
@pytest.mark.parametrize("method", [Heads, lambda: ProgressCompress(afresh=True, steps=3, batch=16)])
def test_the_target_of_what_a_task_begins_with_begins_with_it(algorithm, method):
    learner = learn(born(algorithm, method()), "left", steps=256)
    before = learner.weights()
    learner.start("right", Bandit("right", discrete=algorithm == "dqn"))
    after = learner.weights()
    changed = [k for k in after if k.startswith(("actor.", "q_net.")) and not np.array_equal(before[k], after[k])]
    assert changed and all(np.array_equal(after[k], after[k.replace(".", "_target.", 1)]) for k in changed)


# A-GEM, CLEAR, distillation, ClonEx


def test_the_projection_of_agem_is_orthogonal_to_the_reference_and_the_nearest_such():
    generator = torch.Generator().manual_seed(1)
    shapes = ((3, 4), (5,))
    g, r = ([torch.randn(s, generator=generator) for s in shapes] for _ in range(2))
    dot = sum(float((a * b).sum()) for a, b in zip(g, r, strict=True))
    against = [x if dot < 0 else -x for x in r]
    flat = torch.cat([x.flatten() for x in projected(g, against)])
    normal, whole = torch.cat([x.flatten() for x in against]), torch.cat([x.flatten() for x in g])
    assert abs(float(flat @ normal)) < 1e-5
    solved = whole - normal * (normal @ whole) / (normal @ normal)  # least squares with one constraint
    torch.testing.assert_close(flat, solved)
    assert all(torch.equal(a, b) for a, b in zip(projected(g, [-x for x in against]), g, strict=True))


def test_vtrace_on_policy_is_the_discounted_return_and_off_policy_the_papers_sum():
    """ρ = 1: v_s is the n-step return with the last value behind it. In general equation 1, summed term by term."""
    rng = np.random.default_rng(0)
    n, steps, gamma = 3, 6, 0.9
    rewards, values, ratio = (torch.as_tensor(rng.uniform(0, 1, (n, steps))) for _ in range(3))
    ends = torch.as_tensor((rng.uniform(0, 1, (n, steps)) < 0.3).astype(float))
    for rho in (torch.ones(n, steps), ratio):
        target, advantage = vtrace(rho, rewards, ends, values, gamma)
        for i in range(n):
            for s in range(steps - 1):
                total, discount = float(values[i, s]), 1.0
                for t in range(s, steps - 1):
                    after = gamma * (1 - ends[i, t]) * values[i, t + 1]
                    total += discount * float(rho[i, t] * (rewards[i, t] + after - values[i, t]))
                    discount *= float(gamma * (1 - ends[i, t]) * rho[i, t])
                assert target[i, s].item() == pytest.approx(total)
        plain = rewards[0, -2] + gamma * (1 - ends[0, -2]) * values[0, -1] - values[0, -2]
        assert advantage[0, -1].item() == pytest.approx(float(rho[0, -2] * plain))


def test_the_cloning_part_of_clear_is_divergence_and_squared_values():
    clear = Clear(learn=0.0, policy=0.3, value=0.2, batch=64)
    learner = begun("ppo", clear, steps=512)
    old = clear.memory.tasks[0]
    policy = learner.model.policy
    obs = old["obs"].flatten(0, 1)
    now = policy.get_distribution(obs).distribution
    spread = old["log_std"].flatten(0, 1).exp()
    then = torch.distributions.Normal(old["mean"].flatten(0, 1), spread)
    kl = torch.distributions.kl_divergence(then, torch.distributions.Normal(now.mean, spread)).sum(1).mean()
    squared = ((policy.predict_values(obs).flatten() - old["values"].flatten()) ** 2).mean()
    torch.testing.assert_close(clear.loss(learner, old), 0.3 * kl + 0.2 * squared)
    assert kl.item() > 0 and squared.item() > 0


def test_the_distillation_loss_is_cross_entropy_and_divergence_in_their_shares():
    distill = Distill(alpha=0.3, batch=40)
    learner = begun("dqn", distill)
    then = torch.log_softmax(torch.randn(40, 2, generator=torch.Generator().manual_seed(0)), dim=1)
    distill.memory.tasks = [{"obs": ROWS, "logits": then}]
    generator = distill.memory.generator.get_state()
    loss = distill.loss(learner)
    distill.memory.generator.set_state(generator)
    drawn = distill.memory.sample(40)
    now = torch.log_softmax(learner.model.q_net(drawn["obs"]) / 0.1, dim=1)
    ce = torch.nn.functional.cross_entropy(now, drawn["logits"].argmax(dim=1))
    kl = torch.nn.functional.kl_div(now, drawn["logits"], log_target=True, reduction="batchmean")
    torch.testing.assert_close(loss, 0.3 * ce + 0.7 * kl)


def test_cross_entropy_of_a_gaussian_and_of_several_choices():
    mean, spread = torch.tensor([[0.5, -1.0]]), torch.tensor([[0.2, -0.3]])
    old = {"mean": torch.tensor([[0.0, 1.0]]), "log_std": torch.zeros(1, 2)}
    normal = torch.distributions.Normal(mean, spread.exp())
    torch.testing.assert_close(cross_entropy(Gaussian(mean, spread), old), -normal.log_prob(old["mean"]).sum(1))
    logits = torch.log(torch.tensor([[0.2, 0.8, 0.5, 0.1, 0.4]]))
    kept = {"logits": torch.log(torch.tensor([[0.9, 0.1, 0.1, 0.2, 0.7]]))}
    assert cross_entropy(Choices(logits, (2, 3)), kept).item() == pytest.approx(-np.log(0.2) - np.log(0.4))


def test_clonex_explores_with_the_old_actor_that_earned_most():
    assert best(np.array([[1.0, 0.0, 3.0, 5.0], [1.0, 2.0, 3.0, 5.0]]), np.array([0, 1, 0, 1])) == 1
    clonex = ClonEx(size=64, weight=0.0)
    learner = learn(born("sac", clonex, learning_starts=1280), "left", "right", steps=2880)
    learner.start("right", Bandit("right"))
    learner.learn(1280)  # the warm-up alone: 40 steps of 32 rows, half of them trials
    earned = learner.model.replay_buffer.rewards[:40].mean(axis=1)
    assert earned[20:].mean() > earned[:20].mean() + 0.2  # "left" and "right" by turns, then "right" alone
    random = learn(born("sac", learning_starts=1280), "left", steps=1280)
    assert earned[20:].mean() > random.model.replay_buffer.rewards[:40].mean() + 0.2


# memories


def test_quotas_are_equal_however_long_the_tasks_were():
    quotas, drawn = Quotas(size=30, seed=1), []
    for first, count in ((0, 10), (100, 500), (1000, 40)):
        column = np.arange(first, first + count, dtype=np.float32).reshape(count, 1, 1)
        flat = column[:, :, 0] * 0
        buffer = SimpleNamespace(buffer_size=count, full=True, pos=0, n_envs=1, observations=column, actions=column,
                                 next_observations=column, rewards=flat, dones=flat, timeouts=flat)  # fmt: skip
        held = SimpleNamespace(model=SimpleNamespace(replay_buffer=buffer), places=lambda count=count: np.arange(count))
        quotas.on_task_end(held, "task")  # type: ignore[arg-type]
        drawn.append([len(t["rewards"]) for t in quotas.memory.tasks])
    assert drawn == [[10], [10, 15], [10, 10, 10]]


def test_what_a_quota_keeps_is_drawn_evenly():
    counts = np.zeros(40)
    for seed in range(300):
        kept = Memory(seed).pick(10, 40)
        counts[kept.numpy()] += 1
    assert stats.chisquare(counts).pvalue > 0.001


def test_the_reservoir_of_clear_is_a_uniform_sample_of_all_rollouts():
    counts = np.zeros(60)
    for seed in range(400):
        clear = Clear(seed=seed)
        clear.size = 15
        for first, count in ((0, 10), (10, 35), (45, 15)):
            clear.memory.tasks = [clear.sampled({"rewards": torch.arange(first, first + count)[:, None]})]
        kept = clear.memory.tasks[0]["rewards"].flatten().numpy()
        assert len(set(kept)) == 15
        counts[kept] += 1
    assert stats.chisquare(counts).pvalue > 0.001


# PackNet, plasticity


def test_what_packnet_froze_is_never_changed_by_a_bit():
    """With an optimizer whose moments go on over the boundary; what a task is tried with is the same bytes for ever."""
    packnet = PackNet(share=0.5, steps=20, batch=64, size=256)
    learner = learn(born("ppo", packnet, resets={"optimizer": False}), "left", steps=512)
    weights, _ = parted(learner)
    owned = {k: packnet.owner[k] == 1 for k in weights}
    frozen = {k: p.detach()[owned[k]].clone() for k, p in weights.items()}
    with learner.trial("left") as act:
        answers = act(ROWS.numpy())
    learn(learner, "right", steps=512)
    assert all(torch.equal(frozen[k], p.detach()[owned[k]]) for k, p in weights.items())
    with learner.trial("left") as act:
        assert act(ROWS.numpy()).tobytes() == answers.tobytes()
    with learner.trial("right") as act:
        assert not np.array_equal(act(ROWS.numpy()), answers)
    for k, p in weights.items():
        half, owner = p.numel() // 2, packnet.owner[k]
        assert int((owner == 1).sum()) == half and int((owner == 2).sum()) == round(0.5 * (p.numel() - half))
        assert not p.detach()[owner == 0].any()


def test_what_packnet_froze_stays_when_a_life_is_stopped_amid_a_task_and_goes_on():
    """The optimizer's moments move frozen weights in the first step after it, too."""
    new = lambda: born("ppo", PackNet(steps=20, batch=64, size=256), resets={"optimizer": False})  # noqa: E731
    learner, env = learn(new(), "left", steps=512), Bandit("right")
    with learner.trial("left"):
        frozen = learner.weights()
    learner.start("right", env)
    learner.learn(512)
    saved, world = learner.state(), env.state()
    other, again = new(), Bandit("right")
    again.restore(world)
    other.restore(saved, again)
    other.learn(512)
    with other.trial("left"):
        now = other.weights()
    assert all(np.array_equal(frozen[k], now[k]) for k in acting(other))


def test_what_packnet_saved_before_it_saved_what_it_froze_can_be_read():
    packnet = PackNet(steps=20, batch=64, size=256)
    state = learn(born("ppo", packnet), "left", steps=256).methods[0].state()
    del state.meta["frozen"]
    state.arrays = {k: v for k, v in state.arrays.items() if not k.startswith("frozen/")}
    PackNet().restore(state)


def test_packnet_keeps_the_largest_weights():
    packnet = PackNet(share=0.25)
    learner = begun("ppo", packnet)
    weights, _ = parted(learner)
    before = {k: p.detach().abs().clone() for k, p in weights.items()}
    packnet._prune(weights)
    for k in weights:
        mine = packnet.owner[k] == 1
        assert before[k][mine].min() >= before[k][~mine].max() and int(mine.sum()) == mine.numel() // 4


def test_redo_finds_dead_units_and_gives_them_a_new_life():
    redo = ReDo(every=10**9, threshold=0.0, samples=40)
    learner = begun("sac", redo, steps=160, policy_kwargs={"net_arch": [8, 8], "activation_fn": torch.nn.ReLU})
    actor = learner.model.actor
    first, second = actor.latent_pi[0], actor.latent_pi[2]
    with torch.no_grad():
        first.bias[3] = -100.0  # a ReLU that never opens
    (_, score, readers), *_ = scores(learner, actor, ROWS)
    by_hand = torch.relu(first(ROWS)).abs().mean(0)
    torch.testing.assert_close(score, (by_hand / (by_hand.mean() + 1e-9)).detach())
    assert score[3] == 0 and readers == [second]
    answers = actor(ROWS, deterministic=True)
    newborn = reborn(learner, redo.seed, "redo", 0)
    redo.renew(learner, "actor")
    assert first.bias[3] > -1 and not second.weight[:, 3].any() and redo.reborn >= 1
    torch.testing.assert_close(actor(ROWS, deterministic=True), answers)
    moments = actor.optimizer.state[first.weight]["exp_avg"]
    assert not moments[3].any() and moments.any()
    assert torch.equal(first.weight[3], newborn["actor.latent_pi.0.weight"][3])


def test_shrink_and_perturb_is_a_weighted_sum_with_a_newborn():
    """noise 0: shrunk alone. shrink 0, noise 1: born anew. Both: their sum."""

    def after(shrink, noise):
        method = ShrinkPerturb(shrink, noise, seed=5)
        learner = learn(born("ppo", method), "left", steps=256)
        before = learner.weights()
        learner.start("right", Bandit("right"))
        return before["action_net.weight"], learner.weights()["action_net.weight"]

    before, shrunk = after(0.8, 0.0)
    _, newborn = after(0.0, 1.0)
    _, mixed = after(0.8, 0.1)
    np.testing.assert_allclose(shrunk, 0.8 * before, rtol=1e-6)
    np.testing.assert_allclose(mixed, 0.8 * before + 0.1 * newborn, rtol=1e-5, atol=1e-8)
    assert np.abs(newborn).max() > 0 and not np.allclose(newborn, before)


@pytest.mark.parametrize(
    ("algorithm", "shape"),
    [
        ("recurrent-ppo", {"lstm_hidden_size": 32, "n_lstm_layers": 2, "net_arch": [16]}),
        ("recurrent-ppo", {"shared_lstm": True, "enable_critic_lstm": False, "net_arch": [16]}),
        ("ppo", {"share_features_extractor": False}),
        ("sac", {"share_features_extractor": True, "n_critics": 3}),
    ],
)
def test_a_newborn_has_the_shape_that_the_policy_was_given(algorithm, shape):
    settings = {"policy_kwargs": shape} | ({"n_steps": 8, "batch_size": 32} if "ppo" in algorithm else {})
    learner = Learner(algorithm, device="cpu", settings=settings)
    learner.start("left", Pictured("left"))
    shapes = {k: p.shape for k, p in learner.model.policy.named_parameters()}
    assert {k: p.shape for k, p in behaviour.fresh(learner, 0).items()} == shapes


@pytest.mark.parametrize(
    "method", [ReDo(every=2), ShrinkPerturb(), Distill(steps=2), ProgressCompress(afresh=True, steps=2)]
)
def test_who_is_born_again_may_have_a_memory_of_any_size(method):
    settings = {"n_steps": 8, "batch_size": 128, "n_epochs": 1, "policy_kwargs": {"lstm_hidden_size": 32}}
    learner = learn(Learner("recurrent-ppo", [method], device="cpu", settings=settings), "left", "right", steps=256)
    assert all(np.isfinite(w).all() for w in learner.weights().values())


@pytest.mark.parametrize("name", ["replay", "ewc", "packnet", "shrink-perturb"])
def test_spreads_of_state_dependent_noise_are_left_to_who_explores_now(name):
    few = {"packnet": {"steps": 2, "batch": 16}, "ewc": {"samples": 32}}.get(name, {})
    learner = learn(born("sac", METHODS[name](**few), use_sde=True), "left", steps=128)
    before = learner.weights()["actor.log_std"]
    learner.start("right", Bandit("right"))
    assert "actor.log_std" not in acting(learner) and np.array_equal(learner.weights()["actor.log_std"], before)
    assert before.max() < -2  # it began at -3; of a weight that is pruned it would be 0


@pytest.mark.parametrize("name", behaviour.REBORN)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_is_born_again_is_not_what_any_run_began_with_nor_what_another_method_gets(name, count):
    """By seed + count the newborn of a method was the network of a run of that seed."""
    first = {seed: begun(seed=seed).weights()["action_net.weight"] for seed in range(5)}
    learner = begun()
    new = reborn(learner, 0, name, count)["action_net.weight"].numpy()
    assert not any(np.array_equal(new, weights) for weights in first.values())
    others = [
        reborn(learner, 0, other, n) for other in behaviour.REBORN for n in range(3) if (other, n) != (name, count)
    ]
    assert not any(np.array_equal(new, other["action_net.weight"].numpy()) for other in others)
    seat = int(np.random.SeedSequence([0, behaviour.REBORN[name]]).generate_state(1)[0])
    assert not np.array_equal(new, behaviour.fresh(learner, seat)["action_net.weight"].numpy())


@pytest.mark.parametrize(
    "method",
    [
        Heads(seed=0),
        Distill(steps=2, seed=0),
        ProgressCompress(afresh=True, steps=2, seed=0),
        ShrinkPerturb(0.0, 1.0, seed=0),
    ],
)
def test_a_second_task_does_not_begin_with_the_first_weights_of_another_runs_seed(method):
    learner = learn(born("ppo", method), "left", steps=256)
    learner.start("right", Bandit("right"))
    for seed in (0, 1):
        assert not np.array_equal(
            learner.weights()["action_net.weight"], begun(seed=seed).weights()["action_net.weight"]
        )


def test_the_first_units_that_redo_gives_a_new_life_do_not_get_their_first_weights_back():
    redo = ReDo(every=10**9, threshold=0.0, samples=40, seed=0)
    learner = begun("sac", redo, steps=160, policy_kwargs={"net_arch": [8], "activation_fn": torch.nn.ReLU})
    layer = learner.model.actor.latent_pi[0]
    first = begun("sac", policy_kwargs={"net_arch": [8], "activation_fn": torch.nn.ReLU}).weights()
    with torch.no_grad():
        layer.bias[3] = -100.0
    redo.renew(learner, "actor")
    assert redo.reborn and not np.array_equal(layer.weight[3].detach().numpy(), first["actor.latent_pi.0.weight"][3])


def test_settings_may_name_an_activation():
    kinds = {type(m) for m in begun("ppo", policy_kwargs={"activation_fn": "elu"}).model.policy.modules()}
    assert torch.nn.ELU in kinds and torch.nn.Tanh not in kinds
    named = begun("ppo", policy_kwargs={"net_arch": [16], "activation_fn": "layer-norm-tanh"})
    method = begun("ppo", METHODS["layer-norm"](), policy_kwargs={"net_arch": [16]})
    for x, y in zip(named.model.policy.parameters(), method.model.policy.parameters(), strict=True):
        torch.testing.assert_close(x, y, rtol=0, atol=0)
    torch.testing.assert_close(named.values(ROWS), method.values(ROWS), rtol=0, atol=0)
    with pytest.raises(ValueError, match=r"did you mean.* relu"):
        begun("ppo", policy_kwargs={"activation_fn": "relo"})


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_layer_norm_normalises_what_goes_into_every_activation(algorithm):
    learner = begun(algorithm, METHODS["layer-norm"](), policy_kwargs={"net_arch": [16, 16]})
    seen = []
    inner = [m.inner for m in learner.model.policy.modules() if hasattr(m, "inner")]
    for part in inner:
        part.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    learner.distribution(ROWS)
    learner.values(ROWS)
    assert len(seen) >= 4
    for x in seen:
        torch.testing.assert_close(x.mean(dim=1), torch.zeros(len(x)), atol=1e-5, rtol=0)
        torch.testing.assert_close(x.var(dim=1, unbiased=False), torch.ones(len(x)), atol=1e-2, rtol=0)
    assert type(inner[0]) is (torch.nn.Tanh if algorithm == "ppo" else torch.nn.ReLU)
