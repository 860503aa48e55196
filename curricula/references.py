"""Runs as rows of a file: results that are committed, and the shipped joint and from-scratch references, by hash."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from . import folder
from .curriculum import Curriculum
from .metrics import METRICS, References, measure
from .plan import Plan
from .record import Run, RunError, _loads, regular
from .scores import Scores, width_of

KEPT = ("stage", "step", "stage_step", "last")  # of an evaluation, beside every task's score and episodes
LIMIT = 64 << 20  # bytes of a file of rows
NAMED = {"allow_code": True}  # a task of somebody's own may stand in a record: it is named there, never loaded
SETTINGS = (
    "suite", "algorithm", "settings", "methods", "regime", "input", "instructor", "tier", "device", "curriculum",
)  # fmt: skip
BESIDE = ("memory", "learns", "language_model", "own")  # in run.json only where it is not as usual
SHAPING = ("algorithm", "settings", "input", "instructor", "tier", "curriculum", *BESIDE)  # what references share
REFERENCES = ("joint", "scratch")
Shelf = Mapping[str, Sequence[Run]]  # joint and from-scratch runs, by what they are found under (marks)
EMPTY: Shelf = {}


def row_of(run: Run) -> dict[str, Any]:
    """A finished run in one line: everything a table needs can be computed from it again."""
    values = {name: measure(name, run.scores).value for name in METRICS}
    return {
        "label": run.label,
        "seed": run.seed,
        "hash": run.settings["hash"],
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "metrics": {name: round(value, 6) for name, value in values.items() if value == value},
        "costs": run.costs,
        "evaluations": _columns(run.rows),
        "settings": {key: run.settings.get(key) for key in SETTINGS}
        | {key: run.settings[key] for key in BESIDE if run.settings.get(key)},
    }


def run_of(row: Mapping[str, Any], source: str = "results") -> Run:
    """The run that a row tells of; its returns and lengths are gone. Raises RunError for a row that is none."""
    try:
        settings = {**row["settings"], "label": row["label"], "seed": int(row["seed"]), "hash": row["hash"]}
        curriculum = Curriculum.model_validate_json(json.dumps(settings["curriculum"]), context=NAMED)
        stages = () if settings["regime"] == "joint" else tuple(s.task for s in curriculum.stages)
        scores = Scores.from_rows(list(_rows(row["evaluations"])), stages, width=width_of(settings))
        made_by = {"by": str(row["by"])} if row.get("by") else {}
        return Run(Path(source), settings | made_by, [], scores, dict(row.get("costs", {})))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise RunError(
            f"{source}: not a row of results ({' '.join(f'{type(error).__name__} {error}'.split())[:120]})"
        ) from None


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, [] where there is none. Raises RunError (file, line) for a wrong or a repeated one."""
    if not path.exists():
        return []
    if path.stat().st_size > LIMIT:
        raise RunError(f"{path}: larger than the {LIMIT} bytes that are read")
    rows, seen = [], set()
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        where = f"{path}:{number}"
        try:
            row = _loads(line)
        except RunError as error:
            raise RunError(f"{where}: {error}") from None
        run_of(row, where)
        if key(row) in seen:
            raise RunError(f"{where}: {row['label']}, seed {row['seed']} stands there twice with the same hash")
        seen.add(key(row))
        rows.append(row)
    return rows


def key(row: Mapping[str, Any]) -> tuple[str, int, str]:
    return row["label"], row["seed"], row["hash"]


