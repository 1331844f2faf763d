"""Schedules and drawn times."""

import pytest
import torch

from arlearn.corrupt import Cosine, Linear, Schedule
from arlearn.corrupt.times import along, draw_times


@pytest.mark.parametrize("schedule", [Linear(), Cosine()], ids=str)
def test_schedules_fall_from_one_to_zero_with_their_slope(schedule):
    t = torch.linspace(0, 1, 1001).double()
    alpha = schedule.alpha(t)
    assert isinstance(schedule, Schedule)
    assert alpha[0] == 1 and alpha[-1].abs() < 1e-12 and (alpha.diff() <= 0).all()
    measured = torch.gradient(alpha, spacing=(t,))[0]
    assert torch.allclose(schedule.slope(t)[1:-1], measured[1:-1], atol=1e-4)


@pytest.mark.parametrize("n", [1, 2, 7, 64])
def test_stratified_times_fall_one_in_each_part(n):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        t = draw_times(n, generator=generator)
        assert (t > 0).all() and (t <= 1).all()
        assert sorted(((t * n).ceil() - 1).clamp(min=0).int().tolist()) == list(range(n))


def test_every_single_time_is_uniform():
    generator = torch.Generator().manual_seed(1)
    third = torch.stack([draw_times(4, generator=generator)[2] for _ in range(1000)])
    assert abs(third.mean() - 0.5) < 0.04 and abs(third.std() - 12**-0.5) < 0.03
    plain = draw_times(4000, stratified=False, generator=generator)
    assert (plain > 0).all() and abs(plain.mean() - 0.5) < 0.02


def test_times_stand_along_the_first_axes():
    x = torch.zeros(2, 3, 4)
    assert along(0.5, x).shape == (1, 1, 1)
    assert along(torch.zeros(2), x).shape == (2, 1, 1)
    assert along(torch.zeros(2, 3), x).shape == (2, 3, 1)
    with pytest.raises(ValueError, match=r"times of shape \(3,\) do not fit"):
        along(torch.zeros(3), x)
    with pytest.raises(ValueError, match="times run from 0"):
        along(float("nan"), x)
