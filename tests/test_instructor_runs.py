"""A run that a language model instructs goes on after a stop as if there had been none, and says what it asked."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ludus.agents.instructors import INSTRUCTORS, LanguageModel, loading
from ludus.agents.instructors.scenes import digest
from ludus.agents.learner import Learner
from ludus.curricula import attribution, references, runner, speaking
from ludus.curricula.curriculum import Curriculum
from ludus.curricula.plan import plan
from ludus.curricula.record import RunError, read_run

TINY = {
    "name": "tiny",
    "observation": 20,
    "action": 4,
    "evaluation": {"per_stage": 2, "episodes": 3, "last_episodes": 4},
    "stages": [{"task": "ludus/Push-v0", "steps": 1000}],
    "algorithms": {"ppo": {"rows": 64, "settings": {"n_steps": 8, "batch_size": 256, "n_epochs": 1}}},
}


class Chance:
    """A model with an opinion on every briefing."""

    name = "chance"

    def __init__(self):
        self.tokens = 0

    def choose(self, prompts, answers, priors=None):
        self.tokens += len(prompts)
        return [np.array([digest(p + a) % 7 for a in row], float) for p, row in zip(prompts, answers, strict=True)]

    def write(self, prompts):
        return ["" for _ in prompts]


@pytest.fixture(autouse=True)
def chance(monkeypatch):
    monkeypatch.setitem(INSTRUCTORS, "language-model", lambda: LanguageModel(Chance()))


def tiny(**stage):
    return Curriculum.model_validate_json(json.dumps(TINY | {"stages": [TINY["stages"][0] | stage]}))


def go(out, stage=None, **how):
    made = tiny(**(stage or {}))
    share = float("inf")
    return runner.run(made, out=out, threads=1, checkpoint_share=share, instructor="language-model", **how)


@pytest.mark.parametrize("stage", [{}, {"timeout": 7}], ids=["one instruction stands", "instructions time out"])
def test_stopped_and_resumed_it_is_the_same_run_and_its_counts_are_kept(tmp_path, monkeypatch, stage):
    calm = go(tmp_path / "calm", stage)
    real, count = Learner.learn, [0]

    def failing(self, steps):
        count[0] += 1
        if count[0] == 8:
            raise KeyboardInterrupt
        return real(self, steps)

    monkeypatch.setattr(Learner, "learn", failing)
    with pytest.raises(runner.Stopped):
        go(tmp_path / "run", stage)
    monkeypatch.setattr(Learner, "learn", real)
    again = go(tmp_path / "run", stage, resume=True)
    for name in ("evaluations.jsonl", "metrics.json", "policies/stage-0.safetensors"):
        assert (calm / name).read_bytes() == (again / name).read_bytes()
    costs = [json.loads((folder / "costs.json").read_text()) for folder in (calm, again)]
    assert costs[0]["instructor_model_calls"] > 50 and costs[0]["instructor_fell_back"] == 0
    assert costs[0]["instructor_model_calls"] == costs[1]["instructor_model_calls"]


def test_an_instruction_that_has_timed_out_is_asked_for_anew(tmp_path):
    asked, outcomes = {}, {}
    for steps in (None, 7):
        costs = json.loads((go(tmp_path / f"{steps}", {"timeout": steps}) / "costs.json").read_text())
        asked[steps], outcomes[steps] = costs["instructor_asked"], costs["instructor_outcomes"]
    assert asked[7] > 3 * asked[None] and outcomes[7] > outcomes[None] + 64


def test_a_model_that_has_learnt_is_asked_as_the_one_it_was(tmp_path, monkeypatch):
    monkeypatch.undo()
    shutil.copytree(loading.shipped(), tmp_path / "instructor", ignore=lambda *_: ["rehearsal.jsonl"])
    said = {"mode": "program", "language": "zh", "calls": 10, "timeout": 60.0, "model": "./gone"}
    run: Any = SimpleNamespace(folder=tmp_path, settings={"instructor": "language-model", "language_model": said})
    learnt = speaking.instructor(run)
    said["model"] = "shipped"
    spoken = [learnt, *(how.__self__ for how in attribution.models(run).values())]
    for one in spoken:
        assert (one.mode, one.language, one.limits["calls"], one.timeout) == ("program", "zh", 10, 60.0)
    assert [Path(one.name).name for one in spoken] == ["instructor", "shipped", "instructor"]


WRONG = {
    "a text": "hello", "a list": [1], "calls": {"calls": "x"}, "model": {"model": 5}, "timeout": {"timeout": "soon"},
    "no time": {"timeout": 0}, "endless": {"timeout": float("inf")}, "less than none": {"tokens": -1},
    "mode": {"mode": ["write"]}, "true": {"calls": True}, "budget": {"seconds": {}}, "online": {"dtype": 3},
}  # fmt: skip


@pytest.mark.parametrize("said", WRONG.values(), ids=WRONG)
def test_what_a_folder_says_of_its_model_in_the_wrong_kind_is_one_line_with_the_file(tmp_path, said):
    run: Any = SimpleNamespace(folder=tmp_path, settings={"instructor": "language-model", "language_model": said})
    with pytest.raises(RunError, match=r"run\.json: language_model: ") as error:
        speaking.instructor(run)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


@pytest.mark.parametrize("name", ["instructor", "instructor.tmp", "instructions.jsonl.kept"])
def test_a_run_whose_model_is_a_link_is_refused(tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match=f"{name}: is a link"):
        go(tmp_path / "run", resume=True)


def test_a_stage_without_a_timeout_is_hashed_as_before_there_were_any():
    assert "timeout" not in tiny().model_dump_json()
    assert len({plan(tiny(timeout=steps)).hash for steps in (None, 7, 8)}) == 3
    twice = [TINY["stages"][0], TINY["stages"][0] | {"timeout": 7}]
    with pytest.raises(ValueError, match="other settings in another stage"):
        Curriculum.model_validate_json(json.dumps(TINY | {"stages": twice}))


class Last:
    """Somebody's own: the last of what is feasible, whoever asks."""

    reads_scene = True

    def instruct(self, briefings, states):
        return [(b.feasible or (b.goal,))[-1] for b in briefings], list(states)


def test_an_instructor_of_ones_own_instructs_where_code_is_allowed(tmp_path):
    name, how = f"{__name__}:Last", {"threads": 1, "out": tmp_path / "run"}
    with pytest.raises(ValueError, match="would run code of its own; allow it with --allow-code"):
        runner.run(tiny(), instructor=name, **how)
    with pytest.raises(ValueError, match="is no instructor: a class whose instruct"):
        runner.run(tiny(), instructor=f"{__name__}:tiny", allow_code=True, **how)
    run = read_run(runner.run(tiny(), instructor=name, allow_code=True, **how))
    assert run.settings["instructor"] == name and list(run.settings["own"]) == [name]
    assert run.costs["instructor_calls"] > 0
    assert references.plan_of(run, "sequence", keep_methods=True).hash == run.settings["hash"]
    with pytest.raises(RunError, match="is code of somebody's own"):
        speaking.instructor(run)
