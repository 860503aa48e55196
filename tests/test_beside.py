"""What stands beside the record is drawn once for each thing that it tells of, and not where it is not."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from test_report import HOSTILE, make
from test_runner import go, tiny

from ludus.agents.memory.store import Store, Tried
from ludus.curricula import cli, report
from ludus.curricula.mind import MEMORY
from ludus.curricula.record import RunError, read_run
from ludus.curricula.report import beside, extra, plots
from ludus.curricula.report.summary import studies

TASK = "ludus/Crossing-v0"
MATRIX = {"task": TASK, "players": ["stage 0", "stage 1"], "success": [[0.9, 0.1], [0.2, 0.8]], "episodes": 50}
KINDS = ("true", "none", "wrong")
TOLD = [{"task": TASK, "instruction": kind, "success": 0.9 - 0.3 * i, "low": 0.2, "high": 0.95, "n": 100}
        for i, kind in enumerate(KINDS)]  # fmt: skip
CELLS = (("new", "new", 0.3), ("old", "old", 0.9), ("old", "new", 0.35), ("new", "old", 0.8))
WHOSE = [{"task": TASK, "model": model, "policy": policy, "success": success} for model, policy, success in CELLS]


@pytest.fixture
def run(tmp_path):
    return make(tmp_path / "bench" / "finetune-0")


def write(folder, **files):
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


def titles(runs) -> dict[str, int]:
    """section -> pictures."""
    return {section.title: len(section.plates) for section in extra.sections(studies(runs)[0])}


def test_there_is_a_picture_for_every_task_of_every_file_and_nothing_without(run, tmp_path):
    assert titles([run]) == {}
    bare = report.write([run], tmp_path / "bare.html").read_text()
    assert not any(title in bare for title in (*extra.SECTIONS, "What is remembered"))
    other = {"task": "ludus/Swap-v0"}
    write(run.folder, crossplay={"matrices": [MATRIX, MATRIX | other]}, ablations=[*TOLD, TOLD[0] | other])
    write(run.folder, two_by_two=[*WHOSE, WHOSE[0] | other])  # of the other task three are missing
    remember(run.folder)
    assert list(titles([run]).values()) == [2, 2, 1]
    page = report.write([run], tmp_path / "report.html").read_text()
    assert page.count("<img") == bare.count("<img") + 5 and all(f"<h2>{title}</h2>" in page for title in extra.SECTIONS)
    assert page.count(f"finetune@ppo · {TASK}</figcaption>") == 3
    assert "What is remembered" in page and HOSTILE not in page


def test_what_lies_in_the_folder_of_all_runs_is_about_all_of_them(run):
    write(run.folder.parent, crossplay={"matrices": [MATRIX]})
    replay = make(run.folder.parent / "replay-0", "replay")
    (section,) = extra.sections(studies([run, replay])[0])
    assert [(plate.name, plate.method) for plate in section.plates] == [(f"all methods · {TASK}", None)]


def test_pictures_draw_the_numbers_of_the_files(run):
    other = make(run.folder.parent / "finetune-1", seed=1)
    write(run.folder, crossplay={"matrices": [MATRIX]}, ablations=TOLD, two_by_two=WHOSE)
    write(other.folder, crossplay={"matrices": [MATRIX | {"success": [[0.7, 0.3], [0.2, 0.8]]}]})
    (place,) = beside.places(studies([run, other])[0])[:1]
    (matrix,) = beside.crossplay(place)
    assert np.allclose(matrix.success, [[0.8, 0.2], [0.2, 0.8]])  # the mean over seeds
    assert [t.get_text() for t in plots.partners(matrix).axes[0].texts] == ["0.80", "0.20", "0.20", "0.80"]
    levels = beside.ablations(place)[TASK]
    assert [level.what for level in levels] == list(KINDS)
    dots = [line for line in plots.levels(levels).axes[0].lines if line.get_markersize() == 8]
    assert np.allclose([line.get_xdata()[0] for line in dots], [0.9, 0.6, 0.3])  # type: ignore[index]
    drawn = plots.square(beside.attribution(place)[TASK], beside.AGES).axes[0]
    assert [t.get_text() for t in drawn.texts] == ["0.90", "0.35", "0.80", "0.30"]  # old model first, old policy first


def test_several_seeds_have_an_interval_of_their_own(run):
    runs = [run] + [make(run.folder.parent / f"finetune-{s}", seed=s) for s in (1, 2)]
    for i, one in enumerate(runs):
        write(one.folder, ablations=[TOLD[0] | {"success": 0.7 + 0.1 * i}])
    (level,) = beside.ablations(beside.places(studies(runs)[0])[0])[TASK]
    assert level.success == pytest.approx(0.8) and (level.low, level.high) == (pytest.approx(0.7), pytest.approx(0.9))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("crossplay", {"matrices": [MATRIX | {"success": [[1, 2], [0, 0]]}]}, "from 0 to 1, not 2"),
        ("crossplay", {"matrices": [MATRIX | {"success": [[1.0]]}]}, "every pair"),
        ("crossplay", [MATRIX], "must be a list"),
        ("ablations", {"task": TASK}, "must be a list"),
        ("ablations", [TOLD[0] | {"success": None}], "from 0 to 1"),
        ("ablations", [TOLD[0] | {"low": -1}], "from 0 to 1"),
        ("two_by_two", [WHOSE[0] | {"model": "ancient"}], "old or new, not ancient"),
    ],
)
def test_a_wrong_file_is_refused_by_name(run, name, content, said):
    write(run.folder, **{name: content})
    with pytest.raises(RunError, match=rf"{name}\.json: .*{said}"):
        titles([run])


def remember(folder):
    store = Store(lambda texts: np.ones((len(texts), 4), np.float32))
    store.note_tried([Tried(TASK, "red", "cross", said, "done", "", True) for said in ("go", "go", "stay", HOSTILE)])
    store.save(folder / MEMORY)
    store.close()


def test_a_memory_is_shown_with_its_size(run):
    remember(run.folder)
    place = beside.places(studies([run])[0])[0]
    episodic, delta, graph = beside.memories(place)
    assert (episodic.count, delta.count, graph.count) == (3, 0, 0) and "'go' was done 2 of 2" in episodic.entries[0]
    (run.folder / MEMORY).write_bytes(b"not a base")
    with pytest.raises(RunError, match="no memory of an instructor"):
        beside.memories(place)


def test_stages_of_a_run_meet_as_partners_and_are_drawn(tmp_path, capsys):
    ring = {"task": "ludus/Crossing-v0", "steps": 64, "settings": {"robots": 2, "max_episode_steps": 3}}
    folder = go(tmp_path / "run", curriculum=tiny(stages=[ring, {"task": "ludus/Reach-v0", "steps": 64}]))
    assert cli.invoke(["crossplay", str(folder), "--episodes", "2"]) == 0
    (made,) = json.loads((folder / "crossplay.json").read_text())["matrices"]
    assert made["players"] == ["stage 0", "stage 1"] and np.shape(made["success"]) == (2, 2)
    assert titles([read_run(folder)]) == {"Who plays with whom": 1}
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "run.json").write_text((folder / "run.json").read_text().replace('"robots": 2', '"robots": 3'))
    for words, said in (
        ([folder, "--task", "Reach-v0"], "nobody there has a partner"),
        ([folder, "--task", "ludus/Push-v0"], "is no task of"),
        ([folder, other], "did not live through the same tasks"),
    ):
        assert cli.invoke(["crossplay", *map(str, words)]) == 2
        assert said in capsys.readouterr().err
