"""A run is held against the joint and from-scratch runs under its own hash, wherever they come from, and no others."""

import json
import multiprocessing
import os
import shutil
from pathlib import Path

import pytest
from test_report import TASKS, life, make, told
from test_runner import go, tiny

from ludus.curricula import cli, folder, plan, references, submit
from ludus.curricula.metrics import measure
from ludus.curricula.opening import describe
from ludus.curricula.record import Run, RunError, read_run
from ludus.curricula.report import tables
from ludus.curricula.report.summary import studies
from ludus.curricula.scores import Scores

KINDS = ("finetune", "joint", "scratch")


def family(root: Path, seeds=2, **settings):
    """Sequences, and the joint and from-scratch runs that belong to them."""
    return [make(root / f"{kind}-{seed}", kind, seed, **settings) for kind in KINDS for seed in range(seeds)]


@pytest.fixture
def two(tmp_path):
    """Two curricula under one algorithm, in one folder: the joint runs of the second know half as much."""
    longer = {"name": "other", "observation": 20, "action": 4, "stages": [{"task": t, "steps": 99} for t in TASKS]}
    root = tmp_path / "runs"
    root.mkdir()
    first, second = family(root / "a"), family(root / "b", curriculum=longer)
    for run in second:
        if run.regime == "joint":
            rows = [row | {"success": row["success"] / 2} for row in run.rows]
            shutil.rmtree(run.folder)
            make(run.folder, "joint", run.seed, rows=rows, curriculum=longer)
    return root, first, [read_run(run.folder) for run in second]


def test_every_curriculum_of_a_report_has_its_own_references(two, capsys):
    root, first, second = two
    assert cli.invoke(["report", str(root / "a"), str(root / "b"), "--json"]) == 0
    shares = [row["metrics"]["share_of_joint"]["value"] for row in json.loads(capsys.readouterr().out)]
    alone = []
    for name in ("a", "b"):
        assert cli.invoke(["report", str(root / name), "--json"]) == 0
        alone += [row["metrics"]["share_of_joint"]["value"] for row in json.loads(capsys.readouterr().out)]
    assert shares == alone
    finetuned = [share for share, run in zip(shares, [*first, *second], strict=True) if run.regime == "sequence"]
    assert finetuned[0] * 1.9 < finetuned[2] and len(studies([*first, *second])) == 2


def test_shipped_references_of_one_curriculum_do_not_serve_another(two, monkeypatch):
    _, first, second = two
    rows = {"first-steps": [references.row_of(r) for r in first], "other": [references.row_of(r) for r in second]}
    monkeypatch.setattr(references, "_library", lambda name: rows[name])
    alone = [first[0], second[0]]
    held, notes = references.shipped(alone)
    assert not notes
    for run, whole in zip(alone, (first, second), strict=True):
        found = references.of(run, {}, held)
        assert [len(found.joint), len(found.scratch)] == [2, 2] and found.label.startswith("shipped records: joint")
        right = references.of(run, references.shelf(whole))
        assert measure("share_of_joint", run.scores, found)[0] == measure("share_of_joint", run.scores, right)[0]


def test_references_of_other_settings_stay_out_of_one_report(tmp_path):
    usual, changed = family(tmp_path / "a"), family(tmp_path / "b", settings={"rows": 32})
    here = references.shelf([*usual, *changed])
    for runs in (usual, changed):
        found = references.of(runs[0], here)
        assert [id(s) for s in found.joint] == [id(r.scores) for r in runs if r.regime == "joint"]
        assert [id(s) for s in found.scratch] == [id(r.scores) for r in runs if r.regime == "scratch"]
    lonely = studies([changed[0], *usual])[0].groups[0]
    assert not lonely.references.joint and lonely.references.label == "none"


@pytest.mark.parametrize("odd", [{"curriculum": {"name": "x", "stages": 7}}, {"hash": "b" * 64}, {"methods": None}])
def test_what_cannot_be_planned_again_is_held_against_runs_of_equal_settings_and_says_so(tmp_path, odd):
    """Records of an older version, and whatever else has no hash of now: never against references that have one."""
    old = family(tmp_path / "old", **odd)
    found = references.of(old[0], references.shelf(old))
    assert len(found.joint) == len(found.scratch) == 2 and "with the same settings (its " in found.label
    for runs in ([*family(tmp_path / "new"), old[0]], [old[0]]):
        found = references.of(old[0], references.shelf(runs), references.shelf(family(tmp_path / str(len(runs)))))
        assert not found.joint and not found.scratch and found.label.startswith("none (its ")
        assert "none (its " in told(tables.comparison(runs))


def test_equal_settings_under_two_old_hashes_are_no_references(tmp_path):
    one, other = family(tmp_path / "a", hash="b" * 64), family(tmp_path / "b", hash="c" * 64)
    assert not references.of(one[0], references.shelf([*one, *other])).joint


def test_one_seed_that_lies_there_twice_counts_once(tmp_path):
    runs = family(tmp_path)
    assert len(references.of(runs[0], references.shelf([*runs, *runs])).joint) == 2


