"""A comparison over seeds: against scipy's own tests, and by how often its interval is right."""

import numpy as np
import pytest
from scipy import stats

from arlearn.metrics.spread import compare

ONE, TWO = [3.1, 2.9, 3.6, 3.3], [2.8, 2.7, 3.5, 2.9]


def test_a_paired_interval_is_the_one_of_scipy():
    found, theirs = compare(ONE, TWO), stats.ttest_rel(ONE, TWO).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.difference == pytest.approx(np.mean(ONE) - np.mean(TWO))
    assert (found.wins, found.n, found.settled) == (4, 4, True)


def test_an_unpaired_interval_is_welchs():
    theirs = stats.ttest_ind(ONE, TWO[:3], equal_var=False).confidence_interval(0.9)
    found = compare(ONE, TWO[:3], paired=False, level=0.9)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))
    assert found.wins is None and not found.settled


def test_nineteen_intervals_of_twenty_hold_the_truth():
    random = np.random.default_rng(0)
    hits = [
        (c := compare(random.normal(1, 1, 4), random.normal(0.5, 1, 4))).low < 0.5 < c.high
        for _ in range(2000)
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_equal_values_leave_nothing_open():
    found = compare([1, 1], [1, 1], paired=False)
    assert (found.difference, found.low, found.high, found.settled) == (0, 0, 0, False)


def test_it_says_itself_in_a_sentence():
    assert str(compare(ONE, TWO)).startswith("+0.25 (95% interval +")
    assert "larger in 4 of 4 seeds" in str(compare(ONE, TWO))


@pytest.mark.parametrize(
    ("one", "two", "given", "match"),
    [
        ([1.0], [2.0, 3.0], {}, "at least 2 finite numbers"),
        ([1.0, float("nan")], [2.0, 3.0], {}, "at least 2 finite numbers"),
        ([1.0, 2.0], [2.0, 3.0, 4.0], {}, "same seeds for both"),
        ([1.0, 2.0], [2.0, 3.0], {"level": 95}, "must lie between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(one, two, given, match):
    with pytest.raises(ValueError, match=match):
        compare(one, two, **given)
