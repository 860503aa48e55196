"""A leaderboard takes finished runs that are what they say, and nothing else; its page ranks them and loads nothing."""

import json
import re
import shutil

import pytest
from test_runner import go

from ludus.curricula import cli, leaderboard, submit
from ludus.curricula.record import RunError
from ludus.curricula.report import board


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
    assert page.index("replay@ppo") and page.index("finetune@ppo") and "<b>Ada" not in page
    assert not re.search(r"(src|href)=|https?://", page)


def test_who_knows_more_at_the_end_stands_first_and_references_have_no_rank(runs):
    entries = [submit.entry(run) for run in runs]
    for row, score in zip(entries, (0.9, 0.1), strict=True):
        row["evaluations"]["scores"] = [[score] * 2 for _ in row["evaluations"]["scores"]]
    joint = json.loads(json.dumps(entries[0])) | {"label": "joint@ppo"}
    joint["settings"]["regime"] = "joint"
    from ludus.curricula import references
    from ludus.curricula.report.summary import studies

    study = studies([references.run_of(row) for row in (*entries[::-1], joint)])[0]
    lines = board._lines(study)
    assert [(line["rank"], line["group"].name) for line in lines] == [
        ("—", "joint@ppo"), ("1", "replay@ppo"), ("2", "finetune@ppo"),
    ]  # fmt: skip


def metrics(folder):
    file = folder / "metrics.json"
    file.write_text(file.read_text().replace('"value": 0.', '"value": 1.', 1))


def record(folder):
    file = folder / "evaluations.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-2]))


def settings(folder):
    file = folder / "run.json"
    file.write_text(file.read_text().replace('"steps": 1000', '"steps": 900', 1))


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
