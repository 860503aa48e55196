"""Every method does what its page promises."""

from types import SimpleNamespace
from typing import Any

import bandits
import numpy as np
import pytest
import torch
from scipy import stats
from test_learner import BODY, LIFT, REACH, SMALL, born, env

from ludus.agents.learner import Learner
from ludus.agents.method import Memory, Method
from ludus.agents.methods import METHODS
from ludus.agents.methods.behaviour import Recent
from ludus.agents.methods.replay import Replay
from ludus.agents.methods.reservoir import Reservoir
from ludus.agents.outputs import divergence
from ludus.curricula.scores import CONSOLIDATE


def live(learner, *tasks, steps=128):
    for task in tasks:
        learner.start(task, env(task))
        learner.learn(steps)
        learner.finish()
    return learner


def drift(learner, obs, before):
    with torch.no_grad():
        return float((learner.gaussian(obs)[0] - before).abs().mean())


@pytest.mark.parametrize("algorithm", SMALL)
def test_replay_holds_old_behaviour_where_fine_tuning_lets_it_go(algorithm):
    """The same life with and without: answers to the first task's observations move several times less."""
    moved = {}
    for name, methods in {"finetune": (), "replay": (Replay(size=500, weight=10.0, batch=64),)}.items():
        settings = SMALL[algorithm] | {"learning_rate": 3e-3}
        learner = live(Learner(algorithm, methods, seed=1, device="cpu", settings=settings), REACH)
        view = env()
        view.seed(3)
        obs = torch.as_tensor(np.concatenate([view.reset()] + [view.step(np.zeros((8, 4)))[0] for _ in range(20)]))
        with torch.no_grad():
            before = learner.gaussian(obs)[0].clone()
        live(learner, LIFT, steps=600)
        moved[name] = drift(learner, obs, before)
    assert moved["replay"] < 0.5 * moved["finetune"]


def test_replay_adds_the_gradient_of_its_loss_and_nothing_else():
    """Against torch's own autograd of the divergence, on the network as it stands."""
    replay = Replay(size=100, weight=2.0, batch=50)
    learner = live(born("ppo", replay), REACH)
    (_, _, params), *_ = learner.nets()
    with torch.no_grad():
        for p in params:
            p.add_(0.05)
    for p in params:
        p.grad = torch.zeros_like(p)
    generator = replay.memory.generator.get_state()
    replay.on_gradient(learner, "policy", params)
    replay.memory.generator.set_state(generator)
    old = replay.memory.sample(50)
    mean, _ = learner.gaussian(old["obs"])
    loss = 2.0 * (0.5 * ((mean - old["mean"]) / old["log_std"].exp()) ** 2).sum(1).mean()
    for p, g in zip(params, torch.autograd.grad(loss, params, allow_unused=True), strict=True):
        torch.testing.assert_close(p.grad, torch.zeros_like(p) if g is None else g)
    assert sum(float(p.grad.abs().sum()) for p in params if p.grad is not None) > 0


def test_divergence_is_torchs_own():
    a, b, c, d = torch.randn(4, 10, 3, generator=torch.Generator().manual_seed(0))
    one, two = torch.distributions.Normal(a, b.exp()), torch.distributions.Normal(c, d.exp())
    torch.testing.assert_close(divergence(a, b, c, d), torch.distributions.kl_divergence(one, two).sum(1))


def test_replay_keeps_no_more_than_its_size():
    replay = Replay(size=40)
    live(born("ppo", replay), REACH, LIFT)
    assert [len(t["obs"]) for t in replay.memory.tasks] == [40, 40]
    assert replay.state().nbytes < 2 * 40 * 4 * (BODY.observation + BODY.words + 8) + 6000


def test_reservoir_mixes_old_transitions_into_batches():
    seen = []

    class Spy(Method):
        def on_batch(self, learner, batch):
            seen.append(batch.observations[:, BODY.observation :].unique(dim=0))  # the instructions in it
            return batch

    live(born("sac", Reservoir(size=200), Spy()), REACH, LIFT)
    assert len(seen[0]) == 1 and len(seen[-1]) == 2


