"""What methods know of a policy: the parameters it acts with, what it says, and the rows that it met of late."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from .. import networks
from ..method import drawing
from ..outputs import Choices
from ..state import State

if TYPE_CHECKING:
    from ..learner import Learner

Weights = dict[str, torch.Tensor]
TARGETS = ("actor_target.", "q_net_target.")
SUMMED = 16  # values of choices that the Fisher information is summed over; of more, as many are drawn
REBORN = {"redo": 1, "shrink-perturb": 2, "heads": 3, "distill": 4, "progress-compress": 5}  # whose newborns are whose


def acting(learner: Learner, private: bool = True) -> dict[str, torch.nn.Parameter]:
    """name -> parameter: what the policy acts with. No critic, no target, and no spread that is a parameter.

    private: those too that a method keeps for a single task (heads).
    """
    aside = (*TARGETS, *(c for c in learner.kind.critic if c != "q_net."))  # a Q-network acts
    found = learner.model.policy.named_parameters()
    kept = {k: p for k, p in found if not k.startswith(aside) and not k.endswith("log_std")}
    if not private:
        owned = {name for method in learner.methods for name in method.private(learner)}
        kept = {k: p for k, p in kept.items() if k not in owned}
    return kept


def among(learner: Learner, params: Sequence[torch.nn.Parameter]) -> dict[str, torch.nn.Parameter]:
    """Those of params that the policy acts with and that all tasks share; empty for a critic."""
    ids = {id(p) for p in params}
    return {k: p for k, p in acting(learner, private=False).items() if id(p) in ids}


def copied(params: Mapping[str, torch.Tensor]) -> Weights:
    return {k: p.detach().clone() for k, p in params.items()}


def load(params: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    """Write values into the parameters of the same names."""
    for name, value in values.items():
        params[name].data.copy_(value)


def begin(learner: Learner, values: Weights) -> None:
    """Write values into parameters that the policy acts with, and into the targets of those that change.

    A target that still held the old ones would teach a new task what they say.
    """
    params = dict(learner.model.policy.named_parameters())
    for name, value in values.items():
        if not torch.equal(params[name], value):
            target = name.replace(".", "_target.", 1)
            load(params, {k: value for k in (name, target) if k in params})


def fresh(learner: Learner, seed: int) -> Weights:
    """name -> tensor: what the policy's parameters would be if it were born now, with this seed."""
    policy = learner.model.policy
    with drawing(seed, policy.device):
        newborn = learner.newborn()
    return {k: p.detach().to(policy.device) for k, p in newborn.named_parameters()}


def reborn(learner: Learner, seed: int, method: str, count: int) -> Weights:
    """fresh, for the count-th time (from 0) that a method of REBORN asks: a network that nobody else gets.

    Not the one that a run of this seed began with, nor that of a run of another seed, as seed + count was.
    """
    words = [seed, REBORN[method], count + 1]  # NumPy takes [seed, n, 0] for [seed, n], which is a seat of a team
    return fresh(learner, int(np.random.SeedSequence(words).generate_state(1)[0]))


