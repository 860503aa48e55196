"""Pictures of runs: pure functions from groups of seeds to matplotlib figures."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .. import statistics
from .beside import Level, Matrix
from .summary import Group
from .words import short_names

COLOURS = ("#2f6690", "#c8553d", "#588157", "#8367a8", "#bc8a2c", "#3a9188", "#b0578d", "#6b705c")
INK, FAINT, GRID, OWN = "#23303b", "#74808a", "#dde3e8", "#e3a72f"
HEAT = LinearSegmentedColormap.from_list("ludus", ["#f7f9fb", "#bcd3e3", "#6b9dbf", "#2f6690", "#173a57"])
CHANGE = LinearSegmentedColormap.from_list("change", ["#8c2f1b", "#d98b73", "#f7f9fb", "#6b9dbf", "#173a57"])
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "ludus",
    "text.parse_math": False,  # a name with dollars is a name
    "text.usetex": False,
}
Drawing = Callable[..., Figure]


@contextlib.contextmanager
def _style() -> Iterator[None]:
    """Our style, whatever the user's matplotlibrc says; afterwards theirs again."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def styled(draw: Drawing) -> Drawing:
    @functools.wraps(draw)
    def drawn(*args: Any, **named: Any) -> Figure:
        with _style():
            return draw(*args, **named)

    return drawn


def svg(figure: Figure) -> bytes:
    """The figure as SVG: the same bytes for the same figure."""
    out = io.BytesIO()
    with _style(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


@styled
def timeline(group: Group) -> Figure:
    """Success of every task over the life, a row each; the stages shaded, a task's own stage in its colour."""
    tasks, names = group.tasks, short_names(group.tasks)
    figure = Figure(figsize=(5.4, 0.5 + 0.82 * max(len(tasks), 1)), layout="constrained")
    rows = figure.subplots(max(len(tasks), 1), 1, sharex=True, squeeze=False)[:, 0]
    end = max([1, *(int(scores.step.max()) for scores in group.scores if len(scores.step))])
    for column, (task, axes) in enumerate(zip(tasks, rows, strict=True)):
        _shade(axes, group, column, end)
        _curves(axes, group, column)
        axes.set(xlim=(0, end), ylim=(-0.04, 1.08), yticks=(0, 1))
        axes.set_ylabel(
            _clip(names[task], 16), rotation=0, ha="right", va="center", color=colour_of(column), labelpad=4
        )
    rows[-1].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    rows[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: _steps(value)))
    rows[-1].set_xlabel("environment steps")
    return figure


def _shade(axes: Axes, group: Group, column: int, end: int) -> None:
    for stage, (start, stop) in enumerate(_spans(group, end)):
        own = group.scores[0].trained[stage] == column if group.scores[0].trained else True
        colour, alpha = (colour_of(column), 0.16) if own else ("#8896a3", 0.10 if stage % 2 else 0.04)
        axes.axvspan(start, stop, color=colour, alpha=alpha, lw=0)


def _spans(group: Group, end: int) -> list[tuple[int, int]]:
    """Steps from and to which every stage went, in the seed that got furthest."""
    scores = max((s for s in group.scores), key=lambda s: s.step.max() if len(s.step) else 0)
    stops = [int(scores.step[scores.stage == stage].max()) for stage in sorted(set(scores.stage[scores.stage >= 0]))]
    return list(zip([0, *stops[:-1]], stops, strict=False)) or [(0, end)]


def _curves(axes: Axes, group: Group, column: int) -> None:
    """One line per seed, thin; their mean, strong, where all were tried at the same steps."""
    colour = colour_of(column)
    lines = [(scores.step, scores.score[:, column]) for scores in group.scores]  # NaN leaves a gap in a line
    single = len(lines) == 1
    for steps, values in lines:
        mark = "o" if np.isfinite(values).sum() < 3 else ""
        axes.plot(steps, values, color=colour, lw=1.6 if single else 0.6, alpha=1 if single else 0.4, marker=mark, ms=3)
    if not single and all(np.array_equal(steps, lines[0][0]) for steps, _ in lines):
        axes.plot(lines[0][0], np.mean([values for _, values in lines], axis=0), color=colour, lw=1.8)


@styled
def matrix(group: Group) -> Figure:
    """R[j, i] as a heat map: a row after every stage, a column for every task; a stage's own task is outlined."""
    return _heat(group, group.matrix, ["untrained", *_after(group)], HEAT, (0, 1))


@styled
def changes(group: Group) -> Figure:
    """R[j, i] − R[j−1, i]: what every stage changed in the success of every task."""
    return _heat(group, np.diff(group.matrix, axis=0), _after(group), CHANGE, (-1, 1), sign="+")


def _after(group: Group) -> list[str]:
    names, trained = short_names(group.tasks), group.scores[0].trained
    return [f"after {_clip(names[group.tasks[column]], 14)}" for column in trained] or ["after all at once"]


def _heat(group: Group, values: np.ndarray, rows: list[str], colours: Any, span: tuple[int, int], sign="") -> Figure:
    names = [_clip(short_names(group.tasks)[task], 12) for task in group.tasks]
    figure, axes = _grid(values, rows, names, colours, span, sign)
    for stage, column in enumerate(group.scores[0].trained):
        _outline(axes, stage + len(values) - len(group.scores[0].trained), column)
    return figure


