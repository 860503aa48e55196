"""Side channels: how both ends pack what is not observation or action, and the channel of our own."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from safetensors.numpy import load, save

PARAMETERS = uuid.UUID("534c891e-810f-11ea-a9d0-822485860400")
STATS = uuid.UUID("a1d8f7b7-cec8-50f9-b78b-d3e165a78520")
CONTROL = uuid.UUID("6b2cf5a0-52d7-5a0d-9c5e-1a1f6c0d7e11")  # ours, see pack
AVERAGE = 0  # how a statistic is summed up


def messages(data: bytes) -> Iterator[tuple[uuid.UUID, bytes]]:
    """The (channel, payload) pairs of an exchange. Raises ValueError where the bytes end too early."""
    at = 0
    while at < len(data):
        if at + 20 > len(data):
            raise ValueError(f"side channels: {len(data) - at} bytes left where a header takes 20")
        (length,) = struct.unpack_from("<i", data, at + 16)
        payload = data[at + 20 : at + 20 + length]
        if length < 0 or len(payload) < length:
            raise ValueError(f"side channels: a payload of {length} bytes, of which {len(payload)} are there")
        yield uuid.UUID(bytes_le=data[at : at + 16]), payload
        at += 20 + length


def message(channel: uuid.UUID, payload: bytes) -> bytes:
    return channel.bytes_le + struct.pack("<i", len(payload)) + payload


def statistic(name: str, value: float) -> bytes:
    """One entry of Unity's statistics channel, to be averaged."""
    text = name.encode("ascii", "replace")
    return message(STATS, struct.pack("<i", len(text)) + text + struct.pack("<fi", value, AVERAGE))


def parameter(payload: bytes, draw: np.random.Generator) -> tuple[str, float]:
    """What an environment parameter message sets; a sampler is drawn from once, with the seed that it carries."""
    (size,) = struct.unpack_from("<i", payload)
    name, at = payload[4 : 4 + size].decode("ascii", "replace"), 4 + size
    (kind,) = struct.unpack_from("<i", payload, at)
    if kind == 0:
        return name, struct.unpack_from("<f", payload, at + 4)[0]
    seed, sampler = struct.unpack_from("<ii", payload, at + 4)
    draw = np.random.default_rng(abs(seed)) if seed else draw
    if sampler == 2:
        (count,) = struct.unpack_from("<i", payload, at + 12)
        edges = np.array(struct.unpack_from(f"<{count}f", payload, at + 16)).reshape(-1, 2)
        low, high = edges[draw.integers(len(edges))]
        return name, float(draw.uniform(low, high))
    first, second = struct.unpack_from("<ff", payload, at + 12)
    return name, float(draw.uniform(first, second) if sampler == 0 else draw.normal(first, second))


def pack(words: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
    """A payload of our own channel: the length of a JSON object, the object, and arrays as safetensors.

    To the player: {"control": true} takes its own restarts away; {"reset": [areas], "seeds": [...]} restarts these
    areas alone, an empty list none: with a reset, or with the step that follows it; {"send": true} asks for the state,
    and arrays restore one; {"limit": n} sets the steps after which an episode is cut off.
    From the player: "areas", "agents" ({id: [area, agent]}), "success" and "goal" per area; arrays where asked.
    "ahead" has the areas that ended in this step, with "success" and "goal" of their next episodes: as in Unity, their
    first decisions come in the same batch, so that a restart without a seed costs no exchange of its own.
    """
    text = json.dumps(words).encode()
    solid = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    return struct.pack("<i", len(text)) + text + (save(solid) if solid else b"")


def unpack(payload: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    (size,) = struct.unpack_from("<i", payload)
    rest = payload[4 + size :]
    return json.loads(payload[4 : 4 + size]), load(bytes(rest)) if rest else {}
