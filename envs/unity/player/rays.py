"""Unity's ray sensor for a batch of areas: spheres swept over discs and boxes that stand on the ground.

Layout and order follow RayPerceptionSensor.cs and RayPerceptionSensorComponentBase.cs of Unity's ml-agents.
Places are (x, z) in metres, x to the right and z ahead at yaw 0; yaw turns clockwise seen from above, in radians.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

NOTHING, UNTAGGED = -2, -1
SKIN = 0.1  # metres: what the sphere touches or has just entered is seen at distance 0
TINY = 1e-9


@dataclasses.dataclass(frozen=True)
class _Things:
    """k things in each of n areas; every array may have 1 in place of n or of a (the agents that look).

    tag: (n, a, k) or (k,) int, the index of the sensor's tag, or UNTAGGED: seen without a name.
    centre: (n, k, 2); a room has none. there: (n, a, k) or (n, 1, k) bool, whether it is there at all.
    low, high: (n, k) heights that it fills; None for all of them.
    """

    tag: np.ndarray | int
    centre: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros((1, 1, 2)))
    there: np.ndarray | bool = True
    low: np.ndarray | float | None = None
    high: np.ndarray | float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Discs(_Things):
    """radius: (n, k), (k,) or one number."""

    radius: np.ndarray | float

    def crossed(self, right, ahead, look, yaw, radius):
        """The distances along the rays at which the sphere enters and leaves: two (n, a, rays, k).

        right, ahead: (n, a, k) from the agent to the centres, along x and z. look: two (n, a, rays, 1), the rays' x
        and z. A ray that passes by enters at infinity.
        """
        along = right[:, :, None] * look[0] + ahead[:, :, None] * look[1]
        aside = right[:, :, None] * look[1] - ahead[:, :, None] * look[0]
        reach = (np.asarray(self.radius, np.float32) + np.float32(radius)) ** 2
        reach = reach[:, None, None] if reach.ndim == 2 else reach
        return _chord(along, reach - aside * aside)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boxes(_Things):
    """half: (n, k, 2) half edges along the box's own x and z. yaw: (n, k), or None where no box is turned."""

    half: np.ndarray
    yaw: np.ndarray | None = None

    def crossed(self, right, ahead, look, yaw, radius):
        """As Discs.crossed; corners are rounded, as a sphere feels them."""
        half = np.asarray(self.half, np.float32)[:, None, None]
        u, v, du, dv = -right[:, :, None], -ahead[:, :, None], *look
        if self.yaw is not None:
            sine, cosine = (f(np.asarray(self.yaw))[:, None, None].astype(np.float32) for f in (np.sin, np.cos))
            u, v = u * cosine - v * sine, u * sine + v * cosine
            du, dv = du * cosine - dv * sine, du * sine + dv * cosine
        radius = np.float32(radius)
        first, last = _slab(u, du, half[..., 0] + radius)
        other = _slab(v, dv, half[..., 1] + radius)
        first, last = np.maximum(first, other[0]), np.minimum(last, other[1])
        first = np.where(first <= last, first, np.float32(np.inf))
        return _rounded(first, last, (u, v), (du, dv), half, radius) if radius else (first, last)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Room(_Things):
    """The walls round everybody: left, right, back and front, with their tags (4,). Much cheaper than four boxes.

    end: the low and the high corner of the floor.
    """

    end: tuple[tuple[float, float], tuple[float, float]]

    def crossed(self, right, ahead, look, yaw, radius):
        """As Discs.crossed; it is left at infinity."""
        (left, back), (rightmost, front) = np.asarray(self.end, np.float32)
        x, z, radius = -right, -ahead, np.float32(radius)
        room = np.concatenate([x - left, rightmost - x, z - back, front - z], axis=-1) - radius
        towards = np.concatenate([-look[0], look[0], -look[1], look[1]], axis=-1)
        heads = towards > TINY
        far = room[:, :, None] / np.where(heads, towards, 1)
        return np.where(heads, far, np.float32(np.inf)), np.float32(np.inf)


