"""What a policy's network is made of: activations by name, and a mean of actions that stays where it is obeyed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..envs.registry import nearest
from .algorithms import CONTINUOUS, Algorithm

PLAIN: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky-relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


class Normalised(nn.Module):
    """inner of x (…, units) with mean 0 and variance 1 over the units (Ba et al. 2016), without scale and shift."""

    def __init__(self, inner: nn.Module, epsilon: float = 1e-5):
        super().__init__()
        self.inner, self.epsilon = inner, epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(functional.layer_norm(x, x.shape[-1:], eps=self.epsilon))


def _normalised(kind: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: Normalised(kind())


ACTIVATIONS = PLAIN | {f"layer-norm-{name}": _normalised(kind) for name, kind in PLAIN.items()}


def check(settings: Mapping[str, Any]) -> None:
    """Raises UnknownName for an activation that no network has, ValueError for layers that are none."""
    policy = settings.get("policy_kwargs") or {}
    name, layers = policy.get("activation_fn"), policy.get("net_arch") or []
    if isinstance(name, str) and name not in ACTIVATIONS:
        raise nearest(name, ACTIVATIONS, "activation_fn")
    for widths in layers.values() if isinstance(layers, dict) else [layers]:
        if not isinstance(widths, list | tuple) or not all(isinstance(n, int) and n > 0 for n in widths):
            raise ValueError(f"net_arch is a list of layers' widths, or one each for pi and vf or qf; not {layers!r}")


def gaussian(algorithm: Algorithm) -> bool:
    """Whether its continuous actions are normal around a mean that nothing squashes; `bound` is for these."""
    return CONTINUOUS in algorithm.actions and not algorithm.off_policy


def named(settings: dict[str, Any]) -> dict[str, Any]:
    """An algorithm's settings, with the class where policy_kwargs' activation_fn is a name."""
    check(settings)
    policy = dict(settings.get("policy_kwargs") or {})
    if not isinstance(policy.get("activation_fn"), str):
        return settings
    return settings | {"policy_kwargs": policy | {"activation_fn": ACTIVATIONS[policy["activation_fn"]]}}


class Bounded(torch.autograd.Function):
    """What is said, cut to [-most, most]; its gradient, but for what would lead further outside.

    "Zeroing gradients" of Hausknecht & Stone 2016 (Deep Reinforcement Learning in Parameterized Action Space), which
    lets a mean come back with its whole gradient. A squashed one (most * tanh(x / most)) does not: after a task that
    drove at full speed, the next was not learnt (docs/algorithms.md).
    """

    @staticmethod
    def forward(ctx: Any, said: torch.Tensor, most: float) -> torch.Tensor:
        ctx.save_for_backward(said)
        ctx.most, ctx.whole = most, _WHOLE.get()
        return said.clamp(-most, most)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        if ctx.whole:
            return slope, None
        (said,) = ctx.saved_tensors
        outwards = ((said >= ctx.most) & (slope < 0)) | ((said <= -ctx.most) & (slope > 0))
        return slope.masked_fill(outwards, 0.0), None


_WHOLE: ContextVar[bool] = ContextVar("whole", default=False)


@contextlib.contextmanager
def whole_gradients() -> Iterator[None]:
    """Bounded means said in here have all of their gradient, however it points.

    Which way is outwards a loss says. A sensitivity has a sign of its own: a mean at one bound would count as stiff,
    and at the other as free.
    """
    before = _WHOLE.set(True)
    try:
        yield
    finally:
        _WHOLE.reset(before)


def bound(layer: nn.Module, most: float) -> None:
    """Let layer say no more than most either way.

    Actions are cut to [-1, 1]. A mean far outside learns nothing more, for all that is drawn around it acts alike.
    """
    layer.register_forward_hook(lambda module, given, said: Bounded.apply(said, most))
