"""CLEAR: learn from old rollouts as well, off-policy, and clone the policy and the values that were there.

Rolnick et al. 2019, "Experience replay for continual learning" (https://arxiv.org/abs/1811.11682): on replayed
rollouts the V-trace loss of Espeholt et al. 2018 (https://arxiv.org/abs/1802.01561, ρ̄ =
c̄ = 1), plus KL(μ || π), the divergence from the policy that acted, plus (V − V_then)². The memory is a uniform sample
of all rollouts ever made, this task's too, so it asks for no boundary between tasks. The gradient of that loss is
added to the on-policy algorithm's own. Replay differs: it keeps rows, no rewards, and clones the actor as it was at a
task's end.
"""

from __future__ import annotations

import numpy as np
import torch

from ..outputs import Choices, Gaussian, Output
from .behaviour import descend
from .mixing import Columns
from .reservoir import Reservoir


class Clear(Reservoir):
    """size: steps kept in all; batch: steps replayed an update; weight: of the whole loss on old rollouts.

    policy, value: weights of the two cloning losses; learn: of the V-trace loss.
    """

    algorithms = ("ppo", "a2c")

    def __init__(
        self,
        size: int = 50_000,
        batch: int = 512,
        weight: float = 1.0,
        policy: float = 0.01,
        value: float = 0.005,
        learn: float = 1.0,
        seed: int = 0,
    ):
        super().__init__(size, 0, seed)
        self.steps, self.batch, self.weight = size, batch, weight
        self.policy, self.value, self.learn = policy, value, learn

    def on_task_end(self, learner, task):
        """Nothing happens at a boundary."""

    def on_rollout(self, learner):
        new = rollouts(learner)
        self.size = self.steps // new["rewards"].shape[1]
        self.memory.tasks = [self.sampled(new)]

    def on_gradient(self, learner, net, params):
        if self.memory.tasks:
            old = self.memory.sample(max(1, self.batch // self.memory.tasks[0]["rewards"].shape[1]))
            descend(self.weight * self.loss(learner, {k: v.to(learner.model.device) for k, v in old.items()}), params)

    def loss(self, learner, old: Columns) -> torch.Tensor:
        """On rollouts (n, steps, …); the last step of each is looked at for its value alone."""
        shape = old["rewards"].shape
        flat = old["obs"].flatten(0, 1)
        now, values = learner.distribution(flat), learner.values(flat).reshape(shape)
        kept = {k: old[k].flatten(0, 1) for k in now.keep()}
        actions = old["actions"].flatten(0, 1)
        log_prob = now.log_prob(actions).reshape(shape)
        before = acted(now, kept).log_prob(actions).reshape(shape)
        ratio = torch.exp(log_prob.detach() - before).clamp(max=1)
        target, advantage = vtrace(ratio, old["rewards"], old["ends"], values.detach(), learner.model.gamma)
        learning = 0.5 * (target - values[:, :-1]) ** 2 - advantage * log_prob[:, :-1]
        cloning = self.policy * now.divergence(kept).mean() + self.value * ((values - old["values"]) ** 2).mean()
        return self.learn * learning.mean() + cloning


def rollouts(learner) -> Columns:
    """The last rollout by rows: name -> (rows, steps, …); ends: whether the episode was over after the step."""
    buffer = learner.model.rollout_buffer
    columns = {"obs": buffer.observations, "actions": buffer.actions, "rewards": buffer.rewards}
    ends = np.concatenate([buffer.episode_starts[1:], np.zeros_like(buffer.episode_starts[:1])])
    columns |= {"values": buffer.values, "ends": ends}
    found = {k: torch.as_tensor(np.array(v.swapaxes(0, 1))) for k, v in columns.items()}
    with torch.no_grad():
        kept = learner.distribution(found["obs"].flatten(0, 1).to(learner.model.device)).keep()
    shape = found["rewards"].shape
    if "logits" in kept:
        found["actions"] = found["actions"].long()
    return found | {k: v.cpu().clone().unflatten(0, shape) for k, v in kept.items()}


def acted(now: Output, kept: Columns) -> Output:
    """The policy that acted then."""
    return Choices(kept["logits"], now.sizes) if isinstance(now, Choices) else Gaussian(kept["mean"], kept["log_std"])


def vtrace(ratio, rewards, ends, values, gamma: float) -> tuple[torch.Tensor, torch.Tensor]:
    """(n, steps − 1) each: the targets v_s and the advantages of V-trace; ratio (n, steps) is clipped already."""
    go_on = gamma * (1 - ends[:, :-1])
    error = ratio[:, :-1] * (rewards[:, :-1] + go_on * values[:, 1:] - values[:, :-1])
    excess = torch.zeros_like(values)  # v_s − V, from the last step backwards
    for t in reversed(range(error.shape[1])):
        excess[:, t] = error[:, t] + go_on[:, t] * ratio[:, t] * excess[:, t + 1]
    target = values + excess
    advantage = ratio[:, :-1] * (rewards[:, :-1] + go_on * target[:, 1:] - values[:, :-1])
    return target[:, :-1], advantage
