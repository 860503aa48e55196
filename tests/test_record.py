"""A record keeps what it acknowledged and believes nothing that is wrong; a hostile run folder gets one line."""

from __future__ import annotations

import errno
import json
import os

import pytest

from ludus.curricula.metrics import compute
from ludus.curricula.record import MAX_LINE, Record, RunError, inside, read_run


def row(evaluation=0, index=0, **other):
    """A right row of a run of two stages, whose evaluations each end one (the first is untrained)."""
    return {
        "evaluation": evaluation, "stage": evaluation - 1, "task": f"ludus/Task{index}-v0", "index": index,
        "step": 100 * evaluation, "stage_step": min(100, 100 * evaluation), "last": evaluation > 0, "episodes": 10,
        "success": 0.5, "return": -1.25, "length": 50.0, "diverged": 0, "agents": {"arm": 0.5},
    } | other  # fmt: skip


ROWS = [row(e, i) for e in range(3) for i in range(2)]
STAGES = [{"task": "ludus/Task0-v0"}, {"task": "ludus/Task1-v0"}]
SETTINGS = {
    "format": 1, "suite": "0.1.0", "curriculum": {"name": "two", "stages": STAGES}, "algorithm": "ppo", "settings": {},
    "methods": [], "regime": "sequence", "label": "finetune@ppo", "input": "instructed", "instructor": "fixed",
    "tier": "small", "seed": 0, "device": "cpu", "hash": "abc", "versions": {}, "command": "",
}  # fmt: skip


@pytest.fixture
def record(tmp_path):
    record = Record(tmp_path / "evaluations.jsonl")
    for pair in (ROWS[:2], ROWS[2:4], ROWS[4:]):
        record.write(*pair)
    return record


@pytest.fixture
def folder(tmp_path, record):
    (tmp_path / "run.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "costs.json").write_text('{"seconds": 3.5}')
    return tmp_path


def line(**other):
    return json.dumps(row(3, 0) | other, ensure_ascii=False)


def test_what_was_written_is_read_back_in_order(record):
    assert record.rows() == ROWS
    assert list(record.rows()[0]) == list(ROWS[0])


def test_no_file_is_an_empty_record(tmp_path):
    assert Record(tmp_path / "evaluations.jsonl").rows() == []


WRONG = {
    "not JSON": "no",
    "nothing": "",
    "cut": '{"evaluation": 3, "sta',
    "a list": "[1, 2]",
    "not UTF-8": b"\xff\xfe",
    "NaN": line().replace("0.5", "NaN"),
    "Infinity": line().replace("-1.25", "-Infinity"),
    "a number beyond floats": line().replace("-1.25", "1e999"),
    "a whole number beyond floats": line().replace("-1.25", "9" * 400),
    "digits without end": line().replace("-1.25", "9" * 5000),
    "nested": "[" * 50000,
    "a key twice": line().replace('"index": 0', '"index": 0, "index": 0'),
    "success above 1": line(success=1.5),
    "success below 0": line(success=-0.1),
    "success as text": line(success="1"),
    "success as truth": line(success=True),
    "agent above 1": line(agents={"arm": 2}),
    "agents as list": line(agents=[0.5]),
    "unknown key": line(bonus=1),
    "missing key": line().replace('"step": 300, ', ""),
    "stage below -1": line(stage=-2),
    "part of a step": line(step=1.5),
    "no episodes": line(episodes=0),
    "last as number": line(last=1),
    "empty name": line(task=""),
    "a name that commands the terminal": line(task="\x1b[2J"),
    "an evaluation left out": line(evaluation=4),
    "an evaluation again": line(evaluation=1),
    "a stage again": line(stage=0),
    "a stage that goes on after its end": line(stage=1),
    "the same task twice": json.dumps(ROWS[4]),
    "another step within the evaluation": json.dumps(ROWS[4] | {"task": "ludus/Task2-v0", "index": 2, "step": 7}),
    "another index for a task": line(index=1),
    "another task for an index": line(task="ludus/Other-v0"),
    "a huge line": "x" * (MAX_LINE + 1),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_line_is_named_by_file_and_number(record, wrong):
    with open(record.path, "ab") as file:
        file.write((wrong if isinstance(wrong, bytes) else wrong.encode()) + b"\n")
    with pytest.raises(RunError, match=r"^\S*evaluations\.jsonl:7: ") as caught:
        record.rows()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_the_right_line_after_all_passes(record):
    """What the wrong lines above are made of is right by itself."""
    record.write(row(3, 0))
    assert len(record.rows()) == 7


@pytest.mark.parametrize("wrong", [{"success": float("nan")}, {"success": 2.0}, {"step": 1.5}, {"more": 1}])
def test_a_wrong_row_is_not_written(record, wrong):
    before = record.path.read_bytes()
    with pytest.raises(RunError):
        record.write(row(3, 0), row(3, 1) | wrong)
    assert record.path.read_bytes() == before


def test_a_full_disk_leaves_no_half_line(record, monkeypatch):
    before, write = record.path.read_bytes(), os.write

    def full(file, data):
        if len(data) < 200:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:150])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        record.write(row(3, 0))
    assert record.path.read_bytes() == before


@pytest.mark.parametrize("keep", [0, 1, 2, 3])
def test_cut_keeps_the_evaluations_before_and_writing_goes_on(record, keep):
    record.cut(keep)
    assert record.rows() == ROWS[: 2 * keep]
    record.write(*ROWS[2 * keep :])
    assert record.rows() == ROWS