def test_a_reservoir_is_a_uniform_sample_of_everything_seen():
    """Three streams of unequal length: each transition is kept equally often (chi-square over many reservoirs)."""

    class Stream:
        n_envs = 1

        def __init__(self, first, count):
            self.buffer_size, self.full, self.pos = count, True, 0
            column = np.arange(first, first + count, dtype=np.float32).reshape(count, 1, 1)
            self.observations = self.next_observations = self.actions = column
            self.rewards = self.dones = self.timeouts = column[:, :, 0] * 0

    counts = np.zeros(60)
    for seed in range(400):
        reservoir = Reservoir(size=15, seed=seed)
        for first, count in ((0, 10), (10, 35), (45, 15)):
            held = SimpleNamespace(replay_buffer=Stream(first, count))
            learner: Any = SimpleNamespace(model=held, places=lambda count=count: np.arange(count))
            reservoir.on_task_end(learner, "task")
        kept = reservoir.memory.tasks[0]["observations"].numpy().ravel().astype(int)
        assert len(kept) == 15 == len(set(kept))
        counts[kept] += 1
    assert stats.chisquare(counts).pvalue > 0.001


def test_memory_draws_evenly_from_its_tasks_and_goes_on_where_it_was_saved():
    memory = Memory(seed=3)
    memory.tasks = [{"x": torch.full((n, 1), float(i))} for i, n in enumerate((5, 500, 50))]
    assert memory.sample(90)["x"].unique(return_counts=True)[1].tolist() == [30, 30, 30]
    other = Memory()
    other.restore(memory.state())
    memory.tasks[1]["x"] = other.tasks[1]["x"] = torch.arange(500.0)[:, None]
    assert torch.equal(memory.sample(9)["x"], other.sample(9)["x"])


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is_and_where_it_is_from(name):
    module = __import__(METHODS[name].__module__, fromlist=["_"])
    assert module.__doc__ and ("http" in module.__doc__ or "(" in module.__doc__) and METHODS[name].__doc__


@pytest.mark.parametrize("name", METHODS)
def test_the_measures_know_which_methods_change_the_policy_as_a_stage_ends(name):
    kind = METHODS[name]
    algorithm = next(a for a in ("ppo", "sac", "dqn") if kind.algorithms is None or a in kind.algorithms)
    learner = live(Learner(algorithm, (kind(),), seed=1, device="cpu", settings=SMALL[algorithm]), REACH)
    learner.start(LIFT, env(LIFT))
    learner.learn(256)
    rows = np.random.default_rng(0).normal(size=(32, *env(LIFT).observation_space.shape)).astype(np.float32)
    said = []
    for ends in (lambda: None, learner.finish):
        ends()
        with learner.trial(LIFT) as act:
            said.append(act(rows))
    assert np.array_equal(*said) == (name not in CONSOLIDATE)


class Misspelt(Method):
    def on_gradients(self, learner, net, params): ...


class Forgetful(Method):
    def on_task_end(self, learner): ...


class Rich(Method):
    def on_task_end(self, learner, task, *, aloud=True): ...


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (Misspelt(), "no hook for Misspelt 'on_gradients'; did you mean on_gradient"),
        (Forgetful(), r"Forgetful.on_task_end must be made as on_task_end\(self, learner, task\)"),
        ("replay", "'str'> is no method: a method is a subclass of ludus.agents.method.Method"),
    ],
)
def test_a_hook_that_nobody_would_call_is_refused(method, told):
    with pytest.raises(ValueError, match=told):
        Learner("ppo", [method])
    Learner("ppo", [Rich()])


@pytest.mark.parametrize("size", [3000, 640])
def test_of_a_buffer_that_is_kept_from_stage_to_stage_each_stage_is_sampled_alone(size):
    """A reservoir of all that it is shown: none twice, and of each stage what the buffer still held as it ended."""
    reservoir = Reservoir(size=10_000)
    learner = bandits.born("sac", reservoir, buffer_size=size, resets={"buffer": False})
    bandits.learn(learner, "left", "right", "left", steps=960)
    kept = reservoir.memory.tasks[0]
    assert reservoir.seen == len(kept["rewards"]) == 3 * min(960, size)
    assert len(kept["observations"].unique(dim=0)) == reservoir.seen
    told = kept["observations"][:, 2:].argmax(dim=1)
    assert told.float().mean() == pytest.approx(1 / 3)
    rows = Recent(100).draw(learner, 10_000, torch.Generator())
    assert len(rows) == min(960, size) and rows[:, 2].all()
