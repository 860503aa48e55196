"""Recurrent inference: an actor that looks at its own last answer and refines it, x' = f(x, y).

Of the family of recurrent inference machines (Putzky and Welling 2017, https://arxiv.org/abs/1706.04008): what is seen,
x, stays; the answer y begins at zero and goes round `iterations` times through one network, with the same weights, and
gradients flow through all rounds. An answer is what the policy says of its actions: means, or logits. The critic is
feed-forward. Nothing is kept from step to step: that is what an LSTM is for (recurrent-ppo).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn

from ..method import Method

if TYPE_CHECKING:
    _Policy = ActorCriticPolicy
else:
    _Policy = object


class Seen(nn.Module):
    """In the place of SB3's two networks: features (n, width) go to the actor as they are; policy_net is f's body."""

    def __init__(self, features: int, answers: int, net_arch: Any, activation: Any, device: Any):
        super().__init__()
        actor, critic = (MlpExtractor(size, net_arch, activation, device) for size in (features + answers, features))
        self.policy_net, self.value_net = actor.policy_net, critic.value_net
        self.latent_dim_pi, self.latent_dim_vf = actor.latent_dim_pi, critic.latent_dim_vf

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features, self.forward_critic(features)

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        return features

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return self.value_net(features)


class _Refining(_Policy):
    """What both policies below add to Stable-Baselines3's; iterations: how often f is asked, 1 or more."""

    def __init__(self, *given: Any, iterations: int = 4, **named: Any):
        if iterations < 1:
            raise ValueError(f"iterations must be 1 or more, not {iterations}")
        super().__init__(*given, **named)
        self.iterations = iterations

    def _build_mlp_extractor(self) -> None:
        answers = spaces.flatdim(self.action_space)
        seen = Seen(self.features_dim, answers, self.net_arch, self.activation_fn, self.device)
        self.mlp_extractor = seen  # type: ignore[assignment]

    def _get_action_dist_from_latent(self, latent_pi: torch.Tensor) -> Any:
        return super()._get_action_dist_from_latent(self._last_thought(latent_pi))

    def _last_thought(self, features: torch.Tensor) -> torch.Tensor:
        """(n, latent) what the body makes of the features and the last answer but one; action_net answers from it."""
        answer = features.new_zeros(len(features), self.action_net.out_features)  # type: ignore[arg-type]
        for _ in range(self.iterations - 1):
            answer = self.action_net(self._thought(features, answer))
        return self._thought(features, answer)

    def _thought(self, features: torch.Tensor, answer: torch.Tensor) -> torch.Tensor:
        return self.mlp_extractor.policy_net(torch.cat([features, answer], dim=1))


class InferencePolicy(_Refining, ActorCriticPolicy):
    """For PPO and A2C."""


class MaskedInferencePolicy(_Refining, MaskableActorCriticPolicy):
    """The same, for actions with masks."""


class RecurrentInference(Method):
    """The learner's actor refines its answer; iterations: rounds through the network, 1 is feed-forward."""

    algorithms = ("ppo", "a2c", "maskable-ppo")

    def __init__(self, iterations: int = 4):
        self.iterations = iterations

    def on_birth(self, learner, settings):
        if "policy" in settings:
            raise ValueError(f"recurrent-inference brings a network of its own, and {settings['policy']} is another")
        named = dict(settings.get("policy_kwargs") or {}) | {"iterations": self.iterations}
        kind = MaskedInferencePolicy if learner.kind.masks else InferencePolicy
        return settings | {"policy": kind, "policy_kwargs": named}
