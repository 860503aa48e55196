"""Sections of pictures of what stands in folders beside the records; those that have nothing are left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from matplotlib.figure import Figure

from . import beside, plots
from .summary import Study


class Plate(NamedTuple):
    """A picture; method: the number of the one that it is about, None where it is about all."""

    name: str
    method: int | None
    figure: Figure


class Section(NamedTuple):
    """read: how to read it."""

    title: str
    read: str
    plates: list[Plate]


def sections(study: Study) -> Iterator[Section]:
    """One for each of SECTIONS for which some folder of the study has a file. Raises RunError for a wrong file."""
    places = beside.places(study)
    for title, (read, drawn) in SECTIONS.items():
        plates = [Plate(f"{p.name} · {task}", p.method, figure) for p in places for task, figure in drawn(p)]
        if plates:
            yield Section(title, read, plates)


def _crossplay(place: beside.Place) -> Iterator[tuple[str, Figure]]:
    return ((found.task, plots.partners(found)) for found in beside.crossplay(place))


def _told(place: beside.Place) -> Iterator[tuple[str, Figure]]:
    return ((task, plots.levels(found)) for task, found in beside.ablations(place).items())


def _whose(place: beside.Place) -> Iterator[tuple[str, Figure]]:
    return ((task, plots.square(found, beside.AGES)) for task, found in beside.attribution(place).items())


SECTIONS: dict[str, tuple[str, Callable[[beside.Place], Iterator[tuple[str, Figure]]]]] = {
    "Who plays with whom": (
        "Success of a policy (row) with another as its partner (column); outlined, with itself. What is dark on the "
        "diagonal alone was learnt with one partner and holds with no other.",
        _crossplay,
    ),
    "The same policy, told something else": (
        "Success when the policy is told the truth, nothing, something else, or the same in other words; the bar is "
        "the 95 % interval. Where true and wrong do not differ, nobody listens.",
        _told,
    ),
    "Whose forgetting it is": (
        "One task with the model and the policy of before and of now. What the right column alone lost, the policy "
        "forgot; what the lower row alone lost, the model.",
        _whose,
    ),
}
