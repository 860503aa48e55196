"""What is saved of an SB3 algorithm beside its weights: buffers, counters, random streams, what it stepped last."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import ReplayBuffer

from .state import State

COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_current_progress_remaining",
    "_n_calls",
    "exploration_rate",
)


def buffer_state(buffer: ReplayBuffer) -> State:
    """What a replay buffer holds."""
    end = buffer.buffer_size if buffer.full else buffer.pos
    arrays = {k: getattr(buffer, k)[:end].copy() for k in _buffer_fields(buffer)}
    return State(arrays, {"pos": buffer.pos, "full": buffer.full})


def restore_buffer(buffer: ReplayBuffer, state: State) -> None:
    """Take back buffer_state()."""
    for name in _buffer_fields(buffer):
        getattr(buffer, name)[: len(state.arrays[name])] = state.arrays[name]
    buffer.pos, buffer.full = state.meta["pos"], state.meta["full"]


def _buffer_fields(buffer: ReplayBuffer) -> list[str]:
    names = ["observations", "next_observations", "actions", "rewards", "dones", "timeouts"]
    return [n for n in names if hasattr(buffer, n)]


def memory_state(model: Any) -> dict[str, np.ndarray]:
    """The LSTMs' states between two rollouts, where the policy has any."""
    states = getattr(model, "_last_lstm_states", None)
    if states is None:
        return {}
    return {f"memory.{i}": s.cpu().numpy().copy() for i, s in enumerate((*states.pi, *states.vf))}


def restore_memory(model: Any, arrays: dict[str, np.ndarray]) -> None:
    """Take back memory_state()."""
    states = getattr(model, "_last_lstm_states", None)
    if states is not None:
        parts = [torch.from_numpy(np.array(arrays[f"memory.{i}"])).to(model.device) for i in range(4)]
        model._last_lstm_states = type(states)(tuple(parts[:2]), tuple(parts[2:]))


def random_state(model: Any) -> State:
    """SB3 draws from the global generators and from its action space's."""
    kind, keys, pos, has_gauss, cached = np.random.get_state()
    version, words, gauss = random.getstate()
    arrays = {"torch": torch.get_rng_state().numpy(), "numpy": np.array(keys), "python": np.array(words, np.uint64)}
    if torch.cuda.is_available():
        arrays["cuda"] = torch.cuda.get_rng_state(_gpu(model)).numpy()
    space = model.action_space.np_random.bit_generator.state
    meta = {"numpy": [kind, pos, has_gauss, cached], "python": [version, gauss], "space": space}
    return State(arrays, meta)


def _gpu(model: Any) -> Any:
    """The GPU whose generator the model draws from; the usual one where it is on none."""
    return model.device if model.device.type == "cuda" else "cuda"


def restore_random(model: Any, state: State) -> None:
    """Take back random_state()."""
    torch.set_rng_state(torch.from_numpy(np.array(state.arrays["torch"])))
    kind, pos, has_gauss, cached = state.meta["numpy"]
    np.random.set_state((kind, np.array(state.arrays["numpy"]), pos, has_gauss, cached))
    version, gauss = state.meta["python"]
    random.setstate((version, tuple(int(w) for w in state.arrays["python"]), gauss))
    if "cuda" in state.arrays and torch.cuda.is_available():
        torch.cuda.set_rng_state(torch.from_numpy(np.array(state.arrays["cuda"])), _gpu(model))
    model.action_space.np_random.bit_generator.state = state.meta["space"]
