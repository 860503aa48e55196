"""A run's memory goes on over a stop byte for byte, is shown, and forgets a text wherever it is kept."""

import itertools
import json
import shutil

import numpy as np
import pytest

from ludus.agents.instructors import INSTRUCTORS, LanguageModel, loading, pupil, training
from ludus.agents.instructors.corpus import Pair
from ludus.agents.instructors.scenes import digest
from ludus.agents.instructors.updating import Update, Verdict
from ludus.agents.learner import Learner
from ludus.curricula import checkpoint, cli, memory, runner
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.folder import locked
from ludus.curricula.mind import DATA, MEMORY, UPDATES

TINY = {
    "name": "tiny",
    "observation": 222,
    "action": 110,
    "evaluation": {"per_stage": 2, "episodes": 2, "last_episodes": 2},
    "stages": [{"task": "ludus/Household-v0", "steps": 2400, "settings": {"steps": 1}}],
    "algorithms": {"maskable-ppo": {"rows": 32, "settings": {"n_steps": 20, "batch_size": 160, "n_epochs": 1}}},
}
FILES = (DATA, MEMORY, "evaluations.jsonl", "policies/stage-0.safetensors")


class Chance:
    """A model with an opinion on every briefing."""

    name = "chance"

    def __init__(self):
        self.tokens = 0

    def choose(self, prompts, answers, priors=None):
        return [np.array([digest(p + a) % 7 for a in row], float) for p, row in zip(prompts, answers, strict=True)]

    def write(self, prompts):
        return ["" for _ in prompts]


