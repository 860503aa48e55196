"""A task that becomes another says so: its revision is raised, and results of the old one are not taken for its own."""

import json

import pytest
from lives import IDS

from ludus.curricula import curriculum, plan
from ludus.envs import revisions


@pytest.mark.parametrize("name", IDS)
def test_a_task_is_what_is_written_down(name):
    entry = revisions.written()[name]
    found = revisions.life(name)
    assert revisions.same(found, entry["life"]), (
        f"{name} is another task now, {found} instead of {entry['life']}: "
        "`python -m ludus.envs.revisions` raises its revision, and its benchmark rows are to be made anew"
    )


def test_what_is_written_down_is_registered():
    assert sorted(revisions.written()) == sorted(IDS)


def test_a_raised_revision_makes_runs_of_that_task_others_and_no_others(monkeypatch):
    def hash_of(name):
        made = curriculum.load(name)
        return plan.plan(made, made.usual).hash

    before = [hash_of(name) for name in ("Reach-v0", "Push-v0", "first-steps")]
    raised = revisions.written() | {"ludus/Reach-v0": {"revision": 1, "life": []}}
    monkeypatch.setattr(revisions, "written", lambda: raised)
    after = [hash_of(name) for name in ("Reach-v0", "Push-v0", "first-steps")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, False]


def test_writing_it_down_raises_what_changed_and_leaves_the_rest(monkeypatch, tmp_path, capsys):
    file = tmp_path / "revisions.json"
    names = ["ludus/Reach-v0", "ludus/Basic-v0"]
    lives = {name: [50.0, 1.0] for name in names}
    monkeypatch.setattr(revisions, "FILE", file)
    monkeypatch.setattr(revisions, "tasks", lambda: names)
    monkeypatch.setattr(revisions, "written", lambda: json.loads(file.read_text()))
    monkeypatch.setattr(revisions, "life", lives.__getitem__)
    revisions.main()
    assert [entry["revision"] for entry in revisions.written().values()] == [0, 0]
    lives["ludus/Reach-v0"] = [50.0, 1.5]
    lives["ludus/Basic-v0"] = [50.0, 1.001]  # another processor
    revisions.main()
    assert revisions.written()["ludus/Reach-v0"] == {"revision": 1, "life": [50.0, 1.5]}
    assert revisions.written()["ludus/Basic-v0"] == {"revision": 0, "life": [50.0, 1.0]}
    assert "ludus/Reach-v0 is another task now: revision 1" in capsys.readouterr().out