def early(root, kind, seed, until, short):
    """A run whose every stage has `until`; short: it moved on after a third of its budget."""
    resets = {"optimizer": True}
    stages = [{"task": t, "steps": 10_000, "resets": resets, "until": {"success": until}} for t in TASKS]
    rows = [r | {"stage_step": r["stage_step"] // (3 if short else 1)} for r in life(kind, seed)]
    made = {"name": "c", "observation": 20, "action": 4, "stages": stages}
    return make(root / f"{kind}-{seed}-{short}", kind, seed, rows=rows, curriculum=made)


def test_numbers_of_a_run_whose_stages_ended_early_say_so(tmp_path, capsys):
    said = "stages ended early; joint had the full budget"
    joint, scratch = early(tmp_path, "joint", 0, 0.9, False), early(tmp_path, "scratch", 0, 0.9, False)
    whole, short = early(tmp_path, "finetune", 0, 0.9, False), early(tmp_path, "finetune", 1, 0.9, True)
    for runs, expected in (([short, joint, scratch], True), ([whole, joint, scratch], False)):
        assert (said in told(tables.comparison(runs))) is (said in tables.markdown(runs)) is expected
        found = references.of(runs[0], references.shelf(runs))
        for name in ("forward_transfer", "share_of_joint", "meal.forward_transfer"):
            assert (said in measure(name, runs[0].scores, found).note) is expected
        assert said not in measure("average_performance", runs[0].scores, found).note
    assert said in told(tables.comparison([whole, short, joint, scratch]))  # one seed of two is enough
    capsys.readouterr()
    assert cli.invoke(["report", str(short.folder), str(joint.folder), "--json"]) == 0
    assert said in json.loads(capsys.readouterr().out)[0]["metrics"]["share_of_joint"]["note"]


def test_from_scratch_runs_that_ended_early_are_said_as_well(tmp_path):
    run, scratch = early(tmp_path, "finetune", 0, 0.9, False), early(tmp_path, "scratch", 0, 0.9, True)
    found = references.of(run, references.shelf([scratch]))
    assert found.note == "stages of the from-scratch runs ended early"


def processes(count, work):
    """Exit codes of processes that call work(number) at the same time."""
    fork = multiprocessing.get_context("fork")
    live = [fork.Process(target=work, args=(number,)) for number in range(count)]
    for process in live:
        process.start()
    for process in live:
        process.join()
    return [process.exitcode for process in live]


def test_processes_that_add_to_one_file_of_results_lose_no_row(tmp_path):
    file, row = tmp_path / "rows.jsonl", references.row_of(make(tmp_path / "run"))

    def add(number):
        for seed in range(20):
            references.add(file, [row | {"label": f"{number}@ppo", "seed": seed}])

    assert processes(2, add) == [0, 0]
    assert len(references.read(file)) == 40
    assert {p.name for p in tmp_path.iterdir()} == {"run", "rows.jsonl", "rows.jsonl.lock"}


def test_processes_that_write_one_file_leave_one_of_their_texts_and_nothing_else(tmp_path):
    texts = [b"a" * 9000, b"b" * 90]

    def write(number):
        for _ in range(50):
            folder.write(tmp_path / "report.html", texts[number])

    assert processes(2, write) == [0, 0]
    assert (tmp_path / "report.html").read_bytes() in texts and len(list(tmp_path.iterdir())) == 1


def test_a_write_that_is_interrupted_leaves_the_old_file_alone(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    (tmp_path / "rows").write_text("old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.write(tmp_path / "rows", b"new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@pytest.fixture
def weights(tmp_path):
    """A folder that could be a language model."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def recorded(root, **how) -> Run:
    """A run as its folder would say it was planned."""
    made = plan.plan(tiny(), instructor="language-model", **how)
    settings = json.loads(json.dumps(describe(made)))
    assert settings["hash"] == made.hash
    return Run(root, settings, [], Scores.from_rows([], ["ludus/Reach-v0", "ludus/Push-v0"]), {})


@pytest.mark.parametrize(
    "how", [{"memory": True}, {"learns": "stage"}, {"memory": True, "language_model": {"mode": "write"}}], ids=str
)
def test_what_the_instructor_does_beside_instructing_is_in_the_hash_again(tmp_path, how):
    run = recorded(tmp_path, **how)
    assert references.plan_of(run, run.regime, keep_methods=True).hash == run.settings["hash"]
    back = references.run_of(json.loads(json.dumps(references.row_of(run))))  # and through a file of rows
    assert references.plan_of(back, run.regime, keep_methods=True).hash == run.settings["hash"]
    joint = plan.plan(tiny(), instructor="language-model", regime="joint", **how)
    assert references.plan_of(run, "joint").hash == joint.hash != plan.plan(tiny(), regime="joint").hash


def test_a_run_that_remembers_and_learns_can_be_submitted(tmp_path):
    run = go(tmp_path / "run", instructor="language-model", memory=True, learns="stage")
    assert submit.entry(run)["settings"]["memory"] is True


def test_weights_that_are_gone_are_one_clear_line_and_no_crash(tmp_path, weights):
    run = recorded(tmp_path, language_model={"model": str(weights)})
    assert references.plan_of(run, run.regime, keep_methods=True).hash == run.settings["hash"]
    shutil.rmtree(weights)
    with pytest.raises(RunError, match="no such folder is here") as told_:
        references.plan_of(run, "joint")
    assert "\n" not in str(told_.value) and str(weights) in str(told_.value)
    references._hashes.cache_clear()
    assert references.of(run).label == "none (its plan cannot be made again)"
