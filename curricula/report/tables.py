"""Tables for the terminal and the README."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..metrics import measure, stages
from ..record import Run
from ..references import EMPTY, Shelf, of, shelf
from .summary import Group, Study, studies
from .words import COLUMNS, Cell, cell, headline, number, short_names


def closing(run: Run, shipped: Shelf = EMPTY) -> RenderableType:
    """How one run went: every task before, at the end of its stage and at the end; then the measures."""
    held = of(run, shelf([run]), shipped)
    table = Table("task", "untrained", "learnt", "at the end", "lost", title=Text(f"{run.label}, seed {run.seed}"))
    for column in table.columns[1:]:
        column.justify = "right"
    for line in _lines(run):
        table.add_row(*line)
    measures = Table.grid(padding=(0, 2))
    for column in COLUMNS:
        value, note = measure(column.metric, run.scores, held)
        measures.add_row(Text(column.heading), Text(number(value), "bold"), Text(note, "dim"))
    return Lines(table, measures, *_fallen(run), Text("one seed: no interval", "dim"))


def _fallen(run: Run) -> list[Text]:
    """What a reader of an instructed run must not overlook: that another instructed it."""
    fell, asked = (run.costs.get(f"instructor_{name}") for name in ("fell_back", "asked"))
    if not isinstance(fell, int) or not isinstance(asked, int) or not fell:
        return []
    return [Text(f"{fell:,} of {asked:,} instructions are the script's: the language model gave none", "yellow")]


def _lines(run: Run) -> list[list[Text]]:
    """Stage by stage; for joint training, which has none, task by task."""
    names = short_names(run.scores.tasks)
    if not run.scores.trained:
        before, after = run.scores.at_end(-1), run.scores.at_end(run.scores.final)
        return [
            [Text(names[task]), Text(number(before[i])), Text("—"), Text(number(after[i])), Text("—")]
            for i, task in enumerate(run.scores.tasks)
        ]
    return [_stage(names[stage["task"]], stage) for stage in stages(run.scores)]


def _stage(name: str, stage: dict) -> list[Text]:
    untrained, learned, final = (_or_nan(stage[key]) for key in ("untrained", "learned", "final"))
    mark = {True: "", False: "  not learnt", None: "  to come"}[stage["learnt"]]
    loss = learned - final
    style = "" if stage["learnt"] else "yellow"
    return [
        Text(name) + Text(mark, "yellow"),
        Text(number(untrained)),
        Text(number(learned), style),
        Text(number(final)),
        Text(number(loss), "red" if loss >= 0.1 else ""),
    ]


def comparison(runs: Sequence[Run], shipped: Shelf = EMPTY) -> RenderableType:
    """Methods side by side, learning beside forgetting; a table per curriculum."""
    return Lines(*(part for study in studies(runs, shipped) for part in _study(study)))


def _study(study: Study) -> list[RenderableType]:
    table = Table(title=Text(f"{study.name} ({study.tier})" if study.tier else study.name))
    table.add_column("method")
    table.add_column("seeds", justify="right")
    for column in COLUMNS:
        table.add_column(Text(column.heading), justify="right")
    for group in study.groups:
        cells = [cell(group, column.metric) for column in COLUMNS]
        table.add_row(Text(group.name), str(len(group.runs)), *(_rich(found) for found in cells))
    return [table, *(Text(f"{name} {story}") for name, story in headline(study)), *_footnotes(study)]


def _rich(found: Cell) -> Text:
    text = Text(found.text, "bold")
    if found.range:
        text.append(f"\n{found.range}", "not bold dim")
    if found.remark and found.text != "—":
        text.append(f"\n{found.remark}", "not bold yellow")
    return text


def _footnotes(study: Study) -> list[Text]:
    held = {group.references.label for group in study.groups}
    single = any(len(group.runs) == 1 for group in study.groups)
    notes = ["mean over seeds [95 % bootstrap interval]", f"references: {', '.join(sorted(held))}"]
    return [Text("; ".join(notes + ["one seed: no interval"] * single), "dim")]


def markdown(runs: Sequence[Run], shipped: Shelf = EMPTY) -> str:
    """The same table for a README."""
    return "\n".join(_markdown(study) for study in studies(runs, shipped))


def _markdown(study: Study) -> str:
    head = ["method", "seeds", *(column.heading for column in COLUMNS)]
    lines = [head, ["---"] + ["--:"] * (len(head) - 1)]
    lines += [_markdown_row(group) for group in study.groups]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _markdown_row(group: Group) -> list[str]:
    cells = [cell(group, column.metric) for column in COLUMNS]
    texts = [f"{found.text} {found.range}".strip() for found in cells]
    texts = [f"{t} ({c.remark})" if c.remark and c.text != "—" else t for t, c in zip(texts, cells, strict=True)]
    return [_escaped(text) for text in (group.name, str(len(group.runs)), *texts)]


def _escaped(text: str) -> str:
    """Text that Markdown and the HTML in it leave as it is."""
    for old, new in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\\", "\\\\"), ("|", "\\|")):
        text = text.replace(old, new)
    for mark in "`*_[":
        text = text.replace(mark, "\\" + mark) if mark != "[" else text.replace("](", "]\\(")
    return text


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
