"""The report: one self-contained HTML file, from a template that escapes whatever it is given."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import numpy as np
from matplotlib.figure import Figure

from .. import folder, metrics
from ..record import Run, RunError, regular
from ..references import EMPTY, Shelf
from ..statistics import Interval
from . import beside, choices, extra, family, plots, scatter
from .summary import Group, Study, plain, studies
from .words import COLUMNS, cell, headline, number, quantity, reading, span_of

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
    "instructor_seconds": "time of the language model",
    "resumes": "restarts of the run",
    "player_restarts": "restarts of game players",
}
PARETO = {  # costs that quality is drawn against
    "seconds": "time in all",
    "peak_memory_bytes": "peak memory",
    "memory_kept_bytes": "memory kept from the past",
    "instructor_tokens": "instructor tokens",
}
UNSAID = ("about", "stages")  # of a curriculum: for another place, or line by line
SETTINGS = (
    "algorithm", "methods", "regime", "input", "instructor", "tier", "device", "processor", "settings", "suite", "hash",
)  # fmt: skip


def write(
    runs: Sequence[Run],
    out: Path,
    shipped: Shelf = EMPTY,
    videos: Sequence[Path] = (),
    families: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """See report.write."""
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    sections = [_section(study) for study in studies(runs, shipped)]
    films = [film(Path(video), out.parent) for video in videos]
    parts = {"css": resource("style.css"), "script": resource("page.js"), "allowed": allowed(resource("page.js"))}
    parts |= {"families": list(family.trees(families))}
    text = template("template.html").render(sections=sections, videos=films, columns=COLUMNS, **parts)
    folder.write(out, text.encode("utf-8", "replace"))
    return out


def template(name: str) -> jinja2.Template:
    """A page beside this file; it escapes whatever it is given."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(resource(name))


def allowed(script: str) -> str:
    """What a Content-Security-Policy says of the one script that may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def resource(name: str) -> str:
    """The text of a file beside this one."""
    return Path(__file__).with_name(name).read_text("utf-8")


def _section(study: Study) -> dict[str, Any]:
    """Everything the template says about one study."""
    compared = [group for group in study.sequences if len(group.scores[0].trained) > 1]
    return {
        "study": study,
        "facts": facts(study),
        "headline": headline(study),
        "rows": [(group, [cell(group, column.metric) for column in COLUMNS]) for group in study.groups],
        "single": any(len(group.runs) == 1 for group in study.groups),
        "timelines": [_plate(group, plots.timeline(group)) for group in study.groups],
        "matrices": [_plate(g, plots.matrix(g)) for g in study.groups if g.regime != "scratch"],
        "changes": [_plate(group, plots.changes(group)) for group in compared],
        "comparisons": list(_comparisons(study, compared)),
        "ablations": list(_ablations(study)),
        "besides": [_pictured(section) for section in extra.sections(study)],
        "memories": [(place, kept) for place in beside.places(study) if (kept := beside.memories(place))],
        "said": [(group, rows) for group in study.groups if (rows := choices.said(group.runs))],
        "costs": costs(study),
        "measures": list(_measures(study)),
        "common": list(_settings(study, shared=True)),
        "different": list(_settings(study, shared=False)),
        "reading": reading(study),
    }


def _plate(group: Group, figure: Figure) -> dict[str, Any]:
    return {"group": group, "method": group.place, "image": image(figure)}


def _pictured(section: extra.Section) -> dict[str, Any]:
    plates = [plate._asdict() | {"image": image(plate.figure)} for plate in section.plates]
    return {"title": section.title, "read": section.read, "plates": plates}


def facts(study: Study) -> str:
    """The size of what is reported, and how often it had to be started again."""
    groups, runs = study.groups, [run for group in study.groups for run in group.runs]
    paid = {key: np.nansum([np.nansum(group.cost(key)) for group in groups]) for key in COSTS}
    parts = [(len(runs), "runs"), (len(groups), "methods"), (len(groups[0].tasks), "tasks")]
    said = [f"{count} {what if count != 1 else what.removesuffix('s')}" for count, what in parts]
    said += [f"{quantity('steps', paid['steps'])} steps"] * bool(paid["steps"])
    said += [f"{quantity('seconds', paid['seconds'])} of work"] * bool(paid["seconds"])
    again = int(paid["resumes"] + paid["player_restarts"])
    return " · ".join([*said, f"{again} restart{'s' * (again != 1)}"])


def _comparisons(study: Study, compared: Sequence[Group]) -> Iterator[dict[str, str]]:
    """Plots of methods against each other, each with how to read it, where the records carry what they show."""
    known = [group for group in compared if np.isfinite(group.interval("bars.learning").estimate)]
    if known:
        yield {
            "title": "Learning against forgetting",
            "read": "Right is learnt, low is kept; on the dashed line all of it was lost.",
            "svg": scatter.inline(scatter.tradeoff(known)),
        }
    if moved := [group for group in compared if np.isfinite(group.interval("forward_transfer").estimate)]:
        yield {
            "title": "Forgetting against transfer",
            "read": "Right of zero, earlier tasks helped later ones to be learnt faster than alone; low is kept.",
            "svg": scatter.inline(scatter.transfer(moved)),
        }
    ended = [group for group in study.groups if np.isfinite(group.final).all()]
    if any(len(group.runs) > 1 for group in ended):
        yield {
            "title": "Performance profiles",
            "read": "Share of seeds and tasks that end at least this well, with 95 % bands; a line above another is "
            "better, and where bands overlap little is said.",
            "image": image(plots.profiles(ended)),
        }
    yield from _priced(study.sequences)


def _priced(groups: Sequence[Group]) -> Iterator[dict[str, str]]:
    """Quality against each cost in which methods that ended differ."""
    ended = [group for group in groups if np.isfinite(group.interval("average_performance").estimate)]
    for key, title in PARETO.items():
        priced = [group for group in ended if np.isfinite(group.cost(key)).all()]
        means = [group.cost(key).mean() for group in priced]
        if len(priced) > 1 and max(means) > 1.05 * min(means):
            yield {
                "title": f"Quality against {title}",
                "read": "Left is cheap, high is good; who lies below and right of the dashed line is beaten in both.",
                "svg": scatter.inline(scatter.pareto(priced, key, title)),
            }


def _ablations(study: Study) -> Iterator[dict[str, str]]:
    """One method under several inputs or instructors, side by side."""
    told: dict[str, list[Group]] = {}
    for group in study.sequences:
        if np.isfinite(group.interval("average_performance").estimate):
            told.setdefault(group.runs[0].label, []).append(group)
    for label, groups in told.items():
        names = [" · ".join(plain(g.settings.get(key)) for key in ("input", "instructor")) for g in groups]
        if len(set(names)) > 1:
            yield {"title": label, "image": image(plots.contrast(groups, names))}


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
    return quantity(key, sum(numbers) / len(numbers))


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
