"""Random streams: the bits are Philox's, a copy's life is its own, and the numbers are distributed as they say."""

import numpy as np
import pytest
from scipy import stats

from ludus.envs.streams import Streams, philox

ONES = 0xFFFFFFFF
# known answers of Philox4x32-10, as published with the algorithm
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([ONES] * 4, [ONES] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
]


def words(numbers):
    return [np.array([n], np.uint64) for n in numbers]


@pytest.mark.parametrize("counter, key, answer", KNOWN)
def test_the_bits_are_those_of_philox(counter, key, answer):
    assert [int(w[0]) for w in philox(words(counter), words(key))] == answer


def begun(n, seeds):
    streams = Streams(n)
    return streams, streams.begin(np.arange(n), seeds)


def test_a_copy_draws_the_same_numbers_whoever_draws_with_it():
    streams, together = begun(5, [3, 1, 4, 1, 5])
    first, second = together.random(3), streams.draw(np.array([2, 4])).normal(2)
    alone, own = begun(1, [4])
    assert np.array_equal(own.random(3)[0], first[2])
    assert np.array_equal(alone.draw(np.array([0])).normal(2)[0], second[0])
    assert np.array_equal(first[1], first[3])  # equal seeds
    assert not np.array_equal(first[0], first[1])


def test_the_order_of_the_copies_does_not_matter():
    _, forward = begun(4, [0, 1, 2, 3])
    streams = Streams(4)
    backward = streams.begin(np.array([3, 2, 1, 0]), [3, 2, 1, 0])
    assert np.array_equal(forward.random(7), backward.random(7)[::-1])


def test_a_draw_leaves_the_others_where_they_are():
    streams, _ = begun(3, [7, 8, 9])
    before = streams.table.copy()
    streams.draw(np.array([1])).random(5)
    assert np.array_equal(streams.table[[0, 2]], before[[0, 2]])
    assert streams.table[1, 2] > before[1, 2]


@pytest.mark.parametrize("ahead", [1, 64, 4096])
def test_numbers_made_ahead_are_those_made_when_they_are_wanted(monkeypatch, ahead):
    """Whoever draws in between, through draws of its own: the table alone says which number is next."""
    lives = []
    for amount in (0, ahead):
        monkeypatch.setattr("ludus.envs.streams.AHEAD", amount)
        streams, draw = begun(6, [7] * 6)
        numbers = [draw.random(3), draw.normal(2, 2), streams.draw(np.array([1, 4])).random(5), draw.random()]
        numbers += [draw.permutation(4), draw.uniform([0, 1], [1, 3]), streams.table.copy()]
        lives.append(numbers)
    for one, other in zip(*lives, strict=True):
        assert np.array_equal(one, other)


def test_episodes_and_calls_bring_new_numbers_and_a_seed_brings_the_old_ones_back():
    streams, draws = begun(1, [11])
    first, again = draws.random(4), draws.random(4)
    later = streams.begin(np.array([0])).random(4)
    assert len({x.tobytes() for x in (first, again, later)}) == 3
    assert np.array_equal(streams.begin(np.array([0]), [11]).random(4), first)


def test_an_episode_does_not_depend_on_how_much_the_last_one_drew():
    one, few = begun(1, [5])
    other, many = begun(1, [5])
    few.random(1)
    many.random(100)
    assert np.array_equal(one.begin(np.array([0])).random(3), other.begin(np.array([0])).random(3))


def test_the_table_is_all_their_state():
    streams, draws = begun(2, [1, 2])
    draws.random(3)
    copy = Streams(2)
    copy.table[:] = streams.table
    both = np.arange(2)
    assert np.array_equal(streams.draw(both).random(5), copy.draw(both).random(5))


def test_unseeded_streams_differ():
    assert not np.array_equal(Streams(1).table, Streams(1).table)
    seeds = Streams(1000).table[:, 0]
    assert len(np.unique(seeds)) == 1000


@pytest.mark.parametrize("seed", [0, 2**32, 2**64 - 1, -1, np.int64(7)])
def test_any_whole_number_is_a_seed(seed):
    _, draws = begun(1, [seed])
    assert 0 <= draws.random(1)[0, 0] < 1


def test_a_seed_missing_for_a_copy_is_an_error():
    with pytest.raises(ValueError, match="3 copies to reset but 2 seeds"):
        Streams(3).begin(np.arange(3), [1, 2])


def test_random_is_uniform():
    _, draws = begun(2000, range(2000))
    for sample in (draws.random(50).ravel(), draws.random(50)[:, 0], draws.random(2000)[0]):
        counts = np.histogram(sample, 50, (0, 1))[0]
        assert stats.chisquare(counts).pvalue > 1e-3


def test_neighbouring_seeds_and_draws_are_uncorrelated():
    _, draws = begun(20000, range(20000))
    x = draws.random(2)
    for a, b in ((x[:-1, 0], x[1:, 0]), (x[:, 0], x[:, 1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(20000)


def test_normal_has_the_moments_of_the_normal_distribution():
    _, draws = begun(1000, range(1000))
    x = draws.normal(200).ravel()
    assert abs(x.mean()) < 0.01 and abs(x.std() - 1) < 0.01
    assert abs(stats.skew(x)) < 0.03 and abs(stats.kurtosis(x)) < 0.06
    assert stats.kstest(x, "norm").pvalue > 1e-3


def test_uniform_stays_within_bounds_of_any_shape():
    _, draws = begun(500, range(500))
    x = draws.uniform([[-1, 0], [2, 5]], [[1, 0.5], [3, 6]])
    assert x.shape == (500, 2, 2)
    assert (x >= [[-1, 0], [2, 5]]).all() and (x < [[1, 0.5], [3, 6]]).all()
    assert draws.uniform(-1, 1).shape == (500,)


def test_integers_are_equally_likely():
    _, draws = begun(1000, range(1000))
    counts = np.bincount(draws.integers(7, 30).ravel())
    assert len(counts) == 7 and stats.chisquare(counts).pvalue > 1e-3


def test_a_permutation_has_everything_once_and_every_order_is_as_likely():
    _, draws = begun(6000, range(6000))
    orders = draws.permutation(3)
    assert (np.sort(orders, axis=1) == np.arange(3)).all()
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 6 and stats.chisquare(counts).pvalue > 1e-3
