"""The family tree of an evolution: whose child each individual is, and how well it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .plots import FAINT, GRID, OWN, colour_of, styled
from .scatter import inline, tip
from .summary import plain
from .words import number

MOST = 1000  # individuals that are drawn
Individual = Mapping[str, Any]


def trees(families: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the template says of each population.json: a tree, and its individuals from the best on."""
    for family in families:
        people = [i for i in _people(family) if i["score"] is not None]
        if people:
            best = max(people, key=lambda i: (i["score"], -i["id"]))
            names = list(best["settings"])
            ranked = sorted(people, key=lambda i: (-i["score"], i["id"]))
            yield {
                "svg": inline(tree(people)),
                "score": plain(family.get("score")),
                "dead": len(_people(family)) - len(people),
                "names": [plain(n) for n in names],
                "rows": [(i, number(i["score"]), [_short(i["settings"].get(n)) for n in names]) for i in ranked[:20]],
                "count": len(people),
            }


def _people(family: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The individuals as far as they can be believed."""
    found = family.get("individuals")
    keys = {"id": int, "generation": int, "parents": list, "settings": dict}
    right = lambda i: isinstance(i, dict) and all(isinstance(i.get(k), t) for k, t in keys.items())  # noqa: E731
    people = [i for i in found if right(i)] if isinstance(found, list) else []
    scored = [i | {"score": i.get("score") if isinstance(i.get("score"), int | float) else None} for i in people]
    return scored[:MOST]


@styled
def tree(people: Sequence[Individual]) -> Figure:
    """Individuals by generation and score, a line to each parent; the ancestors of the best are drawn strong."""
    best = max(people, key=lambda i: (i["score"], -i["id"]))
    by_id = {i["id"]: i for i in people}
    strong, place = ancestors(best["id"], by_id), _places(people)
    figure = Figure(figsize=(7.2, 4.0), layout="constrained")
    axes = figure.subplots()
    for one in people:
        for parent in (p for p in one["parents"] if p in by_id):
            xs, ys = zip(place[parent], place[one["id"]], strict=True)
            own = one["id"] in strong
            axes.plot(xs, ys, color=OWN if own else FAINT, lw=1.6 if own else 0.5, alpha=0.9 if own else 0.35, zorder=1)
    for one in people:
        said = f"{one['id']:03d}: {number(one['score'])}"
        said += f", child of {' and '.join(f'{p:03d}' for p in one['parents'])}" if one["parents"] else ", drawn"
        size, colour = (9, OWN) if one is best else (6, colour_of(0))
        axes.plot(*place[one["id"]], "o", ms=size, color=colour, mec="white", mew=1, zorder=3, gid=tip(0, said))
    axes.set_xticks(sorted({i["generation"] for i in people}))
    axes.set(xlabel="generation", ylabel="score")
    axes.grid(axis="y", color=GRID, lw=0.6)
    return figure


def ancestors(id: int, by_id: Mapping[int, Individual]) -> set[int]:
    """The ids that an individual descends from, its own among them."""
    found, todo = set(), [id]
    while todo:
        one = todo.pop()
        if one in by_id and one not in found:
            found.add(one)
            todo += [p for p in by_id[one]["parents"] if isinstance(p, int)]
    return found


def _places(people: Sequence[Individual]) -> dict[int, tuple[float, float]]:
    """Where each is drawn: those of a generation side by side."""
    place = {}
    for generation in sorted({i["generation"] for i in people}):
        ids = [i for i in people if i["generation"] == generation]
        for one, shift in zip(ids, np.linspace(-0.3, 0.3, len(ids)) if len(ids) > 1 else [0.0], strict=True):
            place[one["id"]] = (generation + float(shift), float(one["score"]))
    return place


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else plain(value)
