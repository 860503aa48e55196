"""The algorithms by name: Stable-Baselines3's and sb3-contrib's, and what each of them needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import stable_baselines3 as sb3
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from ..envs.registry import nearest

CONTINUOUS, DISCRETE, BRANCHES = "continuous", "discrete", "branches"  # kinds of actions, see agents.actions


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """build: the class; actions: the kinds it can act in; policy: how its class calls its network.

    masks: it is told what may be chosen; recurrent: its policy has a memory of the episode.
    nets: the attributes of the model that hold an optimizer of their own, by the names that methods know.
    critic: prefixes of the parameters that say what states or actions are worth, and that the actor has no part in.
    """

    build: type[BaseAlgorithm]
    actions: tuple[str, ...]
    policy: str = "MlpPolicy"
    masks: bool = False
    recurrent: bool = False
    nets: tuple[str, ...] = ("policy",)
    critic: tuple[str, ...] = ("mlp_extractor.value_net.", "value_net.")

    @property
    def off_policy(self) -> bool:
        return issubclass(self.build, OffPolicyAlgorithm)


_ACTOR_CRITIC: dict[str, Any] = {"nets": ("actor", "critic"), "critic": ("critic.", "critic_target.")}
_MEMORY = ("mlp_extractor.value_net.", "value_net.", "lstm_critic.", "critic.")

ALGORITHMS: dict[str, Algorithm] = {
    "ppo": Algorithm(sb3.PPO, (CONTINUOUS, DISCRETE)),
    "a2c": Algorithm(sb3.A2C, (CONTINUOUS, DISCRETE)),
    "maskable-ppo": Algorithm(MaskablePPO, (DISCRETE, BRANCHES), masks=True),
    "recurrent-ppo": Algorithm(
        RecurrentPPO, (CONTINUOUS, DISCRETE), policy="MlpLstmPolicy", recurrent=True, critic=_MEMORY
    ),
    "sac": Algorithm(sb3.SAC, (CONTINUOUS,), **_ACTOR_CRITIC),
    "td3": Algorithm(sb3.TD3, (CONTINUOUS,), **_ACTOR_CRITIC),
    "ddpg": Algorithm(sb3.DDPG, (CONTINUOUS,), **_ACTOR_CRITIC),
    "dqn": Algorithm(sb3.DQN, (DISCRETE,), critic=("q_net.", "q_net_target.")),
}


def algorithm(name: str) -> Algorithm:
    """The algorithm of that name. Raises UnknownName with the nearest one."""
    if ":" in name:
        raise ValueError(f"{name!r} is an agent of somebody's own: only runs and comparisons know how it acts")
    if name not in ALGORITHMS:
        raise nearest(name, ALGORITHMS, "algorithm")
    return ALGORITHMS[name]


def check(name: str, kind: str, tasks: Sequence[str]) -> None:
    """Raises ValueError, in one line, where the algorithm cannot act in this kind of actions."""
    if kind in algorithm(name).actions:
        return
    able = ", ".join(n for n, a in ALGORITHMS.items() if kind in a.actions)
    why = " and needs masks" if kind == BRANCHES else ""
    raise ValueError(f"{name} does not act in {kind} actions, as {tasks[0]} asks{why}; these do: {able}")
