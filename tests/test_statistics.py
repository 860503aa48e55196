"""Estimates over seeds: right against scipy, and intervals that cover what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import trim_mean

from ludus.curricula.statistics import interval, iqm, mean, paired, profile, resample

calm = settings(deadline=None)  # other work may share the machine


@calm
@given(arrays(float, st.integers(1, 40), elements=st.floats(0, 1)))
def test_the_interquartile_mean_is_scipys_trimmed_mean(values):
    assert float(iqm(values)) == pytest.approx(float(trim_mean(values, 0.25)), abs=1e-12)


def test_the_interquartile_mean_ignores_one_outlier_and_the_mean_does_not():
    assert float(iqm(np.array([0.5, 0.5, 0.5, 100.0]))) == 0.5
    assert float(mean(np.array([0.5, 0.5, 0.5, 100.0]))) > 25


@pytest.mark.parametrize(("statistic", "least"), [(mean, 0.90), (iqm, 0.88)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(statistic, least):
    """Twenty seeds of a symmetric law with centre 0.5: such intervals cover a little under 95 %."""
    samples = np.random.default_rng(7).beta(4, 4, size=(300, 20))
    found = [interval(sample, statistic, resamples=500, seed=i) for i, sample in enumerate(samples)]
    covered = np.mean([i.low <= 0.5 <= i.high for i in found if i.low is not None and i.high is not None])
    assert least <= covered <= 0.985


def test_one_seed_has_no_interval_and_says_so():
    found = interval([0.7])
    assert found == (0.7, None, None, 1, "one seed: no interval")


def test_equal_seeds_have_an_interval_of_no_width():
    assert interval([0.5, 0.5, 0.5])[:4] == (0.5, 0.5, 0.5, 3)


def test_a_missing_value_makes_the_estimate_missing():
    found = interval([0.7, float("nan"), 0.9])
    assert math.isnan(found.estimate) and found.low is None and found.note == "missing in 1 of 3 seeds"


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    values = np.random.default_rng(0).random(5)
    assert interval(values) == interval(values)
    assert interval(values) != interval(values, seed=1)


def test_every_stratum_is_drawn_from_itself():
    """Two tasks that differ and seeds that do not: drawn within tasks, nothing varies."""
    values = np.array([[0.0, 1.0]] * 4)
    assert (resample(values, 50) == values).all()
    assert interval(values)[:3] == (0.5, 0.5, 0.5)


def share(own, base):
    return (own / base).mean(axis=-1)


def test_a_ratio_covers_the_truth_only_where_both_sides_are_drawn():
    """0.5 ÷ 0.8, each from ten noisy seeds: with the references taken for exact, it is missed far too often."""
    draw = np.random.default_rng(3)
    both, exact = [], []
    for i in range(200):
        own, base = draw.normal(0.5, 0.02, (10, 1)), draw.normal(0.8, 0.08, (10, 1))
        both.append(paired(own, base, share, resamples=400, seed=i))
        exact.append(paired(own, base.mean(axis=0, keepdims=True), share, resamples=400, seed=i))
    covered = [np.mean([i.low <= 0.5 / 0.8 <= i.high for i in found]) for found in (both, exact)]
    assert 0.86 <= covered[0] <= 0.985 and covered[1] < 0.75


def test_against_one_row_that_does_not_vary_it_is_the_interval_of_the_quotients():
    own = np.random.default_rng(0).random((5, 1))
    assert paired(own, np.array([[0.5]]), share)[:3] == pytest.approx(interval(own[:, 0] / 0.5)[:3])


def test_both_sides_are_drawn_from_one_seed_and_not_in_step():
    own = np.random.default_rng(1).random((4, 2)) + 0.5
    assert paired(own, own, share) == paired(own, own, share) != paired(own, own, share, seed=1)
    found = paired(own, own, share)
    assert found.estimate == 1 and found.low is not None and found.high is not None and found.low < 1 < found.high


def test_where_too_many_resamples_have_no_value_there_is_no_interval_and_it_says_so():
    own, rarely = np.array([[0.5], [0.7], [0.6]]), np.array([[1.0], [0.0], [1.0]])  # 1 in 27 leaves nothing
    often = np.array([[0.0], [0.0], [1.0]])  # 8 in 27
    found = paired(own, rarely, share)
    assert found.low is not None and found.high is not None and math.isfinite(found.high) and not found.note
    found = paired(own, often, share)
    assert found[:4] == (pytest.approx(1.8), None, None, 3)
    assert found.note == "no interval: nothing to divide by in 28 % of the resamples"


def test_one_seed_against_many_has_no_interval():
    assert paired(np.array([[0.4]]), np.array([[0.5], [1.0]]), share).note == "one seed: no interval"


def test_the_order_of_seeds_does_not_move_the_estimate():
    values = np.random.default_rng(1).random((6, 3))
    assert interval(values, iqm).estimate == pytest.approx(interval(values[::-1], iqm).estimate)


def test_a_profile_falls_from_all_to_those_at_the_top():
    values = np.array([[0.0, 0.5], [1.0, 1.0]])
    assert profile(values, np.array([0.0, 0.4, 0.6, 1.0])).tolist() == [1.0, 0.75, 0.5, 0.5]
    assert np.isnan(profile(np.array([[float("nan"), 1.0]]), np.array([0.5]))).all()