def remembered(learner: Learner, rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """rows, as "obs", and what the policy says there, to be kept."""
    with torch.no_grad():
        return {"obs": rows} | {k: v.clone() for k, v in learner.distribution(rows).keep().items()}


def outputs(learner: Learner, rows: torch.Tensor) -> torch.Tensor:
    """(n, k) what the policy's network answers: probabilities, or means and the spreads that depend on the state."""
    found = learner.distribution(rows)
    if isinstance(found, Choices):
        return found.logits.exp()
    return found.mean if found.shared else torch.cat([found.mean, found.log_std], dim=1)


def informed(learner: Learner, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(n, k) numbers whose squared gradients sum to the Fisher information of the policy's distribution.

    A Gaussian has (dμ/dθ)²/σ² + 2 (d log σ/dθ)² for each action (Continual World, arXiv 2105.10919), its mean bounded
    or not. Choices have Σ_a π(a) (d log π(a)/dθ)². With more than SUMMED values, a gradient for each of which would
    cost minutes and gigabytes, SUMMED actions are drawn from the policy, and the mean of (d log π(a)/dθ)² stands for
    the sum: right on the average.
    """
    with networks.whole_gradients():
        found = learner.distribution(rows)
    if isinstance(found, Choices):
        if found.logits.shape[1] <= SUMMED:
            return found.logits.detach().exp().sqrt() * found.logits
        drawn = [found.log_prob(found.sample(generator)) for _ in range(SUMMED)]
        return torch.stack(drawn, dim=1) / math.sqrt(SUMMED)
    mean = found.mean * torch.exp(-found.log_std.detach())
    return mean if found.shared else torch.cat([mean, math.sqrt(2) * found.log_std], dim=1)


def descend(loss: torch.Tensor, params: Sequence[torch.nn.Parameter]) -> None:
    """Add the gradient of loss to the params' own."""
    for p, g in zip(params, torch.autograd.grad(loss, params, allow_unused=True), strict=True):
        if g is not None:
            p.grad = g if p.grad is None else p.grad + g


def study(
    params: Sequence[torch.Tensor],
    loss: Callable[[], torch.Tensor],
    steps: int,
    rate: float,
    masks: Sequence[torch.Tensor] | None = None,
) -> None:
    """Minimise loss over params alone (where masks are true), by an Adam of its own: no hook of a method runs, and the
    gradients that were there are there again."""
    adam, before = torch.optim.Adam(params, lr=rate), [p.grad for p in params]
    for _ in range(steps):
        grads = torch.autograd.grad(loss(), params, materialize_grads=True)
        for i, (p, g) in enumerate(zip(params, grads, strict=True)):
            p.grad = g * masks[i] if masks else g
        adam.step()
    for p, grad in zip(params, before, strict=True):
        p.grad = grad


def per_sample(
    outputs: Callable[[torch.Tensor], torch.Tensor],
    obs: torch.Tensor,
    params: Mapping[str, torch.Tensor],
    chunk: int = 32,
) -> Iterator[Weights]:
    """For chunks of obs: name -> (n, k, …) the gradient of each of the k outputs at each of the n observations."""
    for rows in obs.split(chunk):
        out = outputs(rows)
        each = torch.eye(out.numel(), device=out.device).reshape(-1, *out.shape)
        grads = torch.autograd.grad(out, list(params.values()), each, is_grads_batched=True, allow_unused=True)
        named = zip(params.items(), grads, strict=True)
        yield {k: (p.new_zeros(len(each), *p.shape) if g is None else g).unflatten(0, out.shape) for (k, p), g in named}


class Recent:
    """What the current task has shown of late: size observations at most, for on-policy buffers hold but a rollout."""

    def __init__(self, size: int):
        self.size = size
        self.rollouts: list[torch.Tensor] = []

    def add(self, learner: Learner) -> None:
        self.rollouts.append(learner.rollout_rows())
        while sum(map(len, self.rollouts[1:])) >= self.size:
            self.rollouts.pop(0)

    def draw(self, learner: Learner, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count, width) at most, distinct where there are as many, of what is here, or of the stage in the buffer."""
        if not learner.off_policy:
            seen = torch.cat(self.rollouts)
            return seen[torch.randperm(len(seen), generator=generator)[:count].to(seen.device)]
        buffer = learner.model.replay_buffer
        places = learner.places()
        rows = torch.randperm(len(places) * buffer.n_envs, generator=generator)[:count].numpy()
        seen = buffer.observations[places[rows // buffer.n_envs], rows % buffer.n_envs]
        return torch.as_tensor(seen, dtype=torch.float32, device=learner.model.device)

    def state(self) -> State:
        return State({str(i): r.cpu().numpy() for i, r in enumerate(self.rollouts)})

    def restore(self, state: State) -> None:
        self.rollouts = [state.tensor(k) for k in sorted(state.arrays, key=int)]