def _grid(
    values: np.ndarray, rows: Sequence[str], names: Sequence[str], colours: Any, span: tuple[int, int], sign=""
) -> tuple[Figure, Axes]:
    """A heat map with its numbers; names: of the columns, above it."""
    figure = Figure(figsize=(1.6 + 0.78 * len(names), 0.75 + 0.46 * len(values)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap=colours, vmin=span[0], vmax=span[1], aspect="auto")
    axes.set_xticks(range(len(names)), names, color=INK)
    axes.set_yticks(range(len(values)), rows, color=INK)
    axes.xaxis.tick_top()
    if max(map(len, names), default=0) > 9:
        axes.tick_params(axis="x", rotation=30)
    axes.spines[:].set_visible(False)
    for (row, column), value in np.ndenumerate(values):
        _number(axes, row, column, value, sign)
    return figure, axes


def _outline(axes: Axes, row: int, column: int) -> None:
    axes.add_patch(Rectangle((column - 0.47, row - 0.45), 0.94, 0.9, fill=False, ec=OWN, lw=2))


def _number(axes: Axes, row: int, column: int, value: float, sign: str) -> None:
    if np.isfinite(value):
        colour = "white" if abs(value) > 0.55 else INK
        text = format(value + 0.0, f"{sign}.2f").replace("+0.00", "0.00").replace("-0.00", "0.00").replace("-", "−")
        axes.text(column, row, text, ha="center", va="center", color=colour)
    else:
        axes.text(column, row, "–", ha="center", va="center", color=FAINT)


@styled
def contrast(groups: Sequence[Group], names: Sequence[str]) -> Figure:
    """Success at the end with its interval, a row for each group: the same method, told otherwise."""
    figure = Figure(figsize=(5.4, 0.8 + 0.38 * len(groups)), layout="constrained")
    axes = figure.subplots()
    for row, group in enumerate(groups):
        found = group.interval("average_performance")
        seeds = group.numbers("average_performance")
        axes.plot(seeds, [row] * len(group.runs), "o", color=colour_of(0), ms=4, alpha=0.4)
        _level(axes, row, found.estimate, found.low, found.high)
    _ladder(axes, names, "success at the end")
    return figure


@styled
def levels(found: Sequence[Level]) -> Figure:
    """Success under each condition with its interval, a row each."""
    figure = Figure(figsize=(5.4, 0.8 + 0.38 * len(found)), layout="constrained")
    axes = figure.subplots()
    for row, level in enumerate(found):
        _level(axes, row, level.success, level.low, level.high)
    _ladder(axes, [level.what for level in found], "success")
    return figure


def _level(axes: Axes, row: int, value: float, low: float | None, high: float | None) -> None:
    if low is not None and high is not None:
        axes.plot([low, high], [row, row], color=colour_of(0), lw=5, alpha=0.25, solid_capstyle="butt")
    axes.plot(value, row, "o", color=colour_of(0), ms=8, mec="white", mew=1, clip_on=False)


def _ladder(axes: Axes, names: Sequence[str], title: str) -> None:
    axes.set_yticks(range(len(names)), [_clip(name, 30) for name in names], color=INK)
    axes.set(xlim=(0, 1.02), ylim=(len(names) - 0.5, -0.5), xlabel=title)
    axes.grid(axis="x", color=GRID, lw=0.6)


@styled
def partners(found: Matrix) -> Figure:
    """Success of every player (a row) with every partner (a column); who plays with himself is outlined."""
    names = [_clip(name, 18) for name in found.players]
    figure, axes = _grid(found.success, names, names, HEAT, (0, 1))
    axes.set(ylabel="player", xlabel="partner")
    axes.xaxis.set_label_position("top")
    for i in range(len(names)):
        _outline(axes, i, i)
    return figure


@styled
def square(found: Sequence[Level], ages: Sequence[str]) -> Figure:
    """Success of old and new model (rows) with old and new policy (columns); found: row by row."""
    values = np.array([level.success for level in found]).reshape(len(ages), len(ages))
    rows, columns = ([f"{age} {what}" for age in ages] for what in ("model", "policy"))
    figure, axes = _grid(values, rows, columns, HEAT, (0, 1))
    figure.set_size_inches(3.6, 1.9)
    for place, level in enumerate(found):
        if level.low is not None and level.high is not None:
            shade = "white" if level.success > 0.55 else FAINT
            said = f"{level.low:.2f} to {level.high:.2f}"
            axes.text(place % 2, place // 2 + 0.28, said, ha="center", va="center", color=shade, fontsize=7)
    return figure


@styled
def profiles(groups: Sequence[Group]) -> Figure:
    """Share of all seeds and tasks that end with at least a given success, with pointwise 95 % bands."""
    figure = Figure(figsize=(5.4, 3.7), layout="constrained")
    axes = figure.subplots()
    thresholds = np.linspace(0, 1, 101)
    for group in groups:
        if len(group.runs) > 1 and np.isfinite(group.final).all():
            band = statistics.profile_band(group.final, thresholds)
            axes.fill_between(thresholds, *band, step="pre", color=colour_of(group.place), alpha=0.15, lw=0)
        shares = statistics.profile(group.final, thresholds)
        axes.step(thresholds, shares, color=colour_of(group.place), lw=1.8, where="pre")
    axes.set(xlim=(0, 1), ylim=(0, 1.03), xlabel="success at the end", ylabel="share of seeds and tasks that reach it")
    axes.grid(color=GRID, lw=0.6)
    legend(figure, groups)
    return figure


def legend(figure: Figure, groups: Sequence[Group]) -> None:
    """Who has which colour, under the picture."""
    handles = [
        Line2D([], [], color=colour_of(group.place), marker="o", ls="", label=" " + _clip(group.name, 28))
        for group in groups
    ]
    columns = 3 if max((len(str(h.get_label())) for h in handles), default=0) <= 18 else 2  # what is wider is cut off
    looks = {"frameon": False, "handletextpad": 0.1, "columnspacing": 1}
    figure.legend(handles=handles, loc="outside lower left", ncols=columns, **looks)


def colour_of(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _steps(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"
