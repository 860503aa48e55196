"""Estimates over seeds: right against scipy, and intervals that cover what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import trim_mean

from ludus.curricula.statistics import interval, iqm, mean, profile, resample

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


def test_the_order_of_seeds_does_not_move_the_estimate():
    values = np.random.default_rng(1).random((6, 3))
    assert interval(values, iqm).estimate == pytest.approx(interval(values[::-1], iqm).estimate)


def test_a_profile_falls_from_all_to_those_at_the_top():
    values = np.array([[0.0, 0.5], [1.0, 1.0]])
    assert profile(values, np.array([0.0, 0.4, 0.6, 1.0])).tolist() == [1.0, 0.75, 0.5, 0.5]
    assert np.isnan(profile(np.array([[float("nan"), 1.0]]), np.array([0.5]))).all()
