"""Films of episodes: pictures with the instruction and the return below, panels side by side, a scene at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..envs.core import World
from ..envs.views.record import Film, strip

GREEN, RED, CALM = (76, 160, 96), (196, 72, 64), (224, 222, 214)
PAUSE = 0.8  # seconds an ended episode stays on the screen
ROW = 4  # panels side by side; more stand in rows, at half their size


class Shot(NamedTuple):
    """One picture of an episode.

    verdict: None until the episode is over, then whether it was a success.
    why: why they are told so; None, in all of an episode, where the instructor keeps no reasons.
    """

    picture: np.ndarray
    told: str
    step: int
    episode_return: float
    verdict: bool | None
    why: str | None = None


def episode(world: World, actions: Callable[[dict], dict], seed: int, every: int = 1) -> Iterator[Shot]:
    """Copy 0 of world lives one episode; a shot at its start, of every `every`-th step, and at its end.

    actions: agent -> observations (1, width), to agent -> actions (1, width).
    """
    obs, _ = world.reset(np.arange(1), [seed])
    step, total = 0, 0.0
    yield Shot(world.render(), told(world), 0, 0.0, None, why(world))
    while True:
        result = world.step(actions(obs))
        obs, step = result.obs, step + 1
        total += float(sum(r[0] for r in result.reward.values())) / len(world.agents)
        over = bool(result.done[0])
        if over or step % every == 0:
            verdict = bool(result.info["success"][0]) if over else None
            yield Shot(world.render(), told(world), step, total, verdict, why(world))
        if over:
            return


def told(world: World) -> str:
    """What the agents are told now; agent by agent where they are told different things."""
    ask = getattr(world, "instruction", None)
    if ask is None:
        return world.aim_of(0).text
    return _each({agent: ask(0, agent) for agent in world.agents})


def why(world: World) -> str | None:
    """Why the agents are told so, where their instructor keeps that."""
    ask = getattr(world, "why", None)
    texts = {agent: ask(agent) for agent in world.agents} if ask else {}
    return None if None in texts.values() or not texts else _each(texts)


def _each(texts: dict[str, Any]) -> str:
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{agent}: {text}" for agent, text in texts.items())


@dataclass(frozen=True)
class Panel:
    """One episode with a heading above, the instruction and the return below, and a bar that turns green or red."""

    heading: str
    shots: Iterable[Shot]
    notes: str = ""

    def frames(self) -> Iterator[np.ndarray]:
        for shot in self.shots:
            yield self._page(shot)

    def _page(self, shot: Shot) -> np.ndarray:
        width = shot.picture.shape[1]
        colour = CALM if shot.verdict is None else GREEN if shot.verdict else RED
        bar = np.full((6, width, 3), colour, np.uint8)
        end = "" if shot.verdict is None else " · success" if shot.verdict else " · failed"
        below = [
            shot.told,
            *([] if shot.why is None else [shot.why]),
            f"{self.notes}step {shot.step} · return {shot.episode_return:.1f}{end}",
        ]
        above = [strip(width, [self.heading])] if self.heading else []
        return np.concatenate([*above, bar, shot.picture, strip(width, below)])


def film(scenes: Iterable[Sequence[Panel]], out: Path, fps: float) -> Path:
    """Scenes after one another, the panels of a scene side by side in rows; a panel that ends early shows its end.

    Raises RenderingUnavailable where nothing can be drawn, OSError when the disk refuses; no film is left then.
    """
    with Film(out, fps) as made:
        for panels in scenes:
            running, page = [p.frames() for p in panels], None
            pages: list[Any] = [None] * len(panels)
            while any([_advance(pages, i, frames) for i, frames in enumerate(running)]):
                page = _sheet(pages)
                made.add(page)
            for _ in range(round(PAUSE * fps) if page is not None else 0):
                made.add(page)  # type: ignore[arg-type]
    return out


def _advance(pages: list, i: int, frames: Iterator[np.ndarray]) -> bool:
    following = next(frames, None)
    pages[i] = pages[i] if following is None else following
    return following is not None


def _sheet(pages: Sequence[np.ndarray]) -> np.ndarray:
    """Pages side by side; more than a row of them at half their size, row under row."""
    if len(pages) <= ROW:
        return _beside(pages)
    rows = [_beside([_half(page) for page in pages[i : i + ROW]]) for i in range(0, len(pages), ROW)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(r, [(0, 6), (0, width - r.shape[1]), (0, 0)], constant_values=255) for r in rows])


def _half(page: np.ndarray) -> np.ndarray:
    """Every square of four pixels as their mean."""
    height, width = page.shape[0] // 2, page.shape[1] // 2
    squares = page[: 2 * height, : 2 * width].reshape(height, 2, width, 2, 3)
    return squares.mean(axis=(1, 3)).astype(np.uint8)


def _beside(pages: Sequence[np.ndarray]) -> np.ndarray:
    """Pages with a thin gap between; taller ones decide the height."""
    height = max(p.shape[0] for p in pages)
    parts: list[np.ndarray] = []
    for page in pages:
        gap = [np.full((height, 6, 3), 255, np.uint8)] if parts else []
        parts += [*gap, np.pad(page, [(0, height - page.shape[0]), (0, 0), (0, 0)], constant_values=255)]
    return np.concatenate(parts, axis=1)
