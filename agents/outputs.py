"""What a policy says of its actions at given observations: to be kept, compared and drawn from, for any algorithm.

A row is what one decision rests on: the observation, then the mask where the algorithm has masks, then the state of
its LSTMs where it has a memory (as R2D2 stores it: Kapturowski et al. 2019, "Recurrent experience replay"). An
observation alone is a row too: everything is allowed then, and the memory empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from .algorithms import Algorithm

Kept = Mapping[str, torch.Tensor]
FORBIDDEN = -1e8  # the logit of what a mask excludes, as sb3-contrib has it
TEMPERATURE = 0.1  # of a Q-network's choices, in units of reward
SPREAD = 0.1  # the standard deviation given to a policy that has none (TD3's exploration noise, arXiv 1802.09477)


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """Independent normal actions, before any squashing.

    mean, log_std: (n, actions). shared: the spread is a parameter, no answer, of the task that explores now.
    """

    mean: torch.Tensor
    log_std: torch.Tensor
    shared: bool = False

    def keep(self) -> dict[str, torch.Tensor]:
        """(n, ...) each: what divergence takes later; without gradients."""
        return {"mean": self.mean.detach(), "log_std": self.log_std.detach().expand_as(self.mean).clone()}

    def divergence(self, old: Kept) -> torch.Tensor:
        """(n,) KL(old || this), summed over the actions; a shared spread is taken to be the old one."""
        return divergence(old["mean"], old["log_std"], self.mean, old["log_std"] if self.shared else self.log_std)

    def sample(self, generator: torch.Generator) -> torch.Tensor:
        """(n, actions), drawn on the CPU."""
        noise = torch.randn(self.mean.shape, generator=generator).to(self.mean)
        return (self.mean + self.log_std.exp() * noise).detach()

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """(n,) log density of actions (n, actions)."""
        return torch.distributions.Normal(self.mean, self.log_std.exp()).log_prob(actions).sum(dim=1)

    def entropy(self) -> torch.Tensor:
        """(n,) in nats."""
        return torch.distributions.Normal(self.mean, self.log_std.exp()).entropy().sum(dim=1)


@dataclasses.dataclass(frozen=True)
class Choices:
    """One choice or several independent ones.

    logits: (n, sum of sizes) normalised log probabilities, the choices side by side, at or below FORBIDDEN / 2 where a
    mask excludes them; sizes: how many values each choice has.
    """

    logits: torch.Tensor
    sizes: tuple[int, ...]

    def keep(self) -> dict[str, torch.Tensor]:
        """(n, sum of sizes): what divergence takes later, masks included; without gradients."""
        return {"logits": self.logits.detach()}

    def divergence(self, old: Kept) -> torch.Tensor:
        """(n,) KL(old || this), summed over the choices; what was excluded then counts as excluded."""
        before = old["logits"]
        now = normalised(self.logits.masked_fill(before <= FORBIDDEN / 2, FORBIDDEN), self.sizes)
        return (before.exp() * (before - now)).sum(dim=1)

    def sample(self, generator: torch.Generator) -> torch.Tensor:
        """(n, choices) int64, drawn on the CPU."""
        parts = [torch.multinomial(p.detach().exp().cpu(), 1, generator=generator) for p in self._parts()]
        return torch.cat(parts, dim=1).to(self.logits.device)

    def log_prob(self, actions: torch.Tensor) -> torch.Tensor:
        """(n,) log probability of actions (n, choices) int64."""
        chosen = [p.gather(1, actions[:, i : i + 1]) for i, p in enumerate(self._parts())]
        return torch.cat(chosen, dim=1).sum(dim=1)

    def entropy(self) -> torch.Tensor:
        """(n,) in nats."""
        return -(self.logits.exp() * self.logits).sum(dim=1)

    def _parts(self) -> tuple[torch.Tensor, ...]:
        return torch.split(self.logits, list(self.sizes), dim=1)


Output = Gaussian | Choices


def normalised(logits: torch.Tensor, sizes: tuple[int, ...]) -> torch.Tensor:
    """Each choice's values (side by side) made log probabilities."""
    if len(sizes) == 1:
        return torch.log_softmax(logits, dim=1)
    return torch.cat([torch.log_softmax(part, dim=1) for part in torch.split(logits, list(sizes), dim=1)], dim=1)


def divergence(mean: torch.Tensor, log_std: torch.Tensor, to_mean: torch.Tensor, to_log_std: torch.Tensor):
    """(n,) KL(N(mean, std) || N(to_mean, to_std)) of diagonal Gaussians, summed over the actions."""
    ratio = torch.exp(2 * (log_std - to_log_std))
    gap = ((to_mean - mean) * torch.exp(-to_log_std)) ** 2
    return (to_log_std - log_std + 0.5 * (ratio + gap - 1)).sum(dim=1)


