"""The leaderboard: one self-contained page that ranks methods, curriculum by curriculum."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import folder
from ..record import Run
from .page import resource, template
from .summary import Group, Study, plain, studies
from .words import COLUMNS, cell, quantity

RANKED = "average_performance"


def write(runs: Sequence[Run], out: Path) -> Path:
    """The page about runs, at out; returns out. Raises RunError for one seed of one method twice."""
    boards = [_board(told) for study in studies(runs) for told in _by_input(study)]
    text = template("board.html").render(boards=boards, columns=COLUMNS, css=resource("style.css"))
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder.write(out, text.encode("utf-8", "replace"))
    return out


def _by_input(study: Study) -> list[Study]:
    """A study for every input: who is told more is not compared with who is told less."""
    inputs: dict[str, list[Group]] = {}
    for group in study.groups:
        inputs.setdefault(plain(group.settings.get("input")), []).append(group)
    return [dataclasses.replace(study, groups=tuple(groups)) for groups in inputs.values()]


def _board(study: Study) -> dict[str, Any]:
    settings = study.groups[0].settings
    made = settings["curriculum"]
    about = {"name": study.name, "tier": study.tier, "about": plain(made.get("about"))}
    about |= {"input": plain(settings.get("input"))}
    return about | {"steps": _steps(made.get("stages")), "lines": _lines(study)}


def _steps(stages: Any) -> str:
    """Of the whole life: boards of one curriculum differ in it where algorithms take shares of the budget."""
    each = [stage.get("steps") for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    known = [steps for steps in each if isinstance(steps, int)]
    return quantity("steps", sum(known)) if known and len(known) == len(each) else ""


def _lines(study: Study) -> list[dict[str, Any]]:
    """References first, then the methods from the best on."""
    order = sorted(study.sequences, key=lambda group: -_score(group))
    held = [group for group in study.groups if group.regime != "sequence"]
    ranks = ["—"] * len(held) + [str(i) for i in range(1, len(order) + 1)]
    return [_line(group, rank) for group, rank in zip([*held, *order], ranks, strict=True)]


def _line(group: Group, rank: str) -> dict[str, Any]:
    about = {key: plain(group.settings.get(key)) for key in ("by", "suite", "hash")}
    cells = [cell(group, column.metric) for column in COLUMNS]
    return about | {"group": group, "rank": rank, "cells": cells, "hash": about["hash"][:8]}


def _score(group: Group) -> float:
    found = group.interval(RANKED).estimate
    return found if np.isfinite(found) else -1.0
