"""Replay: rehearse the past by cloning what the policy did there.

At a task's end the observations met and the policy's answers are kept; later every update of the policy also follows
the gradient of the divergence from those answers. Actor only, as ClonEx-SAC (Wolczyk et al. 2022,
https://arxiv.org/abs/2209.13900); CLEAR (Rolnick et al. 2019, https://arxiv.org/abs/1811.11682) clones values as well.
It works through the gradient, so on-policy and off-policy alike.
"""

from __future__ import annotations

import torch

from ..method import Memory, Method
from ..state import State


class Replay(Method):
    """size: observations kept of each task; weight: of the cloning loss; batch: observations rehearsed an update."""

    def __init__(self, size: int = 10_000, weight: float = 1.0, batch: int = 512, seed: int = 0):
        self.size, self.weight, self.batch = size, weight, batch
        self.memory = Memory(seed)
        self._recent: list[torch.Tensor] = []

    def on_rollout(self, learner):
        """An on-policy buffer holds one rollout: keep the last few, at most size observations."""
        self._recent.append(learner.rollout_observations())
        while sum(map(len, self._recent[1:])) >= self.size:
            self._recent.pop(0)

    def on_task_end(self, learner, task):
        if learner.off_policy:
            obs = learner.batch(self.size).observations
        else:
            seen = torch.cat(self._recent)
            obs = seen[self.memory.pick(self.size, len(seen)).to(seen.device)]
        with torch.no_grad():
            mean, log_std = learner.gaussian(obs)
        self.memory.tasks.append({"obs": obs, "mean": mean, "log_std": log_std.expand_as(mean).clone()})
        self._recent.clear()

    def on_gradient(self, learner, net, params):
        if len(self.memory) and net in ("policy", "actor"):
            old = self.memory.sample(self.batch)
            mean, log_std = learner.gaussian(old["obs"])
            if net == "policy":  # one spread for all states: it belongs to the task that explores now
                log_std = old["log_std"]
            loss = self.weight * divergence(old["mean"], old["log_std"], mean, log_std).mean()
            grads = torch.autograd.grad(loss, params, allow_unused=True)
            for p, g in zip(params, grads, strict=True):
                if g is not None:
                    p.grad = g if p.grad is None else p.grad + g

    def state(self):
        state = State()
        state.put("memory", self.memory.state())
        state.arrays |= {f"recent.{i}": r.cpu().numpy() for i, r in enumerate(self._recent)}
        return state

    def restore(self, state):
        self.memory.restore(state.get("memory"))
        recent = sorted((k for k in state.arrays if k.startswith("recent.")), key=lambda k: int(k.split(".")[1]))
        self._recent = [torch.from_numpy(state.arrays[k].copy()) for k in recent]


def divergence(mean: torch.Tensor, log_std: torch.Tensor, to_mean: torch.Tensor, to_log_std: torch.Tensor):
    """(n,) KL(N(mean, std) || N(to_mean, to_std)) of diagonal Gaussians, summed over the actions."""
    ratio = torch.exp(2 * (log_std - to_log_std))
    gap = ((to_mean - mean) * torch.exp(-to_log_std)) ** 2
    return (to_log_std - log_std + 0.5 * (ratio + gap - 1)).sum(dim=1)