@pytest.fixture(scope="module", autouse=True)
def places(tmp_path_factory):
    """A folder for the module's runs, all instructed by Chance, whose answers are kept in one file."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(INSTRUCTORS, "language-model", lambda: LanguageModel(Chance(), cache=folder / "answers.sqlite"))
        patch.delenv("LUDUS_INSTRUCTOR_CACHE", raising=False)
        yield folder


def go(out, steps=2400, **how):
    made = Curriculum.model_validate_json(json.dumps(TINY).replace("2400", str(steps)))
    how = {"memory": True, "instructor": "language-model"} | how
    return runner.run(made, out=out, threads=1, checkpoint_share=float("inf"), **how)


@pytest.fixture(scope="module")
def calm(places):
    """A run from its start to its end."""
    return go(places / "calm")


@pytest.fixture
def stopped(places, tmp_path, calm, monkeypatch):
    """The same run, interrupted on its way."""
    if not (places / "stopped").exists():
        real, count = Learner.learn, [0]

        def failing(self, steps):
            count[0] += 1
            if count[0] == 8:
                raise KeyboardInterrupt
            return real(self, steps)

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "learn", failing)
            with pytest.raises(runner.Stopped):
                go(places / "stopped")
    return shutil.copytree(places / "stopped", tmp_path / "run")


def test_stopped_and_resumed_it_remembers_byte_for_byte(calm, stopped):
    with (stopped / DATA).open("a") as file:
        file.write('{"half a li')  # what was being written when it stopped
    go(stopped, resume=True)
    for name in FILES:
        assert (calm / name).read_bytes() == (stopped / name).read_bytes(), name
    lines = [json.loads(line) for line in (stopped / DATA).read_text().splitlines()]
    assert len(lines) > 50 and {"done", "unfinished", "already so"} <= {line["outcome"] for line in lines}
    costs = json.loads((stopped / "costs.json").read_text())
    assert costs["memories"] > 20 and costs["instructor_outcomes"] > 50
    shown = memory.recalled(stopped)
    assert all(shown.values()) and len(shown["episodic"]) <= 20


def test_what_is_remembered_reaches_the_model_and_trying_a_policy_teaches_nothing(places, calm):
    told = [json.loads(line)["prompt"] for line in (calm / DATA).read_text().splitlines()]
    assert sum("known: " in t for t in told) > len(told) / 4
    untried = go(places / "untried", evaluations=False)
    assert all((calm / name).read_bytes() == (untried / name).read_bytes() for name in FILES if name[:5] != "evalu")


def test_a_text_is_forgotten_in_memory_answers_data_and_checkpoint(places, stopped, capsys):
    answers = shutil.copy(places / "answers.sqlite", stopped.parent / "answers.sqlite")
    files = [stopped / DATA, stopped / MEMORY, answers]
    known = [link["who"] for link in memory.recalled(stopped)["graph"]]
    word = next(who for who in known if who != "table")  # which every file of SQLite says of itself
    assert all(word.encode() in p.read_bytes() for p in files)
    assert cli.invoke(["memory", "forget", str(stopped), word.upper(), "--cache", str(answers)]) == 0
    out = capsys.readouterr().out
    assert out.count("removed") == 4 and ": 0 removed" not in out
    assert not any(word.encode() in p.read_bytes() for p in files)
    arrays, _ = checkpoint.load(checkpoint.newest(stopped / "checkpoints") or stopped)
    kept = [memory.unpacked(arrays[n]) for n in ("instructor", "memory")]
    notes = [memory.unpacked(a)["states"] for n, a in arrays.items() if n.endswith("instructed.notes")]
    assert notes and word not in json.dumps([kept, notes])
    go(stopped, resume=True)  # and it goes on from there
    assert (stopped / "metrics.json").exists() and (stopped / DATA).read_bytes().count(b"\n") > 20


def test_memory_is_shown_by_view_and_by_words(calm, capsys):
    assert cli.invoke(["memory", "show", str(calm)]) == 0
    out = capsys.readouterr().out
    assert all(view in out for view in ("episodic (", "delta (", "graph (")) and "times, for '" in out
    assert cli.invoke(["memory", "show", str(calm), "--about", "sink", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["graph"] and all("sink" in json.dumps(row) for row in found["graph"])


def test_what_is_wrong_is_one_line(calm, tmp_path, capsys):
    run = shutil.copytree(calm, tmp_path / "run")
    (run / MEMORY).unlink()
    for words, told in [
        (["memory", "show", str(run)], "no memory is there"),
        (["memory", "forget", str(run)], "which words"),
        (["memory", "forget", str(tmp_path), "x"], "holds no run"),
        (["memory", "shwo", str(run)], "did you mean show"),
        (["run", "first-steps", "--memory", "--out", str(tmp_path / "no")], "that needs language-model"),
    ]:
        assert cli.invoke(words) == 2
        err = capsys.readouterr().err
        assert told in err and err.count("\n") == 1
    with locked(run):
        assert cli.invoke(["memory", "forget", str(run), "tea"]) == 2 and "another process" in capsys.readouterr().err


def test_an_instructor_that_learns_on_the_way_goes_on_over_a_stop(tmp_path, monkeypatch):
    """Every second update is let through the gate; what was learnt is in the checkpoint, and at the end in a folder."""
    asked = [Pair(f"goal: take the {n}\ndo:", f"take the {n}", "t", "", "") for n in ("apple", "mug", "egg")]
    small = training.Recipe(vocabulary=300, width=16, layers=1, heads=2, inner=16, steps=2, batch=2)
    tiny = loading.load(training.make(tmp_path / "tiny", asked, small, lambda _: None), dtype="float32")
    first = tiny.model.state_dict()["lm_head.weight"].clone()
    monkeypatch.setitem(INSTRUCTORS, "language-model", lambda: LanguageModel(tiny))
    monkeypatch.setitem(pupil.EVERY, "online", 12)
    monkeypatch.setitem(pupil.HOW, "online", Update(steps=1, batch=4, rate=0.1, least=2))
    monkeypatch.setattr(pupil.rehearsal, "load", lambda folder: ([], {}))
    monkeypatch.setattr(pupil, "gate", lambda *_: Verdict(next(turns), "turn about", {}, (0.0, 1.0)))

    def live(name, stop=None):
        nonlocal turns
        turns = itertools.cycle([True, False]) if not (tmp_path / name).exists() else turns
        real, count = Learner.learn, itertools.count(1)

        def failing(self, steps):
            if next(count) == stop:
                raise KeyboardInterrupt
            return real(self, steps)

        with monkeypatch.context() as patch:
            patch.setattr(Learner, "learn", failing)
            go(tmp_path / name, memory=False, learns="online", steps=1200, evaluations=False, resume=True)
        return tmp_path / name

    turns = itertools.cycle([True, False])
    calm = live("calm")
    told = [json.loads(line) for line in (calm / UPDATES).read_text().splitlines()]
    assert len(told) >= 3 and {row["taken"] for row in told} == {True, False}
    with pytest.raises(runner.Stopped):
        live("run", stop=7)
    kept = checkpoint.load(checkpoint.newest(tmp_path / "run" / "checkpoints") or tmp_path)[0]
    done = len(memory.unpacked(kept["pupil"])["verdicts"])
    turns = itertools.islice(itertools.cycle([True, False]), sum(v["why"] == "turn about" for v in told[:done]), None)
    run = live("run")
    for name in (DATA, UPDATES, "policies/stage-0.safetensors", "instructor/model.safetensors"):
        assert (calm / name).read_bytes() == (run / name).read_bytes(), name
    costs = json.loads((run / "costs.json").read_text())
    assert costs["updates_taken"] == sum(row["taken"] for row in told) and costs["updates_rolled_back"] >= 1
    learnt = loading.load(run / "instructor", dtype="float32").model.state_dict()["lm_head.weight"]
    assert not (learnt == first).all() and (first == tiny.model.state_dict()["lm_head.weight"]).all()
