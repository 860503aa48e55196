"""A stage may end as soon as its task is learnt: the record stays valid, and a stopped run goes on to the same."""

import json

import pytest
from test_runner import TINY, content, go, tiny

from ludus.agents.learner import Learner
from ludus.curricula import curriculum, plan, record, submit
from ludus.curricula.curriculum import Tier
from ludus.curricula.record import RunError
from ludus.curricula.runner import Stopped

ERRANDS = {"task": "ludus/Household-v0", "steps": 640, "settings": {"steps": 1}}
MASKED = {"maskable-ppo": {"rows": 32, "settings": {"n_steps": 4, "batch_size": 128, "n_epochs": 1}}}


def early(success):
    """Two stages; who has learnt nothing yet does some of the first one's errands by luck, and none of the second's."""
    stages = [ERRANDS | {"until": {"success": success}}, {"task": "ludus/Basic-v0", "steps": 256}]
    sizes = {"evaluation": {"per_stage": 4, "episodes": 12, "last_episodes": 6}, "observation": 222, "action": 1}
    return tiny(stages=stages, algorithms=MASKED, actions="branches", words=8, **sizes)


def live(out, success, **how):
    return go(out, curriculum=early(success), algorithm="maskable-ppo", **how)


def trained(folder):
    return [(r["stage"], r["stage_step"], r["last"]) for r in record.read_run(folder).rows if r["index"] == 0]


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return live(tmp_path_factory.mktemp("early") / "run", 0.05)


def test_a_stage_ends_at_the_first_evaluation_that_is_enough_and_not_before_its_first(short):
    assert trained(short)[:3] == [(-1, 0, False), (0, 256, False), (0, 256, True)]
    assert trained(short)[3:] == [(1, 128, False), (1, 128, False), (1, 256, False), (1, 256, True)]
    run = record.read_run(short)
    assert run.scores.complete and run.scores.auc(0) > 0.05 and run.costs["steps"] == 512


def test_a_stage_that_never_finds_enough_takes_its_whole_budget(tmp_path):
    assert trained(live(tmp_path / "run", 1.0))[-5] == (0, 640, True)


@pytest.mark.parametrize("number", [2, 6, 9])
def test_a_run_stopped_before_and_after_the_early_end_goes_on_to_the_same_bytes(short, tmp_path, monkeypatch, number):
    count, real = [0], Learner.learn

    def failing(*args):
        count[0] += 1
        if count[0] == number:
            raise KeyboardInterrupt
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "learn", failing)
        with pytest.raises(Stopped):
            live(tmp_path / "run", 0.05)
    live(tmp_path / "run", 0.05, resume=True)
    assert content(tmp_path / "run") == content(short) and len(content(short)) == 4


def test_a_leaderboard_takes_it_but_not_where_no_evaluation_was_enough(short):
    assert submit.entry(short)["label"] == "finetune@maskable-ppo"
    run, ended = record.read_run(short), plan.plan(early(0.05), "maskable-ppo")
    poor = record.Run(run.folder, run.settings, [r | {"success": 0.0} for r in run.rows], run.scores, run.costs)
    with pytest.raises(RunError, match="stage 0 has 2 of 4 evaluations"):
        submit._whole(poor, ended)


def test_without_evaluations_it_is_refused_and_in_the_joint_run_it_means_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"tiny: stages move on by their evaluations \(until\)"):
        live(tmp_path / "run", 0.05, evaluations=False)
    assert not (tmp_path / "run").exists()
    assert [p.enough for p in plan.plan(early(0.5), "maskable-ppo", regime="joint").parts] == [None]


def test_a_stage_that_is_tried_once_cannot_end_early_and_so_is_refused_at_that_size():
    made = early(0.5).model_copy(update={"tiers": {"full": Tier(), "smoke": Tier(per_stage=1)}})
    assert plan.plan(made, "maskable-ppo").parts[0].enough == 0.5
    with pytest.raises(ValueError, match="tier smoke needs per_stage of 2 or more"):
        plan.plan(made, "maskable-ppo", tier="smoke")
    assert plan.plan(made, "maskable-ppo", regime="joint", tier="smoke").parts[0].enough is None


def test_the_hash_speaks_of_an_early_end_only_where_there_is_one():
    assert plan.plan(curriculum.load("first-steps")).hash.startswith("c476281")
    assert plan.plan(early(0.5), "maskable-ppo").hash != plan.plan(early(0.6), "maskable-ppo").hash
    assert json.loads(early(0.5).model_dump_json())["stages"][0]["until"] == {"success": 0.5}
    assert "until" not in early(0.5).model_dump()["stages"][1] and "until" not in TINY["stages"][0]
