"""A leaderboard takes finished runs that are what they say, and nothing else; its page ranks them and loads nothing."""

import json
import re
import shutil

import pytest
from test_runner import go

from ludus.curricula import cli, leaderboard, references, submit
from ludus.curricula import metrics as measures
from ludus.curricula import record as record_of
from ludus.curricula.record import RunError
from ludus.curricula.report import board
from ludus.curricula.report.summary import studies


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs."""
    folder = tmp_path_factory.mktemp("finished")
    return [go(folder / "replay", methods=["replay"]), go(folder / "finetune")]


def test_finished_runs_become_entries_and_entries_a_page(runs, tmp_path, capsys):
    into = tmp_path / "entries"
    assert cli.invoke(["submit", *map(str, runs), "--out", str(into), "--by", "<b>Ada</b>"]) == 0
    assert len(list(into.glob("tiny-*.json"))) == 2
    assert cli.invoke(["leaderboard", str(into), "--out", str(tmp_path / "page.html")]) == 0
    page = (tmp_path / "page.html").read_text()
    assert page.index("replay@ppo") and page.index("finetune@ppo")
    assert "<b>Ada" not in page and page.count("<td>&lt;b&gt;Ada&lt;/b&gt;</td>") == 2
    assert not re.search(r"(src|href)=|https?://", page)


def test_who_knows_more_at_the_end_stands_first_and_references_have_no_rank(runs):
    entries = [submit.entry(run) for run in runs]
    for row, score in zip(entries, (0.9, 0.1), strict=True):
        row["evaluations"]["scores"] = [[score] * 2 for _ in row["evaluations"]["scores"]]
    joint = json.loads(json.dumps(entries[0])) | {"label": "joint@ppo"}
    joint["settings"]["regime"] = "joint"
    study = studies([references.run_of(row) for row in (*entries[::-1], joint)])[0]
    lines = board._lines(study)
    assert [(line["rank"], line["group"].name) for line in lines] == [
        ("—", "joint@ppo"), ("1", "replay@ppo"), ("2", "finetune@ppo"),
    ]  # fmt: skip


def test_anothers_entry_is_not_written_over_and_both_stand_on_the_board(runs, tmp_path, capsys):
    def entered(by, into="entries"):
        return cli.invoke(["submit", str(runs[0]), "--out", str(tmp_path / into), "--by", by])

    assert entered("Ada") == 0 and entered("Ada") == 0
    assert entered("Bob") == 2 and "another entry is there, by 'Ada'; choose another --out" in capsys.readouterr().err
    (file,) = (tmp_path / "entries").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"record": "of another machine"}))
    assert entered("Ada") == 2 and entered("Bob", "others") == 0
    found = leaderboard.read([tmp_path / "entries", tmp_path / "others"])
    page = board.write(found, tmp_path / "page.html").read_text()
    assert [page.count(f"<td>{by}</td>") for by in ("Ada", "Bob")] == [1, 1]
    assert " · Ada</th>" in page and " · Bob</th>" in page


def test_who_is_told_more_stands_on_another_board(runs, tmp_path):
    told = submit.entry(runs[0])
    blind = json.loads(json.dumps(told)) | {"hash": "b" * 64}
    blind["settings"]["input"] = "blind"
    page = board.write([references.run_of(row) for row in (told, blind)], tmp_path / "page.html").read_text()
    assert [line.rpartition(" · ")[2] for line in re.findall("<h2>(.*)</h2>", page)] == ["instructed", "blind"]


def metrics(folder):
    file = folder / "metrics.json"
    file.write_text(file.read_text().replace('"value": 0.', '"value": 1.', 1))


def record(folder):
    file = folder / "evaluations.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-2]))


def settings(folder):
    file = folder / "run.json"
    file.write_text(file.read_text().replace('"steps": 1000', '"steps": 900', 1))


def without(folder, number, task):
    """The record of a folder without one result."""
    file = folder / "evaluations.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    kept = [r for r in rows if (r["evaluation"], r["index"]) != (number, task)]
    assert len(kept) == len(rows) - 1
    file.write_text("".join(json.dumps(row) + "\n" for row in kept))
    scores = record_of.read_run(folder).scores
    (folder / "metrics.json").write_text(json.dumps(measures.compute(scores)))


def episodes(folder):
    file = folder / "evaluations.jsonl"
    file.write_text(file.read_text().replace('"episodes":4', '"episodes":1').replace('"episodes": 4', '"episodes": 1'))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (metrics, "not what its record gives"),
        (record, "not ended"),
        (settings, "settings give the hash"),
        (episodes, "other numbers of episodes"),
        (lambda folder: without(folder, 0, 1), r"before any training has a result of each task \(ludus/Push-v0\)"),
        (lambda folder: without(folder, 3, 0), r"of stage 1 has a result of each task \(ludus/Reach-v0\)"),
        (lambda folder: (folder / "metrics.json").unlink(), "metrics.json"),
    ],
)
def test_a_run_that_is_not_what_it_says_is_refused_in_one_line(runs, tmp_path, harm, said):
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    submit.entry(copy)
    harm(copy)
    with pytest.raises(RunError, match=said) as refused:
        submit.entry(copy)
    assert "\n" not in str(refused.value)


def test_a_run_whose_measures_were_described_in_other_words_is_what_it_says(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    file = copy / "metrics.json"
    told = json.loads(file.read_text())
    told["metrics"]["gem.bwt"] |= {"formula": "as it was written once", "note": "so"}
    file.write_text(json.dumps(told))
    assert submit.entry(copy)["hash"] == submit.entry(runs[0])["hash"]


def test_from_scratch_every_stage_answers_for_its_own_task(tmp_path):
    assert submit.entry(go(tmp_path / "run", regime="scratch"))["label"] == "scratch@ppo"


def test_a_place_without_entries_is_said(tmp_path):
    with pytest.raises(RunError, match="no entry"):
        leaderboard.read([tmp_path])


def test_one_record_does_not_stand_for_two_seeds(runs, tmp_path, capsys):
    again = tmp_path / "again"
    shutil.copytree(runs[1], again)
    file = again / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seed": 7}))
    into = tmp_path / "entries"
    assert cli.invoke(["submit", str(runs[1]), "--out", str(into)]) == 0
    assert cli.invoke(["submit", str(again), "--out", str(into)]) != 0
    assert "seed 7: its record is that of seed" in capsys.readouterr().err
    assert len(list(into.glob("*.json"))) == 1
