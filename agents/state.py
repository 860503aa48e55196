"""What is saved of a learner: arrays and JSON, never code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


@dataclasses.dataclass
class State:
    """arrays: name -> array of any shape; meta: JSON."""

    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)

    def put(self, name: str, part: State) -> None:
        """Take part in under name."""
        self.arrays |= {f"{name}/{k}": v for k, v in part.arrays.items()}
        self.meta[name] = part.meta

    def get(self, name: str) -> State:
        """The part that was put under name."""
        prefix = f"{name}/"
        return State({k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}, self.meta[name])

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in self.arrays.values())


def tensors(state_dict: Mapping[str, Any]) -> State:
    """A torch state dict (nested dicts and lists of tensors and numbers) as a State."""
    state = State()
    state.meta["tree"] = _flatten(state_dict, "", state.arrays)
    return state


def state_dict(state: State) -> Any:
    """The inverse of tensors()."""
    return _build(state.meta["tree"], state.arrays)


def _flatten(node: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(node, torch.Tensor):
        arrays[path] = node.detach().cpu().numpy().copy()
        return {"tensor": path}
    if isinstance(node, Mapping):
        # JSON has no integer keys, which optimizers use
        return {"map": [[k, _flatten(v, f"{path}.{k}" if path else str(k), arrays)] for k, v in node.items()]}
    if isinstance(node, list | tuple):
        return {"list": [_flatten(v, f"{path}.{i}", arrays) for i, v in enumerate(node)]}
    return {"value": node}


def _build(node: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    ((kind, content),) = node.items()
    if kind == "tensor":
        return torch.from_numpy(np.array(arrays[content]))
    if kind == "map":
        return {k: _build(v, arrays) for k, v in content}
    if kind == "list":
        return [_build(v, arrays) for v in content]
    return content
