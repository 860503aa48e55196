"""A critic that sees what all agents see, while each actor sees its own: MAPPO's centralised critic.

Yu et al. 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games"
(https://arxiv.org/abs/2103.01955). A World has no state of its own to show, so the observations of all the
copy's agents, side by side, serve as the state; an agent's own comes first, so that the critic knows whose value is
asked for (as the paper's agent-specific global state). When the policy is tried the critic has no part.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor
from torch import nn

from ...envs.core import World, Wrapper
from ..interface import Interface, WidthError
from ..method import Method


class Row(spaces.Box):
    """Rows of which the actor sees the first `own` entries."""

    def __init__(self, own: int, width: int):
        super().__init__(-np.inf, np.inf, (width,), np.float32)
        self.own = own


class Overseen(Wrapper):
    """A world whose rows are [an agent's own observation, those of all agents in order, zeros up to `team` agents].

    Raises WidthError for more agents than that, or agents whose observations are not flat and of one width.
    """

    def __init__(self, world: World, team: int | None = None):
        super().__init__(world)
        team = team or len(world.agents)
        shapes = {world.observation_spaces[a].shape for a in world.agents}
        if len(shapes) > 1 or len(shape := shapes.pop() or ()) != 1:
            raise WidthError(f"{world.id}: a central critic needs flat observations of one width")
        if len(world.agents) > team:
            raise WidthError(f"{world.id} has {len(world.agents)} agents; the central critic sees {team}")
        self._rest = np.zeros((world.num_envs, shape[0] * (team - len(world.agents))), np.float32)
        self.observation_spaces = dict.fromkeys(world.agents, Row(shape[0], shape[0] * (1 + team)))

    def reset(self, ids, seeds=None):
        obs, info = self.world.reset(ids, seeds)
        return self._all(obs), info

    def step(self, actions):
        step = self.world.step(actions)
        return step._replace(obs=self._all(step.obs))

    def restore(self, state):
        obs, info = self.world.restore(state)
        return self._all(obs), info

    def _all(self, obs):
        state = [obs[a] for a in self.agents]
        return {a: np.concatenate([obs[a], *state, self._rest], axis=1, dtype=np.float32) for a in self.agents}


@dataclasses.dataclass(frozen=True)
class Overseeing(Interface):
    """An interface whose worlds are overseen; team: the most agents that any task has."""

    team: int = 1

    def world(self, *args, **kwargs) -> World:
        return Overseen(super().world(*args, **kwargs), self.team)


def overseeing(body: Interface, team: int) -> Overseeing:
    """body, with rows for a central critic. Raises WidthError where tasks show pictures."""
    if body.picture:
        raise WidthError("a central critic does not see pictures; choose tasks that show numbers")
    fields = {f.name: getattr(body, f.name) for f in dataclasses.fields(body)}
    return Overseeing(**fields, team=team)


class Sides(nn.Module):
    """SB3's two networks over rows (n, width): the actor's sees the first own entries, the critic's all of them."""

    def __init__(self, own: int, width: int, net_arch, activation, device):
        super().__init__()
        actor, critic = (MlpExtractor(size, net_arch, activation, device) for size in (own, width))
        self.own, self.policy_net, self.value_net = own, actor.policy_net, critic.value_net
        self.latent_dim_pi, self.latent_dim_vf = actor.latent_dim_pi, critic.latent_dim_vf

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(rows), self.forward_critic(rows)

    def forward_actor(self, rows: torch.Tensor) -> torch.Tensor:
        return self.policy_net(rows[:, : self.own])

    def forward_critic(self, rows: torch.Tensor) -> torch.Tensor:
        return self.value_net(rows)


class CentralPolicy(ActorCriticPolicy):
    """Made for the rows of an Overseen world."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _sides(self)  # type: ignore[assignment]


class MaskedCentralPolicy(MaskableActorCriticPolicy):
    """The same, for actions with masks."""

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _sides(self)  # type: ignore[assignment]


def _sides(policy) -> Sides:
    space = policy.observation_space
    if not isinstance(space, Row):
        raise ValueError(f"a central critic needs the rows of an Overseen world, not {space}")
    return Sides(space.own, policy.features_dim, policy.net_arch, policy.activation_fn, policy.device)


class Central(Method):
    """The learner's policy has a central critic; its env must be overseen (the runner sees to that)."""

    algorithms = ("ppo", "a2c", "maskable-ppo")

    def on_birth(self, learner, settings):
        if "policy" in settings:
            raise ValueError(f"central brings a network of its own, and {settings['policy']} is another")
        return settings | {"policy": MaskedCentralPolicy if learner.kind.masks else CentralPolicy}
