"""The energy distance is 0 for equal laws only, and its test errs as often as it says."""

import math

import pytest
import torch

from arlearn.metrics.energy import energy_distance, two_sample


def normal(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_sum_over_pairs_written_out():
    a, b = normal(4, 3, 0), normal(5, 3, 1)
    between = torch.stack([(x - y).norm() for x in a for y in b]).mean()
    within = [torch.stack([(x - y).norm() for x in s for y in s]).mean() for s in (a, b)]
    wanted = 2 * between - within[0] - within[1]
    assert energy_distance(a, b) == pytest.approx(float(wanted), abs=1e-6)


def test_equal_sets_are_at_distance_0_and_two_points_at_twice_their_gap():
    a = normal(6, 2, 0)
    assert energy_distance(a, a) == pytest.approx(0, abs=1e-9)
    zero, one = torch.zeros(2, 1), torch.ones(3, 1)
    assert energy_distance(zero, one) == pytest.approx(2.0)
    assert energy_distance(zero, one) == energy_distance(one, zero)


def test_two_points_against_two_can_be_dealt_in_three_ways():
    """Only 1 of 3 ways to deal {0, 0}, {1, 1} keeps them apart: the p-value is near 1/3."""
    found = two_sample(torch.zeros(2, 1), torch.ones(2, 1), deals=999)
    assert found.distance == pytest.approx(2.0)
    assert found.p_value == pytest.approx(1 / 3, abs=0.05)


def test_sets_of_one_law_are_rejected_as_often_as_the_level_says():
    """150 tests at level 0.2: 30 ± 14.7 rejections, three deviations."""
    values = [
        two_sample(normal(20, 2, 2 * k), normal(20, 2, 2 * k + 1), deals=49).p_value
        for k in range(150)
    ]
    assert 15 <= sum(value <= 0.2 for value in values) <= 45
    assert abs(sum(values) / 150 - 0.51) < 0.08


def test_equal_moments_do_not_hide_another_law():
    signs = normal(300, 1, 0).sign()
    assert two_sample(normal(300, 1, 1), signs, deals=99).p_value == 0.01
    assert two_sample(normal(300, 1, 1), normal(300, 1, 2), deals=99).p_value > 0.05


def test_the_null_is_what_one_law_leaves_between_two_sets():
    found = two_sample(normal(100, 5, 0), normal(100, 5, 1), deals=199)
    assert found.distance == pytest.approx(found.null, rel=0.3)
    assert two_sample(normal(100, 5, 0) + 1, normal(100, 5, 1), deals=199).distance > 5 * found.null


def test_groups_are_held_apart():
    """Laws that differ within the classes only, and classes that lie far apart."""
    groups = torch.arange(2).repeat(60)
    shift = 8.0 * groups[:, None]
    a, b = normal(120, 1, 0) + shift, normal(120, 1, 1) + shift
    turned = b + torch.where(groups == 0, 0.7, -0.7)[:, None]
    assert two_sample(a, b, groups=groups, deals=199).p_value > 0.05
    assert two_sample(a, turned, groups=groups, deals=199).p_value == 0.005
    within = two_sample(a, b, groups=groups, deals=9).distance
    parts = [energy_distance(a[groups == g], b[groups == g]) / 4 for g in (0, 1)]
    assert within == pytest.approx(sum(parts), rel=1e-6)  # each class has half of the weights


def test_swaps_of_pairs_are_as_exact_as_deals():
    """150 tests at level 0.2 again: 30 ± 14.7."""
    groups = torch.arange(3).repeat(8)
    values = [
        two_sample(
            normal(24, 2, 2 * k) + groups[:, None],
            normal(24, 2, 2 * k + 1) + groups[:, None],
            groups=groups,
            deals=49,
        ).p_value
        for k in range(150)
    ]
    assert 15 <= sum(value <= 0.2 for value in values) <= 45


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="equally many numbers"):
        energy_distance(normal(4, 2, 0), normal(4, 3, 0))
    with pytest.raises(ValueError, match="two or more samples"):
        energy_distance(normal(1, 2, 0), normal(4, 2, 0))
    with pytest.raises(ValueError, match="not finite"):
        energy_distance(normal(4, 2, 0), torch.full((4, 2), math.nan))
    with pytest.raises(ValueError, match="deals=0"):
        two_sample(normal(4, 2, 0), normal(4, 2, 1), deals=0)
    with pytest.raises(ValueError, match="3 groups for sets of 4 and 4"):
        two_sample(normal(4, 2, 0), normal(4, 2, 1), groups=torch.zeros(3, dtype=torch.long))
