"""A long life does not grow: a slice of what benchmarks/long_life.py does for a hundred tasks, and how it judges."""

import sys
from pathlib import Path

import pytest
from test_library import smallest

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
import long_life  # pyright: ignore[reportMissingImports]

MIB = 2**20


def seen(rss, kept=None, **others):
    flat = {k: [5] * len(rss) for k in ("files", "threads", "processes", "policies")}
    return flat | {"rss": [r * MIB for r in rss], "kept": [k * MIB for k in kept or [0] * len(rss)]} | others


@pytest.mark.parametrize(
    ("held", "flat"),
    [
        (seen([100] * 5 + [200] * 15), True),  # what grows before the tenth task is not held against it
        (seen([200] * 10 + [219] * 10), True),
        (seen([200] * 10 + [221] * 10), False),
        (seen([200] * 10 + [200] * 9 + [240]), False),
        (seen([200] * 10 + [280] * 10, kept=[10] * 10 + [90] * 10), True),  # it said so
        (seen([200] * 10 + [280] * 10, kept=[10] * 20), False),
        (seen([200] * 20, files=[5] * 19 + [6]), False),
        (seen([200] * 20, processes=[1] * 15 + [2] * 5), False),
    ],
)
def test_only_what_a_method_says_that_it_keeps_may_grow(held, flat):
    assert long_life.judged(held)["flat"] is flat


def test_a_slice_of_the_long_life_does_not_grow(tmp_path):
    made = smallest(long_life.born("words", 12, 0))
    held = long_life.live(made, "bounded-replay", tmp_path / "run", tier="full", tried=True)
    assert len(held["rss"]) == 12 and held["policies"] == list(range(1, 13))
    found = long_life.judged(held)
    assert found["flat"] and found["files_gained"] == found["threads_gained"] == found["processes_gained"] == 0
    assert max(held["kept"][10:]) > 0
