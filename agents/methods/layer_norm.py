"""Layer norm: what plain hidden layers give their activations is normalised, so that gradients keep reaching the units.

Lyle et al. 2023, "Understanding plasticity in neural networks" (https://arxiv.org/abs/2303.01486), of Ba et al. 2016
(https://arxiv.org/abs/1607.06450), here without the learnt scale and shift. Actor and critic alike.
"""

from __future__ import annotations

import inspect

from ..method import Method
from ..networks import Normalised


class LayerNorm(Method):
    """epsilon: added to the variance."""

    def __init__(self, epsilon: float = 1e-5):
        self.epsilon = epsilon

    def on_birth(self, learner, settings):
        policy, network = (
            dict(settings.get("policy_kwargs") or {}),
            learner.kind.build.policy_aliases[learner.kind.policy],
        )
        usual = inspect.signature(network).parameters["activation_fn"].default
        inner, epsilon = policy.get("activation_fn", usual), self.epsilon
        return {**settings, "policy_kwargs": policy | {"activation_fn": lambda: Normalised(inner(), epsilon)}}