# what the algorithms of Stable-Baselines3 say


def said(model: Any, kind: Algorithm, rows: torch.Tensor) -> Output:
    """What the policy of model says at rows.

    A Q-network's choices are softmax(Q / TEMPERATURE): who acts greedily is cloned when the order of values is, and
    their level, which learning goes on to move, stays free (policy distillation with a low temperature did better
    than the squared error of values: Rusu et al. 2016, arXiv 1511.06295). A deterministic actor's Gaussian
    has the fixed standard deviation SPREAD: its divergence is the squared error of actions over 2 SPREAD^2.
    """
    obs, masks, memory = parted(model, kind, rows)
    if hasattr(model, "q_net"):
        values = model.q_net(obs)
        return Choices(normalised(values / TEMPERATURE, (values.shape[1],)), (values.shape[1],))
    if not kind.off_policy:
        return _of_policy(model.policy, kind, obs, masks, memory)
    if hasattr(model.actor, "get_action_dist_params"):
        mean, log_std, seen = model.actor.get_action_dist_params(obs)
        if not model.use_sde:
            return Gaussian(mean, log_std)
        found = model.actor.action_dist.proba_distribution(mean, log_std, **seen)  # log_std: a weight of each feature
        return Gaussian(mean, found.distribution.stddev.log(), shared=True)
    mean = model.actor(obs)
    return Gaussian(mean, torch.full_like(mean, float(np.log(SPREAD))))


def values(model: Any, kind: Algorithm, rows: torch.Tensor) -> torch.Tensor:
    """(n,) what the critic holds the rows' states to be worth; off-policy, of the action that the policy prefers."""
    obs, _, memory = parted(model, kind, rows)
    if kind.recurrent:
        return model.policy.predict_values(obs, memory[2:], torch.zeros(len(obs), device=obs.device)).flatten()
    if not kind.off_policy:
        return model.policy.predict_values(obs).flatten()
    if hasattr(model, "q_net"):
        return model.q_net(obs).max(dim=1).values
    action = model.actor(obs, deterministic=True) if hasattr(model.actor, "log_std") else model.actor(obs)
    return torch.cat(model.critic(obs, action), dim=1).min(dim=1).values


def rollout(model: Any) -> torch.Tensor:
    """(n, width of a row) the rows of an on-policy algorithm's last rollout."""
    buffer = model.rollout_buffer
    parts = [buffer.observations.reshape(-1, *buffer.obs_shape)]
    if hasattr(buffer, "action_masks"):
        parts.append(buffer.action_masks.reshape(len(parts[0]), -1).astype(np.float32))
    if hasattr(buffer, "hidden_states_pi"):
        begun = 1 - buffer.episode_starts.reshape(-1, 1)  # a memory ends with its episode
        for name in ("hidden_states_pi", "cell_states_pi", "hidden_states_vf", "cell_states_vf"):
            parts.append(getattr(buffer, name).swapaxes(1, 2).reshape(len(begun), -1) * begun)
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1, dtype=np.float32)
    return torch.as_tensor(rows, device=model.device)


def parted(model: Any, kind: Algorithm, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, tuple]:
    """(observations, masks or None, the LSTMs' states: hidden and cell of the actor, then of the critic)."""
    width = model.observation_space.shape[0]
    obs, rest = rows[:, :width], rows[:, width:]
    if kind.recurrent:
        lstm = model.policy.lstm_actor
        if not rest.shape[1]:
            rest = rows.new_zeros(len(rows), 4 * lstm.num_layers * lstm.hidden_size)
        states = rest.reshape(len(rows), 4, lstm.num_layers, lstm.hidden_size)
        return obs, None, tuple(states[:, i].transpose(0, 1).contiguous() for i in range(4))
    return obs, rest if kind.masks and rest.shape[1] else None, ()


def _of_policy(policy: Any, kind: Algorithm, obs: torch.Tensor, masks: torch.Tensor | None, memory: tuple) -> Output:
    if kind.recurrent:
        found, _ = policy.get_distribution(obs, memory[:2], torch.zeros(len(obs), device=obs.device))
    elif kind.masks:
        found = policy.get_distribution(obs, masks)
    else:
        found = policy.get_distribution(obs)
    parts = getattr(found, "distributions", None) or found.distribution
    if isinstance(parts, torch.distributions.Normal):
        return Gaussian(parts.mean, parts.stddev.log(), shared=True)
    logits = [p.logits for p in (parts if isinstance(parts, list) else [parts])]
    return Choices(torch.cat(logits, dim=1), tuple(p.shape[1] for p in logits))
