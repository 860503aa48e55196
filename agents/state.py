"""What is saved of a learner: arrays and JSON, never code."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


@dataclasses.dataclass
class State:
    """arrays: name -> array of any shape; meta: JSON; device: where its arrays come back as tensors."""

    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    meta: dict[str, Any] = dataclasses.field(default_factory=dict)
    device: Any = "cpu"

    @classmethod
    def of(cls, weights: Mapping[str, torch.Tensor], **meta: Any) -> State:
        """Tensors as they are now: copies, for their owners write into them later."""
        return cls({k: v.detach().cpu().numpy().copy() for k, v in weights.items()}, meta)

    def put(self, name: str, part: State) -> None:
        """Take part in under name."""
        self.arrays |= {f"{name}/{k}": v for k, v in part.arrays.items()}
        self.meta[name] = part.meta

    def get(self, name: str) -> State:
        """The part that was put under name."""
        prefix = f"{name}/"
        arrays = {k[len(prefix) :]: v for k, v in self.arrays.items() if k.startswith(prefix)}
        if not arrays and name not in self.meta:
            raise KeyError(name)
        return State(arrays, self.meta.get(name, {}), self.device)

    def on(self, device: Any) -> State:
        """The same, to come back on that device."""
        return State(self.arrays, self.meta, device)

    def tensor(self, name: str) -> torch.Tensor:
        """A copy of an array, on the device."""
        return torch.from_numpy(np.array(self.arrays[name])).to(self.device)

    def tensors(self) -> dict[str, torch.Tensor]:
        """name -> tensor on the device, of every array: what of() took."""
        return {name: self.tensor(name) for name in self.arrays}

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
