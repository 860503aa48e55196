"""Ablations change what a policy is told and nothing else; a policy that listens does worse for it."""

import json

import numpy as np
import pytest

from ludus.agents.interface import INPUTS
from ludus.curricula import ablate, attribution, cli, runner
from ludus.curricula.baselines import of
from ludus.curricula.record import read_run
from ludus.envs import registry
from ludus.envs.instructions import Briefing, HashedWords, goal_only, parse

TASK = "ludus/BasicGoal-v0"


@pytest.fixture(scope="module")
def world():
    return registry.make("ludus/LiftColour-v0", 1)


def told(world, kind, seed=0, copies=40):
    """(what is said, what is heard, the vectors that the policy is shown) of copies with drawn goals."""
    draw = np.random.default_rng(1)
    said = [world.goals[i].text for i in draw.integers(len(world.goals), size=copies)]
    between = ablate.Retold(kind, goal_only, HashedWords(16), world, "go to the goal", seed)
    heard, _ = between.instruct([Briefing(text, "", "arm", ("arm",), ()) for text in said], [None] * copies)
    return said, heard, between.encode(heard)


def meant(world, texts):
    return [str(i.arguments) for i in (parse(t, world.skills) for t in texts)]


def test_the_wrong_instruction_is_always_another_goal(world):
    said, heard, _ = told(world, "wrong")
    assert all(a != b for a, b in zip(meant(world, said), meant(world, heard), strict=True))


def test_shuffled_instructions_are_the_true_ones_in_other_places(world):
    said, heard, _ = told(world, "shuffled", copies=400)
    assert said != heard and set(heard) == set(said)
    assert 0.3 < np.mean([a == b for a, b in zip(said, heard, strict=True)]) < 0.7  # of two goals


@pytest.mark.parametrize("kind", ["paraphrased", "held-out"])
def test_other_words_mean_the_same(world, kind):
    said, heard, _ = told(world, kind)
    assert meant(world, said) == meant(world, heard) and not set(said) & set(heard)
    skill = world.goals[0].skill
    assert {parse(t, world.skills).said for t in heard} <= {
        g.phrase(w) for g in world.goals for w in (skill.held_out if kind == "held-out" else skill.wordings[1:])
    }


def test_who_is_told_nothing_or_of_another_task_is_told_the_same_for_every_goal(world):
    assert not told(world, "none")[2].any()
    vectors = told(world, "wrong-task")[2]
    assert (vectors == HashedWords(16)(["go to the goal"])).all()
    np.testing.assert_array_equal(told(world, "true")[2], HashedWords(16)(told(world, "true")[0]))


def test_only_what_changes_something_is_tried():
    alone, bare = registry.make("ludus/Reach-v0", 1), registry.make("ludus/LiftColour-v0", 1)
    assert not {"wrong", "shuffled"} & set(ablate.kinds(alone)) and set(ablate.kinds(bare)) == set(ablate.KINDS)


def run(out, input, steps=16384):
    """A game whose two goals share a start, learnt in a few seconds."""
    made = of(TASK)
    sizes = made.evaluation.model_copy(update={"per_stage": 1, "episodes": 4, "last_episodes": 20})
    stages = tuple(s.model_copy(update={"steps": steps}) for s in made.stages)
    return runner.run(made.model_copy(update={"stages": stages, "evaluation": sizes}), input=input, out=out, seed=100)


def test_a_policy_that_listens_follows_wrong_words_and_the_report_finds_the_rows(tmp_path, capsys):
    folder = run(tmp_path / "run", "instructed")
    assert cli.invoke(["ablate", str(folder), "--episodes", "60"]) == 0
    assert "instruction_sensitivity +1.00" in capsys.readouterr().out
    rows = json.loads((folder / "ablations.json").read_text())
    score = {row["instruction"]: row["success"] for row in rows}
    assert score["true"] == 1 and score["wrong"] == 0 and 0.2 < score["none"] < 0.8 and 0.2 < score["shuffled"] < 0.8
    assert all(r["task"] == TASK and r["n"] == 60 and 0 <= r["low"] <= r["success"] <= r["high"] <= 1 for r in rows)
    assert ablate.ablate(read_run(folder), 60) == rows, "the same again"
    assert cli.invoke(["ablate", str(folder), "--task", "BasicGaol-v0"]) == 2
    assert "did you mean ludus/BasicGoal-v0" in capsys.readouterr().err


def test_old_and_new_model_are_tried_with_old_and_new_policy_of_every_task_but_the_last(tmp_path, capsys, monkeypatch):
    made = of(TASK)
    stages = [
        s.model_copy(update={"task": TASK + after, "steps": 256}) for s in made.stages for after in ("", "#again")
    ]
    sizes = made.evaluation.model_copy(update={"per_stage": 1, "episodes": 2, "last_episodes": 2})
    made = made.model_copy(update={"stages": tuple(stages), "evaluation": sizes})
    folder = runner.run(made, out=tmp_path / "run", seed=100)
    assert cli.invoke(["ablate", str(folder), "--whose-forgetting"]) == 2
    assert "its instructor has not learnt; that takes" in capsys.readouterr().err
    monkeypatch.setattr(attribution, "models", lambda run: {"old": goal_only, "new": goal_only})
    assert cli.invoke(["ablate", str(folder), "--whose-forgetting", "--episodes", "6"]) == 0
    rows = json.loads((folder / "two_by_two.json").read_text())
    assert {(r["model"], r["policy"]) for r in rows} == {(a, b) for a in ("old", "new") for b in ("old", "new")}
    assert len(rows) == 4 and {r["task"] for r in rows} == {TASK} and all(r["n"] == 6 for r in rows)
    same = {r["policy"]: r["success"] for r in rows if r["model"] == "old"}
    assert all(r["success"] == same[r["policy"]] for r in rows), "equal models, equal scores"


def test_a_run_that_was_not_told_sentences_says_what_it_was_told(tmp_path):
    rows = ablate.ablate(read_run(run(tmp_path / "run", "goal-id", 256)), 4)
    assert [row["instruction"] for row in rows] == ["one-hot"] and ablate.AS_LEARNT.keys() == set(INPUTS)


def test_a_policy_that_ships_is_tried_without_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.invoke(["ablate", "WorkshopEasy-v0", "--episodes", "40", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    score = {row["instruction"]: row["success"] for row in rows}
    assert score.keys() == ablate.KINDS.keys() and score["true"] > 0.9 and score["wrong"] < 0.1
    assert all(row["task"] == "ludus/WorkshopEasy-v0" and row["n"] == 40 for row in rows)
    assert cli.invoke(["ablate", "ludus/WorkshopEasy-v0", "--episodes", "4"]) == 0
    assert "instruction_sensitivity +" in capsys.readouterr().out and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words, said",
    [
        (["LiftColor-v0"], "did you mean ludus/LiftColour-v0"),
        (["Detective-v0"], "no policy ships for ludus/Detective-v0"),
        (["WorkshopEasy-v0", "--whose-forgetting"], "are for the folder of a run"),
        (["runs/none"], "no such run folder"),
    ],
)
def test_what_cannot_be_tried_is_named(words, said, capsys):
    assert cli.invoke(["ablate", *words]) == 2
    assert said in capsys.readouterr().err
