"""Coverage on points whose neighbours can be counted by hand, and on one law drawn twice."""

import pytest
import torch

from arlearn.metrics import coverage


def column(*values):
    return torch.tensor(values, dtype=torch.float32)[:, None]


def test_a_real_point_is_reached_within_its_kth_neighbour():
    """On 0, 1, 3, 7 the nearest neighbours are 1, 1, 2, 4 away, the second 3, 2, 3, 6."""
    real = column(0, 1, 3, 7)
    assert coverage(real, column(4.5), k=1) == 0.5  # 3 and 7
    assert coverage(real, column(5.5), k=1) == 0.25  # 7 alone
    assert coverage(real, column(-2), k=2) == 0.25  # 0 alone
    assert coverage(real, column(100), k=2) == 0.0
    assert coverage(real, real, k=1) == 1.0


def test_bad_samples_elsewhere_neither_help_nor_harm():
    real, good = column(0, 1, 3, 7), column(0.2)
    far = torch.cat([good, column(50, -80)])
    assert coverage(real, far, k=1) == coverage(real, good, k=1) == 0.5


def test_samples_of_the_datas_law_reach_what_they_should_and_half_of_it_half():
    dice = torch.Generator().manual_seed(0)
    real, samples = torch.randn(2, 800, 4, generator=dice)
    assert coverage(real, samples) == pytest.approx(1 - 2.0**-5, abs=0.02)
    one_side = samples[samples[:, 0] > 0]
    assert coverage(real, one_side) == pytest.approx(0.55, abs=0.08)


def test_what_has_no_answer_is_refused():
    with pytest.raises(ValueError, match="4 real points have no 4-th neighbours"):
        coverage(column(0, 1, 3, 7), column(0), k=4)
    with pytest.raises(ValueError, match="1 samples of size 2 against features of size 1"):
        coverage(column(0, 1, 3, 7), torch.zeros(1, 2), k=1)
