"""Fitted power laws, and means with their uncertainty."""

import numpy as np
import pytest
from scipy import stats

from arlearn.metrics import mean_spread, power_law


def test_points_on_a_law_give_it_back():
    x = np.array([1e5, 3e5, 1e6, 3e6])
    law = power_law(x, 7.5 * x**-0.23)
    assert law.scale == pytest.approx(7.5) and law.exponent == pytest.approx(-0.23)
    assert law.correlation == pytest.approx(-1)
    assert law(1e7) == pytest.approx(7.5 * 1e7**-0.23)


def test_scattered_points_agree_with_scipy_in_the_log_log_plane():
    rng = np.random.default_rng(0)
    x = 10 ** rng.uniform(0, 4, 30)
    y = 3 * x**0.6 * np.exp(rng.normal(0, 0.5, 30))
    law, line = power_law(x, y), stats.linregress(np.log(x), np.log(y))
    assert law.exponent == pytest.approx(line.slope)
    assert law.scale == pytest.approx(np.exp(line.intercept))
    assert law.correlation == pytest.approx(line.rvalue) and 0.9 < law.correlation < 1


def test_a_flat_line_has_no_correlation():
    law = power_law([1, 2, 4], [5, 5, 5])
    assert law.exponent == pytest.approx(0) and np.isnan(law.correlation)


def test_the_interval_of_the_mean_is_students():
    values = [3.1, 2.7, 3.6]
    spread = mean_spread(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (spread.mean, spread.deviation) == pytest.approx(
        (np.mean(values), np.std(values, ddof=1))
    )
    assert (spread.low, spread.high) == pytest.approx((low, high)) and spread.n == 3


def test_the_interval_covers_the_mean_95_times_in_100():
    rng = np.random.default_rng(1)
    spreads = [mean_spread(rng.normal(2.0, 1.0, 3)) for _ in range(4000)]
    covered = np.mean([s.low <= 2.0 <= s.high for s in spreads])
    assert covered == pytest.approx(0.95, abs=0.012)  # 4000 trials: 3.5 deviations


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="as many x as y"):
        power_law([1, 2], [1])
    with pytest.raises(ValueError, match="above 0"):
        power_law([0, 1], [1, 2])
    with pytest.raises(ValueError, match="above 0"):
        power_law([1, 2], [1, float("inf")])
    with pytest.raises(ValueError, match="2 different x"):
        power_law([3, 3], [1, 2])
    with pytest.raises(ValueError, match=r"at least 2 values, got \[1.0\]"):
        mean_spread([1.0])
    with pytest.raises(ValueError, match="finite values"):
        mean_spread([1.0, float("nan")])