@pytest.mark.parametrize("torn", [b'{"evaluation": 3, "st', json.dumps(row(3, 0)).encode(), b"\n", b"\x00\xff"])
def test_cut_mends_a_line_that_was_cut_short_and_reading_refuses_it(record, torn):
    with open(record.path, "ab") as file:
        file.write(torn)
    with pytest.raises(RunError, match=":7: "):
        record.rows()
    if torn != b"\n":
        record.cut(3)
        assert record.rows() == ROWS


def test_cut_refuses_a_record_that_lost_evaluations(record):
    with pytest.raises(RunError, match="holds 3 evaluations where the checkpoint knows of 4"):
        record.cut(4)
    record.path.unlink()
    with pytest.raises(RunError, match="holds 0"):
        record.cut(1)
    record.cut(0)


def test_cut_believes_no_wrong_line_before_the_cut(record):
    text = record.path.read_text()
    record.path.write_text(text.replace('"success": 0.5', '"success": 5', 1))
    with pytest.raises(RunError, match=":1: "):
        record.cut(2)


def test_a_run_folder_is_read(folder):
    run = read_run(folder)
    assert (run.label, run.seed, run.regime, run.curriculum) == ("finetune@ppo", 0, "sequence", "two")
    assert run.scores.matrix.tolist() == [[0.5, 0.5], [0.5, 0.5]] and run.scores.complete
    assert run.costs == {"seconds": 3.5} and run.rows == ROWS


@pytest.mark.parametrize("stages", [None, STAGES])
def test_a_run_that_ended_before_its_first_evaluation_is_read_without_rows(folder, stages):
    _settings(folder, curriculum={"name": "two", "stages": stages})
    (folder / "evaluations.jsonl").unlink()
    run = read_run(folder)
    assert run.rows == [] and not run.scores.complete and compute(run.scores)["complete"] is False


def test_a_plan_longer_than_the_record_is_not_complete(folder):
    Record(folder / "evaluations.jsonl").cut(2)
    assert not read_run(folder).scores.complete


def _outside(folder, name):
    (folder / name).unlink()
    elsewhere = folder.parent / f"elsewhere-{folder.name}"
    elsewhere.write_text("{}")
    (folder / name).symlink_to(elsewhere)


def _nowhere(path):
    path.unlink()
    path.symlink_to(path.parent.parent / "not-there")


def _pipe(folder):
    (folder / "costs.json").unlink()
    os.mkfifo(folder / "costs.json")


def _settings(folder, **other):
    (folder / "run.json").write_text(json.dumps(SETTINGS | other))


def _sparse(path, size=2**31):
    with open(path, "ab") as file:
        file.truncate(size)


HOSTILE = {
    "nothing there": lambda f: [(f / name).unlink() for name in ("run.json", "costs.json", "evaluations.jsonl")],
    "a link for a record that is not there": lambda f: _nowhere(f / "evaluations.jsonl"),
    "a link for settings": lambda f: _outside(f, "run.json"),
    "a link for the record": lambda f: _outside(f, "evaluations.jsonl"),
    "a link for costs": lambda f: _outside(f, "costs.json"),
    "a pipe": _pipe,
    "a huge record": lambda f: _sparse(f / "evaluations.jsonl"),
    "huge settings": lambda f: _sparse(f / "run.json"),
    "a folder for a file": lambda f: ((f / "costs.json").unlink(), (f / "costs.json").mkdir()),
    "settings as list": lambda f: (f / "run.json").write_text("[]"),
    "settings with NaN": lambda f: (f / "run.json").write_text('{"format": NaN}'),
    "costs with NaN": lambda f: (f / "costs.json").write_text('{"seconds": NaN}'),
    "settings nested": lambda f: (f / "run.json").write_text("[" * 10**6),
    "another format": lambda f: _settings(f, format=2),
    "a seed as text": lambda f: _settings(f, seed="0"),
    "an unknown regime": lambda f: _settings(f, regime="dream"),
    "no label": lambda f: _settings(f, label=None),
    "a label of two lines": lambda f: _settings(f, label="a\nb"),
    "a curriculum as list": lambda f: _settings(f, curriculum=[]),
    "a pickle": lambda f: (f / "run.json").write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00"),
}


@pytest.mark.parametrize("harm", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_folder_is_refused_with_one_line(folder, harm):
    harm(folder)
    with pytest.raises(RunError) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(RunError, match="no such run folder"):
        read_run(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "videos/../../secret"])
def test_no_name_leads_outside(folder, name):
    (folder.parent / "secret").write_text("x")
    with pytest.raises(RunError, match="leads outside"):
        inside(folder, name)


@pytest.mark.parametrize("stages", [None, 3, [{}], [{"task": 5}], [[]]])
def test_odd_stages_fall_back_to_the_order_of_tasks(folder, stages):
    _settings(folder, curriculum={"name": "two", "stages": stages})
    assert read_run(folder).scores.trained == (0, 1)


def test_writing_through_a_link_is_refused(tmp_path):
    (tmp_path / "target").write_text("")
    (tmp_path / "evaluations.jsonl").symlink_to(tmp_path / "target")
    with pytest.raises(OSError):
        Record(tmp_path / "evaluations.jsonl").write(row())
