"""Paired comparisons of solved problems, against scipy and by hand."""

import pytest
import torch
from scipy.stats import binomtest

from arlearn.metrics.paired import paired


def made(both, first, second, neither):
    a = [1] * (both + first) + [0] * (second + neither)
    b = [1] * both + [0] * first + [1] * second + [0] * neither
    return torch.tensor(a).bool(), torch.tensor(b).bool()


@pytest.mark.parametrize("cells", [(50, 30, 10, 10), (0, 3, 9, 88), (10, 0, 0, 10), (1, 1, 0, 0)])
def test_the_difference_and_its_test(cells):
    _, first, second, _ = cells
    a, b = made(*cells)
    found = paired(a, b)
    assert found.difference == pytest.approx(float(a.float().mean() - b.float().mean()))
    assert (found.first, found.second) == (first, second)
    exact = binomtest(first, first + second).pvalue if first + second else 1.0
    assert found.p == pytest.approx(exact)
    back = paired(b, a)
    assert (back.difference, back.p, back.half) == pytest.approx(
        (-found.difference, found.p, found.half)
    )


def test_the_interval_is_the_paired_differences_own():
    a, b = made(40, 25, 15, 20)
    each = a.double() - b.double()
    by_hand = 1.96 * float(each.std(correction=0)) / 100**0.5
    assert paired(a, b).half == pytest.approx(by_hand)


def test_equal_answers_differ_by_nothing():
    a, _ = made(5, 0, 0, 5)
    found = paired(a, a)
    assert (found.difference, found.half, found.p) == (0.0, 0.0, 1.0)
    assert "+0.0% ± 0.0% (0 problems only by the first, 0 only by the second" in str(found)


def test_other_problems_are_refused():
    with pytest.raises(ValueError, match="0 and 0 problems cannot be compared"):
        paired(torch.zeros(0).bool(), torch.zeros(0).bool())
