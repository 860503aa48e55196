"""Methods as points: learning, forgetting, transfer, cost. Every point says what it is when it is pointed at."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .plots import FAINT, GRID, colour_of, legend, styled, svg
from .summary import Group
from .words import number, quantity, unit_of

MOST = 300  # dots that each say their seed; of more, the means alone do


class Axis(NamedTuple):
    """One coordinate. values: a method's, one per seed; key: of costs.json, "" for what is no cost; size: of a unit."""

    title: str
    values: list[np.ndarray]
    key: str = ""
    size: float = 1.0

    def said(self, value: float) -> str:
        return quantity(self.key, value) if self.key else number(value)


@styled
def tradeoff(groups: Sequence[Group]) -> Figure:
    """What each method learnt against what it lost of it: mean over the earlier tasks."""
    learned = [np.array([s.learned[:-1].mean() for s in g.scores]) for g in groups]
    lost = [np.array([(s.learned - s.square[-1])[:-1].mean() for s in g.scores]) for g in groups]
    figure, axes = _plane(groups, Axis("learnt in the own stage", learned), Axis("lost of it at the end", lost))
    axes.fill_between([0, 1], [0, 1], [1, 1], color="#8896a3", alpha=0.12, lw=0)
    axes.plot([0, 1], [0, 1], color=FAINT, lw=0.8, ls=(0, (4, 3)))
    along = {"rotation": 45, "transform_rotates_text": True, "rotation_mode": "anchor"}
    axes.text(0.5, 0.51, "all of it lost", ha="center", va="bottom", color=FAINT, fontsize=8, **along)
    axes.axhline(0, color=FAINT, lw=0.8)
    axes.set(xlim=(0, 1), ylim=(min(0, *(np.nanmin(v, initial=0) for v in lost)) - 0.05, 1))
    return figure


@styled
def transfer(groups: Sequence[Group]) -> Figure:
    """Forgetting against forward transfer, by the default measures."""
    across = Axis("forward transfer", [group.numbers("forward_transfer") for group in groups])
    figure, axes = _plane(groups, across, Axis("forgetting", [group.numbers("forgetting") for group in groups]))
    axes.axhline(0, color=FAINT, lw=0.8)
    axes.axvline(0, color=FAINT, lw=0.8)
    return figure


@styled
def pareto(groups: Sequence[Group], key: str, title: str) -> Figure:
    """Success at the end against one cost; a line joins the methods that no other beats in both."""
    cost, good = [group.cost(key) for group in groups], [group.numbers("average_performance") for group in groups]
    size, unit = unit_of(key, max(float(values.max()) for values in cost))
    figure, axes = _plane(groups, Axis(title, cost, key, size), Axis("success at the end", good))
    mean = np.array([(c.mean() / size, g.mean()) for c, g in zip(cost, good, strict=True)])
    axes.plot(*mean[front(mean)].T, color=FAINT, lw=0.9, ls=(0, (4, 3)), zorder=1, drawstyle="steps-post")
    if mean[:, 0].min() > 0 and mean[:, 0].max() > 20 * mean[:, 0].min():
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
    axes.set(ylim=(-0.03, 1.05), xlabel=f"{title}{unit}")
    return figure


def front(points: np.ndarray) -> list[int]:
    """Of (n, 2) costs and qualities the rows that no other beats, from the cheapest on."""
    order = sorted(range(len(points)), key=lambda i: (points[i, 0], -points[i, 1]))
    best, kept = -np.inf, []
    for i in order:
        if points[i, 1] > best:
            best = points[i, 1]
            kept.append(i)
    return kept


def _plane(groups: Sequence[Group], across: Axis, up: Axis) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.4, 3.7), layout="constrained")
    axes = figure.subplots()
    single = sum(len(group.runs) for group in groups) <= MOST
    for group, xs, ys in zip(groups, across.values, up.values, strict=True):
        wide = xs / across.size
        where = [f"{across.title} {across.said(x)}, {up.title} {up.said(y)}" for x, y in zip(xs, ys, strict=True)]
        looks = {"color": colour_of(group.place), "alpha": 0.45, "mew": 0, "clip_on": False}
        if single and len(group.runs) > 1:
            for run, x, y, said in zip(group.runs, wide, ys, where, strict=True):
                axes.plot(x, y, "o", ms=4, gid=tip(group.place, f"{group.name}, seed {run.seed}: {said}"), **looks)
        elif not single:
            axes.plot(wide, ys, "o", ms=3, gid=tip(group.place, group.name), **looks)
        x, y = xs.mean(), ys.mean()
        said = f"{group.name}, {len(xs)} seeds: {across.title} {across.said(x)}, {up.title} {up.said(y)}"
        said = said if len(xs) > 1 else f"{group.name}: {where[0]}"
        axes.plot(
            x / across.size,
            y,
            "o",
            color=colour_of(group.place),
            ms=9,
            mec="white",
            mew=1,
            clip_on=False,
            gid=tip(group.place, said),
            zorder=3,
        )
    axes.set(xlabel=across.title, ylabel=up.title)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    legend(figure, groups)
    return figure, axes


def tip(method: int, words: str) -> str:
    """An id that carries a method's number and words to inline(); hexadecimal, so that nothing in it is markup."""
    return f"tip-{method}-{words.encode('utf-8', 'replace').hex()}"


def inline(figure: Figure) -> str:
    """The figure as an <svg> element of the page: points have titles and say whose they are; no other ids, no URLs."""
    text = svg(figure).decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r' (xmlns(:\w+)?|version)="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r'<g id="(?!tip-)[^"]*"', "<g", text)
    return "".join(_titled(text))


def _titled(text: str) -> Iterator[str]:
    parts = re.split(r'<g id="tip-(\d+)-([0-9a-f]*)">', text)
    yield parts[0]
    for method, words, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        said = html.escape(bytes.fromhex(words).decode())
        yield f'<g class="tip" data-method="{method}"><title>{said}</title>{rest}'
