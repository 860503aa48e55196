"""The leaderboard: one self-contained page that ranks methods, curriculum by curriculum."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from .. import folder
from ..record import Run
from .summary import Group, Study, plain, studies
from .words import COLUMNS, cell

RANKED = "average_performance"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>ludus leaderboard</title>
<style>
{{ css | safe }}
</style>
</head>
<body>
<main>
<header><p class="eyebrow">ludus leaderboard</p><h1>Who learns, and keeps what was learnt</h1></header>
{% for board in boards %}
<section>
  <h2>{{ board.name }}{% if board.tier %} · {{ board.tier }}{% endif %}</h2>
  <p class="caption">{{ board.about }}</p>
  <div class="wide"><table class="numbers">
    <thead><tr><th>rank</th><th>method</th><th>input</th><th>seeds</th>
{% for c in columns %}<th>{{ c.heading }}</th>{% endfor %}<th>suite</th><th>plan</th></tr></thead>
    <tbody>
{% for line in board.lines %}
    <tr><td>{{ line.rank }}</td><th>{{ line.group.name }}</th><td>{{ line.input }}</td>
      <td>{{ line.group.runs | length }}</td>
{% for cell in line.cells %}
      <td><b>{{ cell.text }}</b>{% if cell.range %}<small>{{ cell.range }}</small>{% endif %}</td>
{% endfor %}
      <td>{{ line.suite }}</td><td><code>{{ line.hash }}</code></td></tr>
{% endfor %}
    </tbody>
  </table></div>
</section>
{% endfor %}
<p class="caption">Ranked by success over all tasks at the end of the life; mean over seeds and, in brackets, its 95 %
bootstrap interval. Where intervals overlap, the order says little. Joint and from-scratch training are references and
have no rank. Rows are compared only within one curriculum, size and input.</p>
</main>
</body>
</html>
"""


def write(runs: Sequence[Run], out: Path) -> Path:
    """The page about runs, at out; returns out. Raises RunError for one seed of one method twice."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    css = Path(__file__).with_name("style.css").read_text("utf-8")
    boards = [_board(study) for study in studies(runs)]
    text = environment.from_string(PAGE).render(boards=boards, columns=COLUMNS, css=css)
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder.write(out, text.encode("utf-8", "replace"))
    return out


def _board(study: Study) -> dict[str, Any]:
    about = plain(study.groups[0].settings["curriculum"].get("about"))
    return {"name": study.name, "tier": study.tier, "about": about, "lines": _lines(study)}


def _lines(study: Study) -> list[dict[str, Any]]:
    """References first, then the methods from the best on."""
    order = sorted(study.sequences, key=lambda group: -_score(group))
    held = [group for group in study.groups if group.regime != "sequence"]
    ranks = ["—"] * len(held) + [str(i) for i in range(1, len(order) + 1)]
    return [_line(group, rank) for group, rank in zip([*held, *order], ranks, strict=True)]


def _line(group: Group, rank: str) -> dict[str, Any]:
    about = {key: plain(group.settings.get(key)) for key in ("input", "suite", "hash")}
    cells = [cell(group, column.metric) for column in COLUMNS]
    return about | {"group": group, "rank": rank, "cells": cells, "hash": about["hash"][:8]}


def _score(group: Group) -> float:
    found = group.interval(RANKED).estimate
    return found if np.isfinite(found) else -1.0
