"""The benchmark's curricula treat their tasks alike, and a run of four is short enough for one core."""

import importlib.util
import json
from pathlib import Path

import pytest

from ludus.curricula import bench, plan, references
from ludus.curricula.curriculum import load, names

BENCHMARK = [n for n in names() if n.rpartition("-")[0] in ("grasp", "avoid", "text", "games")]
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
PACE, MINUTES = 4000, 8  # steps a second of the robots' tasks on a quiet core; what a run of four may take


@pytest.fixture(scope="module")
def tables():
    path = RESULTS.parent / "tables.py"
    spec = importlib.util.spec_from_file_location("benchmark_tables", path)
    assert spec and spec.loader
    spec.loader.exec_module(made := importlib.util.module_from_spec(spec))
    return made


def test_every_table_can_be_made_and_none_shows_or_ships_rows_of_other_settings(tables, tmp_path, monkeypatch):
    for name, table in tables.TABLES.items():
        assert bench.jobs(name, load(name), table.methods.split(","), range(table.seeds), tmp_path, tier=table.tier)
    old = [
        json.loads(line) | {"hash": "0" * 64} for line in (RESULTS / "short-life.jsonl").read_text("utf-8").splitlines()
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in old), encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text("<!-- table: short-life -->\n| a |\n|---|\n| 1 |\n\nNext.\n", encoding="utf-8")
    monkeypatch.setattr(tables, "PAGES", [page])
    monkeypatch.setattr(tables, "SHIPPED", tmp_path / "shipped")
    tables.ship("short-life", tmp_path / "rows.jsonl")
    tables.publish("short-life", tmp_path / "rows.jsonl")
    assert not (tmp_path / "shipped").exists() and "not measured" in page.read_text("utf-8")
    assert page.read_text("utf-8").endswith("|---|\n\nNext.\n")


def test_there_is_one_for_each_family():
    assert {"grasp-4", "avoid-4", "text-4", "games-4"} <= set(BENCHMARK)


@pytest.mark.parametrize("name", BENCHMARK)
def test_every_task_stands_once_with_the_same_budget(name):
    made = load(name, fit=False)
    count = int(name.rpartition("-")[2])
    assert len(made.stages) == len(made.tasks) == count
    assert len({s.steps for s in made.stages}) == 1
    if count == 4:
        assert sum(s.steps for s in made.stages) <= PACE * MINUTES * 60
    for tier in made.tiers:
        assert len({p.steps for p in plan.plan(made, made.usual, ["replay"], tier=tier).parts}) == 1
    shares = {plan.plan(made, made.usual, regime="joint").share(s.task) for s in made.stages}
    assert len(shares) == 1  # joint training divides its rows evenly


@pytest.mark.parametrize("name", BENCHMARK)
def test_what_was_not_measured_is_said_and_what_was_stands_in_its_rows(name):
    made = load(name, fit=False)
    rows = references.read(RESULTS / f"{name}.jsonl") if (RESULTS / f"{name}.jsonl").exists() else []
    now = plan.plan(made, made.usual).hash
    seeds = {row["seed"] for row in rows if row["hash"] == now}
    assert ("measured yet" in made.about) == (len(seeds) < 3)