def add(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows that are not there yet, in one write; the file is whole at any moment, whoever else adds to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with folder.alone(path):
        there = read(path)
        known = {key(r) for r in there}
        new = [dict(r) for r in rows if key(r) not in known]
        text = "".join(json.dumps(r, allow_nan=False, separators=(",", ":")) + "\n" for r in [*there, *new])
        folder.write(path, text.encode())


def shipped(runs: Sequence[Run]) -> tuple[Shelf, list[str]]:
    """The shipped records that belong to runs; and what must be said of runs that have none, there or among runs.

    Used only where the hash says that they were made under the same budget, settings and input.
    """
    here = shelf(runs)
    found: dict[str, list[Run]] = {}
    libraries = {name: _library(name) for name in dict.fromkeys(run.curriculum for run in runs)}
    notes = []
    for run in runs:
        rows, wanted = libraries[run.curriculum], set(marks(run)[0].values())
        for mark in wanted - found.keys():
            if belonging := [run_of(row, "shipped") for row in rows if row["hash"] == mark]:
                found[mark] = belonging
        if not any(mark in found or mark in here for mark in wanted):
            notes.append(_without(run, bool(rows)))
    return found, list(dict.fromkeys(notes))


def _without(run: Run, others: bool) -> str:
    if others:
        algorithm = run.settings["algorithm"]
        return f"shipped references of {run.curriculum} are of other settings: not used for {algorithm}"
    return f"no references are shipped for {run.curriculum}"


def shelf(runs: Iterable[Run]) -> Shelf:
    """The joint and from-scratch runs among runs, by what they are found under."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.regime in REFERENCES:
            found.setdefault(marks(run)[0][run.regime], []).append(run)
    return found


def of(run: Run, here: Shelf = EMPTY, shipped: Shelf = EMPTY) -> References:
    """What a run is held against: the joint and from-scratch runs under its marks, here before shipped ones.

    The only place that says which references belong to which run.
    """
    wanted, doubt = marks(run)
    found = {regime: _one_kind(here.get(mark, ())) for regime, mark in wanted.items()}
    labels = ["runs of this report" + (f" with the same settings ({doubt})" if doubt else "")] * any(found.values())
    missing = {r: shipped[mark] for r, mark in wanted.items() if not found[r] and shipped.get(mark)}
    if missing:
        said = ", ".join(f"{regime} {wanted[regime][:8]} ({len(runs)} seeds)" for regime, runs in missing.items())
        labels.append(f"shipped records: {said}")
    scores = {regime: [other.scores for other in runs] for regime, runs in (found | missing).items()}
    label = "; ".join(labels) or (f"none ({doubt})" if doubt else "none")
    return References(scores["joint"], scores["scratch"], label, _unequal(run, scores["scratch"]))


def _one_kind(runs: Sequence[Run]) -> Sequence[Run]:
    """Runs of one hash, each seed once; none where equal settings stand for several: nothing says which belong."""
    one = len({str(run.settings.get("hash")) for run in runs}) == 1
    return list({run.seed: run for run in runs}.values()) if one else ()


def _unequal(run: Run, scratch: Sequence[Scores]) -> str:
    """What must be said beside numbers of a run whose budget and that of its references are not the same."""
    if ended_early(run):
        return "stages ended early; joint had the full budget"
    if any(_early(scores, run.settings["curriculum"].get("stages")) for scores in scratch):
        return "stages of the from-scratch runs ended early"
    return ""


def ended_early(run: Run) -> bool:
    """Whether some stage of a run moved on before its budget was spent (until)."""
    return _early(run.scores, run.settings["curriculum"].get("stages"))


def _early(scores: Scores, stages: Any) -> bool:
    for number, stage in enumerate(stages if isinstance(stages, list) else ()):
        if isinstance(stage, dict) and stage.get("until") and isinstance(stage.get("steps"), int):
            end = scores.stage_step[(scores.stage == number) & scores.last]
            if len(end) and scores.trained and end[-1] < stage["steps"]:
                return True
    return False


def marks(run: Run) -> tuple[dict[str, str], str]:
    """By regime what a run's references are found under, their hash; and why by something else, "" where by hash.

    Where a hash cannot be had from the settings, or is not what they give now, no hash of now can be trusted to say
    what belongs to the run: runs of the same doubt and the same recorded settings then belong to it.
    """
    recorded = {key: run.settings.get(key) for key in (*SHAPING, "methods", "regime")}
    own, wanted = _hashes(json.dumps(recorded, sort_keys=True))
    if own and own == run.settings.get("hash"):
        return wanted, ""
    doubt = "its hash is not what its settings give now" if own else "its plan cannot be made again"
    settings = json.dumps({key: recorded[key] for key in SHAPING}, sort_keys=True)
    return {regime: f"{regime} of {settings}" for regime in REFERENCES}, doubt


@functools.lru_cache(maxsize=1024)
def _hashes(recorded: str) -> tuple[str, dict[str, str]]:
    """The hash that recorded settings (JSON) give, and those of their references; "" where they give none."""
    try:
        plan = _plan(json.loads(recorded))
        return plan.hash, {regime: _reference(plan, regime).hash for regime in REFERENCES}
    except RunError:
        return "", {}


def plan_of(run: Run, regime: str, keep_methods: bool = False) -> Plan:
    """What the reference of a run, under regime, would have been asked to do; with its methods, the run itself.

    Raises RunError.
    """
    try:
        plan = _plan(run.settings)
    except RunError as error:
        raise RunError(f"{run.folder}: {error}") from None
    return plan if keep_methods else _reference(plan, regime)


def _reference(plan: Plan, regime: str) -> Plan:
    return dataclasses.replace(plan, regime=regime, methods=())


def _plan(s: Mapping[str, Any]) -> Plan:
    """The plan of recorded settings, whose hash can be had. Raises RunError, one line."""
    _weights(s.get("language_model"))
    try:
        curriculum = Curriculum.model_validate_json(json.dumps(s["curriculum"]), context=NAMED)
        rest = (s["input"], s["instructor"], str(s.get("tier")), int(s.get("seed", 0)), str(s.get("device")))
        beside = (
            bool(s.get("memory")),
            s.get("learns") or "never",
            dict(s.get("language_model") or {}),
            dict(s.get("own") or {}),
        )
        plan = Plan(curriculum, s["algorithm"], s["settings"], tuple(s["methods"]), s["regime"], *rest, *beside)
        _ = plan.hash  # worked out here, so that what stands in its way is said here
        return plan
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise RunError(f"settings that no run has ({' '.join(str(error).split())[:120]})") from None


def _weights(model: Any) -> None:
    """Raise RunError unless the weights of a language model that goes by its folder can be read."""
    name = model.get("model") if isinstance(model, dict) and "endpoint" not in model else None
    if not isinstance(name, str) or not os.path.isabs(name):
        return
    if not os.path.isdir(name):
        raise RunError(f"its language model lay in {name[:200]}, and no such folder is here: its hash cannot be told")
    for file in Path(name).glob("*.safetensors"):
        regular(file)


def _library(curriculum: str) -> list[dict[str, Any]]:
    if os.sep in curriculum or curriculum.startswith("."):
        return []
    file = resources.files(str(__package__)) / "references" / f"{curriculum}.jsonl"
    with resources.as_file(file) as path:
        return read(path)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """{"tasks": names, "at": [[stage, step, stage_step, last], …], "scores": [[success or null, …], …], "episodes"}."""
    index = {r["index"]: r["task"] for r in rows}
    columns = {i: n for n, i in enumerate(sorted(index))}
    count = max((r["evaluation"] for r in rows), default=-1) + 1
    at: list[Any] = [None] * count
    scores: list[list[Any]] = [[None] * len(index) for _ in range(count)]
    episodes = [[0] * len(index) for _ in range(count)]
    for row in rows:
        at[row["evaluation"]] = [row[k] for k in KEPT]
        scores[row["evaluation"]][columns[row["index"]]] = row["success"]
        episodes[row["evaluation"]][columns[row["index"]]] = row["episodes"]
    return {"tasks": [index[i] for i in sorted(index)], "at": at, "scores": scores, "episodes": episodes}


def _rows(columns: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for evaluation, at in enumerate(columns["at"]):
        for index, task in enumerate(columns["tasks"]):
            success = columns["scores"][evaluation][index]
            if success is not None:
                row = {"evaluation": evaluation, "task": str(task), "index": index, "success": float(success)}
                yield row | dict(zip(KEPT, at, strict=True)) | {"episodes": columns["episodes"][evaluation][index]}