@dataclasses.dataclass(frozen=True)
class Rays:
    """One ray sensor.

    tags: names of what it tells apart. side: rays to each side of the middle one. degrees: the angle of the outermost.
    length: of a ray (m). radius: of the sphere that is swept along it, 0 for a bare ray.
    start, end: heights of the ray's two ends above the agent's centre; for each agent where they differ.
    """

    tags: tuple[str, ...]
    side: int
    degrees: float
    length: float
    radius: float = 0.5
    start: float | tuple[float, ...] = 0.0
    end: float | tuple[float, ...] = 0.0

    @property
    def count(self) -> int:
        return 2 * self.side + 1

    @property
    def width(self) -> int:
        """How many numbers sense gives for an agent: for each ray its tags, whether it hit nothing, how far."""
        return self.count * (len(self.tags) + 2)

    @functools.cached_property
    def angles(self) -> np.ndarray:
        """(rays,) radians to the right of the agent's front: the middle, then right and left by turns, outwards."""
        outward = np.arange(1, self.side + 1) * (np.radians(self.degrees) / max(self.side, 1))
        return np.concatenate([[0.0], np.stack([outward, -outward], axis=1).ravel()])

    def cast(
        self, place: np.ndarray, yaw: np.ndarray, things: Sequence[Discs | Boxes | Room], height: np.ndarray | float = 0
    ):
        """What each ray meets first: fractions of its length (n, a, rays) float32, 1 for nothing; tags, or NOTHING.

        place: (n, a, 2). yaw: (n, a). height: of the agents' centres, (n, a); it matters to things that have heights.
        A thing round the agent's own centre is not seen: an agent may be among the things that it looks at. Unity
        does not see what the sphere overlaps at its start; here that is seen at 0 up to SKIN.
        """
        towards = yaw[..., None] + self.angles
        look = np.sin(towards).astype(np.float32)[..., None], np.cos(towards).astype(np.float32)[..., None]
        nearest = np.full(towards.shape, np.float32(self.length))
        kind = np.full(towards.shape, NOTHING)
        for some in things:
            gap = (np.asarray(some.centre)[:, None] - place[:, :, None]).astype(np.float32)
            first, last = some.crossed(gap[..., 0], gap[..., 1], look, yaw, self.radius)
            if some.low is not None and some.high is not None:
                first, last = self._between(first, last, some.low, some.high, height)
            seen = (first >= -SKIN) & (first <= last) & (last > SKIN)  # the last: a touch in passing is none
            if some.there is not True:
                seen &= np.asarray(some.there)[:, :, None]
            first = np.where(seen, first, np.float32(np.inf))
            which = first.argmin(axis=-1)
            met = np.take_along_axis(first, which[..., None], axis=-1)[..., 0]
            closer = met <= nearest
            nearest = np.where(closer, np.maximum(met, 0), nearest)
            kind = np.where(closer & np.isfinite(met), _tags(some.tag, which), kind)
        return nearest / np.float32(self.length), kind

    def _between(self, first, last, low, high, height):
        """The part of each crossing in which the sphere is also as high as the thing."""
        start, end = (np.asarray(edge, np.float32) for edge in (self.start, self.end))
        base = np.asarray(height, np.float32) + start
        base = base[..., None, None] if base.ndim else base
        low, high = (np.asarray(edge, np.float32) for edge in (low, high))
        low, high = (edge[:, None, None] if edge.ndim == 2 else edge for edge in (low, high))
        slope = ((end - start) / np.float32(self.length))[..., None, None]
        up = _slab(base - (low + high) / 2, slope, (high - low) / 2 + np.float32(self.radius))
        first, last = np.maximum(first, up[0]), np.minimum(last, up[1])
        return np.where(first <= last, first, np.float32(np.inf)), last

    def sense(self, *where, **more) -> np.ndarray:
        """(n, a, width) float32 as the sensor sends it; takes what cast takes."""
        fraction, kind = self.cast(*where, **more)
        seen = np.zeros((*fraction.shape, len(self.tags) + 2), np.float32)
        seen[..., :-2] = kind[..., None] == np.arange(len(self.tags))
        seen[..., -2] = kind == NOTHING
        seen[..., -1] = fraction
        return seen.reshape(*fraction.shape[:2], -1)


def push(history: np.ndarray, newest: np.ndarray) -> np.ndarray:
    """A stack of observations (n, stacks, …), oldest first as StackingSensor.cs sends it, with newest (n, …) added."""
    return np.concatenate([history[:, 1:], newest[:, None]], axis=1)


def _tags(tag, which: np.ndarray) -> np.ndarray:
    """(n, a, rays): the tags of the things that were met."""
    tag = np.asarray(tag)
    if tag.ndim < 2:
        return tag[which] if tag.ndim else tag
    whole = np.broadcast_to(tag, (*which.shape[:2], tag.shape[-1]))
    return np.take_along_axis(whole, which, axis=-1)


def _slab(start, slope, half):
    """Where |start + t * slope| <= half: from t, to t."""
    steep = np.where(np.abs(slope) < TINY, np.float32(TINY), slope)
    middle, reach = -start / steep, half / np.abs(steep)
    return middle - reach, middle + reach


def _chord(along, square):
    """Where a ray is inside a circle whose centre is `along` ahead; square: of half the chord, negative for none."""
    half = np.sqrt(np.maximum(square, 0))
    return np.where(square >= 0, along - half, np.float32(np.inf)), along + half


def _rounded(first, last, start, slope, half, radius):
    """Where the sphere comes upon a box at a corner, it has to meet the corner itself."""
    at = np.where(np.isfinite(first), first, 0)
    point = [s + at * d for s, d in zip(start, slope, strict=True)]
    corner = [np.copysign(half[..., i], p) for i, p in enumerate(point)]
    beyond = (np.abs(point[0]) > half[..., 0]) & (np.abs(point[1]) > half[..., 1]) & np.isfinite(first)
    right, ahead = (c - s for c, s in zip(corner, start, strict=True))
    aside = right * slope[1] - ahead * slope[0]
    met, left = _chord(right * slope[0] + ahead * slope[1], radius * radius - aside * aside)
    return np.where(beyond, met, first), np.where(beyond & ~np.isfinite(met), left, last)
