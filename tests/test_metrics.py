"""Measures say what their formulas say: on records made by hand, and on every record."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ludus.curricula import metrics
from ludus.curricula.metrics import References, Scores, compute, measure
from ludus.curricula.scores import width_of

calm = settings(deadline=None)  # other work may share the machine
NAN = float("nan")
LEARN_AND_FORGET = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
PERFECT = [[1, 1, 1]] * 3
ZERO = [[0, 0, 0]] * 3


def record(matrix, untrained=None, per_stage=1, trained=None, episodes=100) -> Scores:
    """Scores whose every evaluation of stage j is matrix[j]; untrained scores come first where they are given."""
    matrix = np.array(matrix, float)
    size, tasks = matrix.shape
    rows = [] if untrained is None else [(np.array(untrained, float), -1, 0, False)]
    rows += [(matrix[j], j, 10 * (k + 1), k == per_stage - 1) for j in range(size) for k in range(per_stage)]
    score, stage, stage_step, last = (np.array(column) for column in zip(*rows, strict=True))
    step = np.where(stage < 0, 0, stage * 10 * per_stage + stage_step)
    names = tuple("abcdefgh"[:tasks])
    trained = tuple(range(size)) if trained is None else trained
    return Scores(score, stage, step, stage_step, last, np.full(score.shape, episodes), names, trained)


def curves(*scores, trained=None) -> Scores:
    """A run of one stage per curve: curve i is that of task i in stage i, other tasks score 0."""
    size = len(scores)
    rows = [
        (np.eye(size)[i] * value, i, k + 1, k == len(c) - 1) for i, c in enumerate(scores) for k, value in enumerate(c)
    ]
    score, stage, stage_step, last = (np.array(column) for column in zip(*rows, strict=True))
    trained = tuple(range(size)) if trained is None else trained
    return Scores(
        score, stage, np.arange(len(rows)), stage_step, last, np.ones(score.shape, int), tuple("abcd"[:size]), trained
    )


def value(name, scores, references=None) -> float:
    return measure(name, scores, references).value


def values(matrix, **how) -> dict[str, float]:
    how.setdefault("untrained", [0] * len(matrix[0]))
    return {name: value(name, record(matrix, **how)) for name in metrics.METRICS}


def subset(found, *names):
    return {name: found[name] for name in names}


def test_an_agent_that_never_succeeds_scores_zero_and_forgets_nothing_that_could_be_counted():
    found = values(ZERO)
    assert subset(found, "average_performance", "forgetting", "gem.bwt", "gem.fwt", "chaudhry.forgetting") == {
        "average_performance": 0, "forgetting": 0, "gem.bwt": 0, "gem.fwt": 0, "chaudhry.forgetting": 0,
    }  # fmt: skip
    assert math.isnan(found["bars.forgetting"]) and math.isnan(found["meal.forgetting"])
    assert "no earlier stage was learnt" in measure("bars.forgetting", record(ZERO)).note
    assert metrics.unlearnt(record(ZERO)) == ["a", "b", "c"]


def test_a_perfect_agent_is_perfect():
    found = values(PERFECT)
    assert subset(found, "average_performance", "forgetting", "bars.forgetting", "gem.fwt", "libero.auc") == {
        "average_performance": 1, "forgetting": 0, "bars.forgetting": 0, "gem.fwt": 1, "libero.auc": 1,
    }  # fmt: skip


def test_an_agent_that_forgets_all_keeps_one_of_three():
    found = values(LEARN_AND_FORGET)
    expected = {
        "average_performance": 1 / 3,
        "forgetting": 2 / 3,
        "bars.forgetting": 1,
        "gem.bwt": -1,
        "gem.fwt": 0,
        "chaudhry.forgetting": 1,
        "meal.forgetting": 1,
        "libero.fwt": 1,
        "libero.nbt": 1,
        "libero.auc": (1 / 3 + 1 / 2 + 1) / 3,
        "cora.isolated_forgetting": 2 / 3,  # of the pairs (a, 2), (a, 3), (b, 3), two lose everything
        "cora.zero_shot": 0,
    }
    assert subset(found, *expected) == pytest.approx(expected)


def test_an_uneven_record_worked_by_hand():
    scores = record([[0.9, 0.2, 0.1], [0.5, 1.0, 0.3], [0.7, 0.4, 0.8]], untrained=[0.1, 0.0, 0.2])
    expected = {
        "average_performance": (0.7 + 0.4 + 0.8) / 3,
        "forgetting": (0.2 + 0.6 + 0) / 3,
        "bars.learning": (0.9 + 1.0 + 0.8) / 3,
        "bars.forgetting": (0.2 + 0.6) / 2,
        "gem.bwt": (-0.2 - 0.6) / 2,
        "gem.fwt": (0.2 + 0.1) / 2,
        "gem.base_average": 0.1,
        "gem.learning_gain": (0.8 + 0.8 + 0.5) / 3,
        "gem.final_average": 1.9 / 3,
        "chaudhry.forgetting": (0.2 + 0.6) / 2,
        "libero.nbt": (((0.4 + 0.2) / 2) + 0.6) / 2,
        "libero.auc": ((0.9 + 0.5 + 0.7) / 3 + (1.0 + 0.4) / 2 + 0.8) / 3,
        "cora.isolated_forgetting": (0.4 - 0.2 + 0.6) / 3,
        "cora.zero_shot": (0.2 - 0.1 + 0.2) / 3,
    }
    for name, wanted in expected.items():
        assert value(name, scores) == pytest.approx(wanted), name


def test_a_task_that_comes_back_with_another_budget_is_held_against_learning_it_with_that_budget():
    """Stages of 2, 1 and 1 evaluations: the second visit of a is shorter than its first."""
    rows = [row(e, s, i, v, last) for e, (s, i, v, last) in enumerate(
        [(0, 0, 0.5, False), (0, 0, 1.0, True), (1, 1, 0.5, True), (2, 0, 0.5, True)])]  # fmt: skip
    rows[1] |= {"stage_step": 20}
    scores = Scores.from_rows(rows, ["task0", "task1", "task0"])
    assert scores.aucs.tolist() == [0.625, 0.5, 0.5]
    assert value("forward_transfer", scores, References(scratch=[scores])) == 0
    other = Scores.from_rows(rows[:3], ["task0", "task1"])  # of another plan: the first stage of that name
    assert References(scratch=[other]).aucs(["task1", "task0"]).tolist() == [0.5, 0.625]


def test_a_task_that_comes_back_is_one_task_of_the_average_and_says_so():
    scores = record([[1, 0], [0, 1], [0, 1]], trained=(0, 1, 1))
    assert value("average_performance", scores) == 0.5
    assert "distinct tasks" in metrics.METRICS["average_performance"].formula


def test_a_task_that_comes_back_is_neither_new_nor_forgotten_by_its_own_stage():
    kept = record([[1, 0], [1, 1], [1, 1], [1, 1]], untrained=[0, 0], trained=(0, 1, 0, 1))
    assert value("cora.zero_shot", kept) == 0 and value("cora.isolated_forgetting", kept) == 0
    lost = record([[1, 0], [0, 1], [1, 0], [0, 1]], untrained=[0, 0], trained=(0, 1, 0, 1))
    assert value("cora.isolated_forgetting", lost) == 1 and value("cora.zero_shot", lost) == 0


def test_a_stage_whose_own_score_is_missing_is_missing_and_not_unlearnt():
    scores = record([[NAN, 0, 0], [0.2, 1, 0], [0.2, 0.8, 1]])
    found = measure("bars.forgetting", scores)
    assert math.isnan(found.value) and found.note == "scores that it needs were not measured"


def test_fading_loss_counts_the_evaluations_soon_after_the_stage_most():
    scores = record([[0.8, 0, 0], [0.4, 1, 0], [0.0, 1, 1]])
    near, far = np.exp(-2 * 10 / 20), np.exp(-2.0)
    a = (near * 0.5 + far * 1.0) / (near + far)
    assert value("meal.forgetting", scores) == pytest.approx((a + 0) / 2)


def test_the_best_before_the_end_is_what_chaudhrys_forgetting_compares_with():
    scores = record([[0.5, 0, 0], [0.3, 1, 0], [0.9, 0.8, 1]])
    assert value("chaudhry.forgetting", scores) == pytest.approx((-0.4 + 0.2) / 2)


def test_an_unlearnt_stage_is_named_and_not_counted():
    scores = record([[0.9, 0, 0], [0.9, 0.5, 0], [0.4, 0.0, 1]])
    found = measure("bars.forgetting", scores)
    assert found.value == pytest.approx(0.5)
    assert "not learnt, not counted: b" in found.note
    assert [stage["learnt"] for stage in metrics.stages(scores)] == [True, False, True]


def test_bars_say_when_episodes_are_few():
    assert "100 episodes a score" in measure("bars.forgetting", record(PERFECT)).note
    assert "20 episodes a score, fewer than 100" in measure("bars.forgetting", record(PERFECT, episodes=20)).note


def test_bars_read_the_last_evaluation_and_the_default_reads_five():
    first, second = curves([0, 0, 0, 0, 0, 1]), curves([0, 1, 1, 1, 1, 1])
    assert value("average_performance", first) == pytest.approx(0.2)
    assert value("average_performance", second) == 1
    assert value("bars.learning", first) == 1


def test_fewer_than_five_evaluations_are_said():
    assert "only 2 in stage 1" in measure("forgetting", record(PERFECT, per_stage=2)).note
    assert "only" not in measure("forgetting", record(PERFECT, per_stage=5)).note


def test_one_task_has_a_performance_and_no_forgetting():
    found = values([[1.0]])
    assert found["average_performance"] == 1 and found["forgetting"] == 0
    for name in ("gem.bwt", "gem.fwt", "chaudhry.forgetting", "bars.forgetting", "libero.nbt", "cora.zero_shot"):
        assert math.isnan(found[name]), name
    assert measure("gem.bwt", record([[1.0]])).note == "there is one stage only"


def test_a_missing_score_stays_missing_and_never_becomes_zero():
    scores = record([[1, 0, 0], [1, 1, 0], [NAN, 1, 1]])
    for name in (
        "average_performance",
        "forgetting",
        "bars.forgetting",
        "gem.bwt",
        "chaudhry.forgetting",
        "libero.nbt",
    ):
        assert math.isnan(value(name, scores)), name
    assert value("bars.learning", scores) == 1
    found = compute(scores)
    assert found["metrics"]["gem.bwt"]["value"] is None and found["matrix"][2][0] is None
    assert found["metrics"]["gem.bwt"]["note"]


def test_a_line_that_is_not_there_is_a_score_that_is_missing():
    scores = Scores.from_rows([row(0, 0, 0, 1.0, True), row(1, 1, 1, 1.0, True)], ["task0", "task1"])
    assert np.isnan(scores.matrix[[0, 1], [1, 0]]).all() and scores.learned.tolist() == [1, 1]
    assert math.isnan(value("gem.bwt", scores)) and math.isnan(value("average_performance", scores))


def test_without_untrained_scores_their_transfer_is_missing():
    assert math.isnan(value("gem.fwt", record(PERFECT))) and value("gem.bwt", record(PERFECT)) == 0


def test_a_run_that_has_not_ended_has_no_final_score():
    rows = [row(0, 0, 0, 1.0, True), row(0, 0, 1, 0.0, True)]
    scores = Scores.from_rows(rows, ["task0", "task1"])
    assert not scores.complete
    assert measure("average_performance", scores).value != measure("average_performance", scores).value
    assert measure("gem.bwt", scores).note == "the run has not ended"
    assert metrics.stages(scores)[1]["learnt"] is None


def test_a_score_above_one_is_refused():
    with pytest.raises(ValueError, match=r"score 1\.5 of task 'b' in evaluation 1 .* normalise"):
        record([[1, 0], [0, 1.5]])


def test_a_zero_is_a_zero():
    """Learn one task of four and forget it: the average that dropped exact zeros said 1.0 here."""
    assert value("average_performance", record([[1, 0, 0, 0]] + [[0, 0, 0, 0]] * 3)) == 0


def test_auc_is_the_mean_of_the_curve_over_the_whole_stage():
    scores = curves([0.0, 0.5, 1.0])  # at 1, 2 and 3 steps of 3
    assert scores.auc(0) == pytest.approx((0.0 * 1 + 0.25 + 0.75) / 3)
    assert curves([0.7]).auc(0) == pytest.approx(0.7)


def test_transfer_is_the_share_of_the_gap_to_one_that_is_gained():
    references = References(scratch=[curves([0.5, 0.5], [0.2, 0.2]), curves([0.5, 0.5], [0.4, 0.4])], label="made up")
    found = measure("forward_transfer", curves([0.75, 0.75], [0.3, 0.3]), references)
    assert found.value == pytest.approx((0.5 + 0) / 2)
    assert found.note == "references: made up, 2 seeds"
    assert value("meal.forward_transfer", curves([0.75, 0.75], [0.3, 0.3]), references) == pytest.approx((0.5 + 0) / 2)


def test_a_perfect_reference_leaves_no_transfer_to_measure_on_its_task_alone():
    references = References(scratch=[curves([1.0, 1.0], [0.2, 0.2])])
    found = measure("forward_transfer", curves([0.5, 0.5], [0.6, 0.6]), references)
    assert found.value == pytest.approx(0.5) and "nothing to gain on a, left out" in found.note
    nothing = References(scratch=[curves([1.0, 1.0], [1.0, 1.0])])
    found = measure("forward_transfer", curves([1.0, 1.0], [0.3, 0.3]), nothing)
    assert math.isnan(found.value) and "on a, b, left out" in found.note


def test_a_reference_of_zero_is_left_out_and_counted():
    references = References(scratch=[curves([0.0, 0.0], [0.2, 0.2])])
    found = measure("meal.forward_transfer", curves([1.0, 1.0], [0.3, 0.3]), references)
    assert found.value == pytest.approx(0.5) and "1 tasks left out" in found.note


def test_a_measure_taken_apart_for_its_interval_is_the_same_measure():
    """Of means over seeds as over seeds, on a task that is left out, one that is perfect on one seed, and others."""
    scratch = [curves([1.0, 1.0], [0.2, 0.4], [0.0, 0.0]), curves([1.0, 1.0], [1.0, 1.0], [0.0, 0.0])]
    joint = [record([[1, 1, 0.5]], trained=()), record([[0.5, 0.5, 0.2]], trained=())]
    references = References(joint=joint, scratch=scratch)
    runs = [curves([0.5, 0.9], [0.3, 0.6], [0.1, 0.2]), curves([0.4, 0.6], [0.7, 0.8], [0.3, 0.9])]
    for name, ratio in metrics.RATIOS.items():
        own, base = ratio.sides(runs, references)
        assert len(own) == len(base) == 2 and name in metrics.METRICS
        found = ratio.of_means(base)(own.mean(axis=0), base.mean(axis=0))
        assert float(found) == pytest.approx(np.mean([value(name, run, references) for run in runs])), name
    own, base = metrics.RATIOS["forward_transfer"].sides(runs, references)
    with np.errstate(divide="ignore"):  # a draw in which the second task is perfect as well
        assert not np.isfinite(metrics.RATIOS["forward_transfer"].of_means(base)(own.mean(axis=0), base[1]))


def test_what_must_be_said_of_references_stands_beside_what_is_held_against_them():
    held = References(scratch=[curves([0.5, 0.5])], label="made up", note="stages ended early")
    assert measure("forward_transfer", curves([0.5, 0.5]), held).note == (
        "references: made up, 1 seeds; stages ended early"
    )


def test_a_missing_number_says_why_beside_what_is_known_of_it():
    begun = Scores.from_rows([row(0, 0, 0, 0.5, True), row(0, 0, 1, 0.0, True)], ["task0", "task1"])
    held = References(scratch=[record([[1, 0], [0, 1]])], joint=[record([[1, 1]], trained=())], label="made up")
    for name in ("average_performance", "forgetting", "forward_transfer", "share_of_joint", "bars.learning"):
        found = measure(name, begun, held)
        assert math.isnan(found.value) and found.note.endswith("; the run has not ended"), name
    assert measure("forward_transfer", record(PERFECT)).note == "no references"
    holes = measure("average_performance", record([[1, NAN], [1, NAN]]))
    assert holes.note.startswith("points: ") and holes.note.endswith("; scores that it needs were not measured")
    alone = measure("average_performance", record([[NAN]]))
    assert alone.note.endswith("; scores that it needs were not measured")
    for name in ("forgetting", "forward_transfer", "meal.forward_transfer", "meal.forgetting"):
        found = measure(name, record([[1, 0.5, 0.0]], trained=()), held)
        assert found.note == "all tasks are trained at once: there are no stages", name


def test_references_that_have_not_ended_are_counted_in_the_reason():
    begun = Scores.from_rows([row(0, -1, i, 0.0, False) for i in range(3)], (), ["task0", "task1", "task2"])
    held = References(joint=[record([[1, 1, 1]], trained=()), begun], label="made up")
    found = measure("share_of_joint", record(PERFECT), held)
    assert math.isnan(found.value) and found.note == "references: made up, 2 seeds; 1 of 2 have not ended"


def test_without_references_nothing_is_made_up():
    for name in ("forward_transfer", "share_of_joint", "meal.forward_transfer"):
        found = measure(name, record(PERFECT))
        assert math.isnan(found.value) and "no references" in found.note


def test_share_of_joint_divides_by_the_mean_of_the_joint_runs():
    joint = [record([[1, 1, 1]], trained=()), record([[0.5, 0.5, 0.5]], trained=())]
    found = measure("share_of_joint", record(LEARN_AND_FORGET), References(joint=joint, label="here"))
    assert found.value == pytest.approx((1 / 3) / 0.75) and "2 seeds" in found.note
    assert math.isnan(value("share_of_joint", record(PERFECT), References(joint=[record([[0, 0, 0]], trained=())])))


def test_joint_training_has_an_average_and_no_stages():
    scores = record([[1, 0.5, 0.0]], trained=())
    assert value("average_performance", scores) == pytest.approx(0.5)
    assert "there are no stages" in measure("gem.bwt", scores).note


def test_the_best_point_holds_in_libero_and_what_came_before_it_counts():
    assert value("libero.fwt", curves([0.4, 0.2, 0.8, 0.1])) == pytest.approx((0.4 + 0.2 + 0.8 + 0.8) / 4)


def test_lost_plasticity_shows_on_the_second_round():
    again = Scores.from_rows(
        [row(e, stage, 0, score, True) for e, (stage, score) in enumerate([(0, 0.8), (1, 0.2), (2, 0.4)])],
        ["task0", "task0", "task0"],
    )
    assert value("plasticity.auc_loss", again) == pytest.approx((0.75 + 0.5) / 2)
    assert "twice" in measure("plasticity.auc_loss", record(PERFECT)).note


@st.composite
def lives(draw):
    size = draw(st.integers(2, 6))
    score = arrays(float, (size + 1, size), elements=st.floats(0, 1))
    drawn = draw(score)
    return record(drawn[1:], untrained=drawn[0])


@calm
@given(lives())
def test_the_final_average_falls_into_its_four_parts(scores):
    share = (len(scores.trained) - 1) / len(scores.trained)
    base, gain = value("gem.base_average", scores), value("gem.learning_gain", scores)
    transfer, backward = value("gem.fwt", scores), value("gem.bwt", scores)
    assert value("gem.final_average", scores) == pytest.approx(
        base + share * transfer + gain + share * backward, abs=1e-12
    )


@calm
@given(lives())
def test_measures_stay_in_their_range(scores):
    for name, found in ((name, value(name, scores)) for name in metrics.METRICS):
        assert math.isnan(found) or -1 <= found <= 1, name
    assert value("chaudhry.forgetting", scores) >= -value("gem.bwt", scores) - 1e-12
    json.dumps(compute(scores), allow_nan=False)


@calm
@given(lives(), st.randoms())
def test_renaming_the_columns_changes_no_measure(scores, random):
    order = random.sample(range(len(scores.tasks)), len(scores.tasks))
    moved = Scores(
        scores.score[:, order], scores.stage, scores.step, scores.stage_step, scores.last, scores.episodes,
        tuple(scores.tasks[i] for i in order), tuple(order.index(column) for column in scores.trained),
    )  # fmt: skip
    for name in metrics.METRICS:
        assert value(name, moved) == pytest.approx(value(name, scores), nan_ok=True), name


def row(evaluation, stage, index, success, last, agents=None):
    return {
        "evaluation": evaluation, "stage": stage, "task": f"task{index}", "index": index, "step": 10 * (evaluation + 1),
        "stage_step": 10, "last": last, "episodes": 10, "success": success, "return": 0.0, "length": 1.0,
        "diverged": 0, "agents": agents or {},
    }  # fmt: skip


@calm
@given(st.randoms())
def test_the_order_of_rows_and_agents_changes_nothing(random):
    agents = [("left", 0.5), ("right", 0.25), ("top", 0.0)]
    rows = [row(j, j, i, (i + j) / 4, True, dict(agents)) for j in range(3) for i in range(3)]
    mixed = [r | {"agents": dict(random.sample(agents, 3))} for r in random.sample(rows, len(rows))]
    assert compute(Scores.from_rows(mixed)) == compute(Scores.from_rows(rows))


def test_an_unknown_metric_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"no metric 'gem\.btw'; did you mean gem\.bwt"):
        measure("gem.btw", record(PERFECT))


def test_every_metric_states_its_formula():
    assert all(len(metric.formula) > 8 for metric in metrics.METRICS.values())


def test_of_a_policy_that_changes_as_its_stage_ends_only_the_evaluation_after_it_counts():
    rows = [row(e, 0, 0, success, e == 4) for e, success in enumerate((1.0, 1.0, 1.0, 1.0, 0.2))]
    said = {
        name: measure("average_performance", Scores.from_rows(rows, width=width_of({"methods": [{"name": name}]})))
        for name in ("replay", "packnet")
    }
    assert said["replay"].value == pytest.approx(0.84) and "last 5 evaluations" in said["replay"].note
    assert said["packnet"].value == pytest.approx(0.2) and "the last evaluation" in said["packnet"].note
