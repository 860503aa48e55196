"""The report: one self-contained HTML file, from a template that escapes whatever it is given."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from matplotlib.figure import Figure

from .. import folder, metrics
from ..record import Run, RunError, regular
from ..statistics import Interval
from . import plots
from .summary import Given, Group, Study, plain, studies
from .words import COLUMNS, cell, headline, number, reading, span_of

EMBED = 4 * 2**20  # bytes; a larger video is linked
COSTS = {
    "steps": "environment steps",
    "evaluation_steps": "steps in evaluations",
    "seconds": "time in all",
    "seconds_learning": "time learning",
    "seconds_evaluating": "time evaluating",
    "seconds_saving": "time saving",
    "parameters": "parameters",
    "memory_kept_bytes": "memory kept from the past",
    "peak_memory_bytes": "peak memory",
    "checkpoint_bytes": "checkpoint",
    "instructor_calls": "instructor calls",
    "instructor_tokens": "instructor tokens",
    "resumes": "times resumed",
}
UNSAID = ("about", "stages")  # of a curriculum: for another place, or line by line
SETTINGS = ("algorithm", "methods", "regime", "input", "instructor", "tier", "device", "settings", "suite", "hash")


def write(runs: Sequence[Run], out: Path, references: Given = None, videos: Sequence[Path] = ()) -> Path:
    """See report.write."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    sections = [_section(study) for study in studies(runs, references)]
    films = [film(Path(video), out.parent) for video in videos]
    text = template("template.html").render(sections=sections, videos=films, css=resource("style.css"), columns=COLUMNS)
    folder.write(out, text.encode("utf-8", "replace"))
    return out


def template(name: str) -> jinja2.Template:
    """A page beside this file; it escapes whatever it is given."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(resource(name))


def resource(name: str) -> str:
    """The text of a file beside this one."""
    return Path(__file__).with_name(name).read_text("utf-8")


def _section(study: Study) -> dict[str, Any]:
    """Everything the template says about one study."""
    compared = [group for group in study.sequences if len(group.scores[0].trained) > 1]
    return {
        "study": study,
        "headline": headline(study),
        "rows": [(group, [cell(group, column.metric) for column in COLUMNS]) for group in study.groups],
        "single": any(len(group.runs) == 1 for group in study.groups),
        "timelines": [_plate(group, plots.timeline(group)) for group in study.groups],
        "matrices": [_plate(group, plots.matrix(group)) for group in study.groups if group.regime != "scratch"],
        "tradeoff": image(plots.tradeoff(compared)) if compared else None,
        "profiles": image(plots.profiles(study.groups)) if any(len(g.runs) > 1 for g in study.groups) else None,
        "costs": costs(study),
        "measures": list(_measures(study)),
        "common": list(_settings(study, shared=True)),
        "different": list(_settings(study, shared=False)),
        "reading": reading(study),
    }


def _plate(group: Group, figure: Figure) -> dict[str, Any]:
    return {"group": group, "image": image(figure)}


def image(figure: Figure) -> str:
    """A data URL: text in a picture cannot become markup."""
    return "data:image/svg+xml;base64," + base64.b64encode(plots.svg(figure)).decode()


def costs(study: Study) -> list[tuple[str, list[str]]]:
    """(what, a cell per group): means over seeds, as people read them."""
    found = {key for group in study.groups for run in group.runs for key in run.costs}
    keys = [key for key in COSTS if key in found] + sorted(found - set(COSTS))
    return [(COSTS.get(key, plain(key)), [_cost(group, key) for group in study.groups]) for key in keys]


def _cost(group: Group, key: str) -> str:
    values = [run.costs.get(key) for run in group.runs]
    numbers = [value for value in values if isinstance(value, int | float)]
    if not numbers or len(numbers) < len(values):
        return "—"
    mean = sum(numbers) / len(numbers)
    if key.endswith("_bytes"):
        return _bytes(mean)
    return _time(mean) if key.startswith("seconds") else f"{mean:,.0f}".replace(",", "\u202f")


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.3g} {unit}"
        value /= 1024
    return f"{value:.3g} GiB"


def _measures(study: Study) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """(name, what it is, (number, interval) per group) for every measure that some group has."""
    for name, metric in metrics.METRICS.items():
        cells = [_spread(group.interval(name)) for group in study.groups]
        if any(text != "—" for text, _ in cells):
            better = f"; {metric.better} is better" if metric.better else ""
            yield name, metric.formula + better, cells
    what = "interquartile mean over seeds and tasks of p_i(T), drawn within tasks (stratified); higher is better"
    yield "final.iqm", what, [_spread(group.final_iqm()) for group in study.groups]


def _spread(found: Interval) -> tuple[str, str]:
    return number(found.estimate), span_of(found)


def _settings(study: Study, shared: bool) -> Iterator[tuple[str, list[str]]]:
    """(name, values) of run.json: one value where all groups agree, else one per group."""
    tables = [_flat(group.settings) for group in study.groups]
    for key in dict.fromkeys(key for table in tables for key in table):
        values = [table.get(key, "—") for table in tables]
        if (len(set(values)) == 1) == shared:
            yield key, values[:1] if shared else values


def _flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that shape a run and its versions, in lines."""
    flat = {key: _said(settings[key]) for key in SETTINGS if settings.get(key) not in (None, "", [], {})}
    flat["hash"] = flat.get("hash", "")[:16]
    flat["methods"] = _methods(settings.get("methods")) or "none"
    curriculum = settings["curriculum"]
    flat |= {f"curriculum: {key}": _said(value) for key, value in curriculum.items() if key not in UNSAID and value}
    stages, versions = curriculum.get("stages"), settings.get("versions")
    flat |= {f"stage {i}": _said(stage) for i, stage in enumerate(stages if isinstance(stages, list) else ())}
    return flat | {f"version of {k}": _said(v) for k, v in (versions.items() if isinstance(versions, dict) else ())}


def _methods(methods: Any) -> str:
    """'replay (size: 512), ewc'"""
    each = methods if isinstance(methods, list) else ()
    pairs = [(one.get("name"), one.get("settings")) for one in each if isinstance(one, dict)]
    return ", ".join(_said(name) + (f" {_said(_inner(settings))}" if settings else "") for name, settings in pairs)


def _said(value: Any) -> str:
    """A setting as people write it: JSON without its quotes and brackets."""
    text = value if isinstance(value, str) else _words(value)
    return "".join(c if c.isprintable() else "�" for c in text)[:4000]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_inner(v)}" for k, v in value.items() if v not in (None, {}, [])) or "none"
    if isinstance(value, list):
        return ", ".join(map(_inner, value)) or "none"
    return json.dumps(value).strip('"') if not isinstance(value, str) else value


def _inner(value: Any) -> str:
    return f"({_words(value)})" if isinstance(value, dict | list) else _words(value)


def film(path: Path, beside: Path) -> dict[str, str]:
    """A video for the template: embedded where it is small, else a link relative to the report's folder."""
    if path.suffix.lower() != ".mp4":
        raise RunError(f"{path}: a video in a report is an .mp4 file")
    regular(path)
    found = {"name": plain(path.stem.replace("_", " "))}
    if path.stat().st_size <= EMBED:
        return found | {"link": "", "data": "data:video/mp4;base64," + base64.b64encode(path.read_bytes()).decode()}
    return found | {"data": "", "link": quote(os.path.relpath(path, beside))}
