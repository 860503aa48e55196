"""Which language model instructs a run: any that a user has, said once, checked before anything starts."""

import json
import shutil

import numpy as np
import pytest

from ludus.agents.instructors import LanguageModel, loading, make, speakers, training
from ludus.agents.instructors.corpus import Pair
from ludus.agents.instructors.endpoint import Endpoint
from ludus.curricula import actors, bench, cli, film, runner, speaking
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.plan import plan
from ludus.curricula.record import RunError, read_run

LIFE = {
    "name": "tiny", "observation": 222, "action": 110, "words": 8,
    "evaluation": {"per_stage": 1, "episodes": 2, "last_episodes": 2},
    "algorithms": {"maskable-ppo": {"rows": 4, "settings": {"n_steps": 16, "batch_size": 64, "n_epochs": 1}}},
    "stages": [{"task": "ludus/Household-v0", "steps": 64, "settings": {"steps": 1}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A language model of somebody's: it has read three sentences."""
    pairs = [Pair(f"goal: take the {n}\ndo:", f"take the {n}", "t", "", "") for n in ("apple", "mug", "egg")]
    recipe = training.Recipe(vocabulary=300, width=16, layers=1, heads=2, inner=16, steps=2, batch=2)
    return training.make(tmp_path_factory.mktemp("mine"), pairs, recipe, lambda _: None)


@pytest.fixture
def life():
    return Curriculum.model_validate_json(json.dumps(LIFE))


def planned(life, **said):
    return plan(life, life.usual, instructor="language-model", language_model=said)


def test_a_model_of_ones_own_instructs_a_run_and_its_ablations(folder, life, tmp_path):
    said = {"model": folder, "mode": "choose"}
    out = runner.run(life, instructor="language-model", language_model=said, out=tmp_path / "run")
    run = read_run(out)
    assert run.settings["language_model"] == {"model": str(folder.resolve())}, "what is as usual is not spoken of"
    assert run.costs["instructor_tokens"] > 0 and run.costs["instructor_fell_back"] == 0
    asked = speaking.instructor(run)
    assert isinstance(asked, LanguageModel) and asked.name == str(folder.resolve())
    with pytest.raises(ValueError, match="another run is there"):
        runner.run(life, instructor="language-model", out=out, resume=True)


def test_a_run_is_known_by_the_models_weights_and_not_by_where_they_lie(folder, life, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    here, there, none = planned(life, model=folder), planned(life, model=moved), planned(life)
    assert here.hash == there.hash != none.hash and "language_model" not in none.shape
    assert planned(life, model="shipped", mode="choose") == none
    assert planned(life, model=folder, mode="write").hash != here.hash
    assert planned(life, offline=False).hash == none.hash, "that it may be fetched changes nothing"
    (moved / "model.safetensors").write_bytes((moved / "model.safetensors").read_bytes()[:-1] + b"\x00\x00")
    assert planned(life, model=moved).hash != here.hash


def test_answers_of_a_hub_model_are_known_by_its_revision(monkeypatch):
    def kept(revision):
        monkeypatch.setattr(
            "huggingface_hub.try_to_load_from_cache", lambda *_: f"hub/snapshots/{revision}/config.json"
        )
        return loading.fingerprint("them/model")

    assert kept("one") != kept("two") and kept("two").startswith("them/model")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    assert loading.fingerprint("them/model") == "them/model"


@pytest.mark.parametrize("said", [{"mode": "program"}, {"language": "zh"}])
def test_a_model_does_not_learn_what_it_is_not_asked_for(life, said):
    with pytest.raises(ValueError, match="chooses or writes in English"):
        plan(life, life.usual, instructor="language-model", learns="batch", language_model=said)


def test_a_suite_with_another_shipped_model_makes_its_rows_anew(folder, life, monkeypatch):
    one, scripted = planned(life).hash, plan(life, life.usual, instructor="script").hash
    monkeypatch.setattr(loading, "shipped", lambda: folder)
    assert planned(life).hash != one and plan(life, life.usual, instructor="script").hash == scripted


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"modle": "x"}, "setting of a language model 'modle'; did you mean mode"),
        ({"mode": "chose"}, "no mode 'chose'; did you mean choose"),
        ({"language": "de"}, "no language 'de'"),
        ({"model": "./nowhere"}, "nowhere: no folder of a language model"),
        ({"model": "someone/something"}, "no model of the hub on this machine; --online may fetch it"),
        ({"endpoint": "http://localhost:1/v1"}, "say which model it is to ask"),
        ({"endpoint": "localhost:1", "model": "m"}, "begins with http"),
        (
            {"endpoint": "http://localhost:1/v1", "model": "m", "dtype": "float16"},
            "dtype is for a model that is opened",
        ),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_starts(life, said, told):
    with pytest.raises(ValueError, match=told):
        planned(life, **said)


def test_only_a_language_model_has_a_model(life):
    with pytest.raises(ValueError, match="the instructor is 'fixed'; say --instructor language-model"):
        plan(life, life.usual, language_model={"mode": "write"})


def test_the_command_line_says_it_and_passes_it_on(folder, life, tmp_path, capsys):
    words = ["run", "Household-v0", "--instructor", "language-model", "--out", str(tmp_path / "run")]
    assert cli.invoke([*words, "--model", "./nowhere"]) == 2
    err = capsys.readouterr().err
    assert "no folder of a language model" in err and err.count("\n") == 1 and not (tmp_path / "run").exists()
    how = {"instructor": "language-model", "language_model": {"model": str(folder), "mode": "write"}}
    (job,) = bench.jobs("Household-v0", life, ["finetune"], [0], tmp_path, references=False, **how)
    line = " ".join(job.command(1))
    assert f"--model {folder.resolve()}" in line and "--mode write" in line and "--online" not in line
    how["language_model"] = {"calls": 3}
    with pytest.raises(ValueError, match="calls of a language model is for a run from Python"):
        bench.jobs("Household-v0", life, ["finetune"], [0], tmp_path, references=False, **how)


def test_behind_an_address_it_is_asked_there_and_never_on_a_folders_word(life, tmp_path):
    said = {"endpoint": "http://localhost:1/v1", "model": "served", "tokens": 10}
    made = make("language-model", speakers.settled(said))
    assert isinstance(made, LanguageModel) and isinstance(made._model, Endpoint)
    assert (made._model.model, made._model.limit) == ("served", 10)
    run = read_run(runner.run(life, out=tmp_path / "run"))
    run.settings.update(instructor="language-model", language_model=said)
    with pytest.raises(RunError, match="not asked on a folder's word"):
        speaking.instructor(run)
    world, _ = actors.load(run, 0, life.tasks[0].task)  # a film is made all the same, and says who speaks in it
    world.reset(np.arange(1), [0])
    assert film.why(world) == "the script: it is behind an endpoint, which is not asked on a folder's word"
    world.close()
    run.settings["language_model"] = {"model": "someone/something", "offline": False}
    with pytest.raises(RunError, match="no model of the hub on this machine"):
        speaking.instructor(run)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"language": "fr"}, "no language to instruct in 'fr'"),
        ({"langage": "zh"}, "no setting of a language model 'langage'; did you mean language"),
    ],
)
def test_a_slip_in_what_a_language_model_is_given_is_told_at_once(settings, says):
    with pytest.raises(ValueError, match=says):
        LanguageModel("shipped", **settings)
