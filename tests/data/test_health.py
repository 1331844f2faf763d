"""The health indicator: blind to the future, steady over operating conditions, one line of wear."""

from dataclasses import replace

import pytest
import torch

from arlearn.data import turbofan
from arlearn.data.health import fleets, health_indicator, standardised


@pytest.fixture(scope="module")
def engines():
    return turbofan("train", 12)


@pytest.fixture(scope="module")
def read(engines):
    return health_indicator(engines)


def test_silent_sensors_are_left_out_and_wear_is_followed(engines, read):
    silent = [0, 4, 5, 9, 15, 17, 18]
    assert not read.kept[silent].any() and read.kept.sum() >= 8
    x = read(engines)[..., 0]
    means = [float(x[engines.regimes == phase].mean()) for phase in range(4)]
    assert means == sorted(means) and means[3] - means[0] > 0.3
    assert x.shape == engines.recorded.shape and not x[~engines.recorded].any()


def test_no_reading_looks_ahead(engines, read):
    short = engines.first(3)
    cut = replace(short, cycles=torch.tensor([40, 40, 40]))
    later = short.sensors.clone()
    later[:, 40:] += 100
    changed = replace(cut, sensors=later)
    assert torch.allclose(read(short)[:, :40], read(changed)[:, :40], atol=1e-12)


def test_the_moving_average_is_that_of_the_last_cycles(engines):
    raw, smooth = health_indicator(engines, window=1), health_indicator(engines, window=3)
    x, y = raw(engines)[0, :, 0], smooth(engines)[0, :, 0]
    assert torch.allclose(y[10], x[8:11].mean()) and torch.allclose(y[1], x[:2].mean())
    assert torch.allclose(y[0], x[0])


def test_fitted_values_are_the_least_squares_of_the_exponential_target(engines):
    read = health_indicator(engines, window=1)
    age = torch.arange(1.0, engines.recorded.shape[1] + 1, dtype=torch.float64)
    share = (age / engines.cycles[:, None])[engines.recorded]
    target = 1 - 0.05 ** (share / 0.95)
    z = standardised(engines, read.centres, read.mean, read.deviation)[engines.recorded]
    left = target - read(engines)[engines.recorded][:, 0]
    inputs = torch.cat([torch.ones(len(z), 1, dtype=torch.float64), z[:, read.kept]], 1)
    assert (inputs.T @ left).abs().max() < 1e-6  # errors at right angles to every input
    assert abs(float(left.mean())) < 1e-9


def test_six_conditions_come_out_as_one():
    six = turbofan("train", 12, conditions=6)
    read = health_indicator(six, conditions=6)
    x = read(six)[..., 0]
    means = [float(x[six.regimes == phase].mean()) for phase in range(4)]
    assert means == sorted(means) and means[3] - means[0] > 0.3
    blind = health_indicator(six, conditions=6, least=0.3)
    assert blind.kept.sum() >= read.kept.sum() and read.centres.shape == (6, 3)


def test_fleets_stand_side_by_side_with_filling(engines):
    other = turbofan("train", 12, seed=5)
    readers = [health_indicator(engines), health_indicator(other)]
    both = fleets([engines, other], readers)
    t = max(engines.sensors.shape[1], other.sensors.shape[1])
    assert both.readings.shape == (2, 12, t, 1) and both.to("cpu").cycles.shape == (2, 12)
    for i, fleet in enumerate((engines, other)):
        n = fleet.sensors.shape[1]
        assert torch.equal(both.readings[i, :, :n], readers[i](fleet))
        assert torch.equal(both.recorded[i].sum(1), fleet.cycles)
        assert torch.equal(both.life[i, :, :n], fleet.life()) and not both.life[i, :, n:].any()
        assert (both.regimes[i][~both.recorded[i]] == -1).all()


def test_bad_arguments_get_a_sentence(engines):
    with pytest.raises(ValueError, match="an engine has cycles left; .* whole lives"):
        health_indicator(turbofan("test", 3))
    with pytest.raises(ValueError, match="no sensor follows the engines' age .* lower it"):
        health_indicator(engines, least=0.999)
    with pytest.raises(ValueError, match=r"fleets of \[2, 12\] engines cannot stand"):
        fleets([engines, engines.first(2)], [health_indicator(engines)] * 2)


def test_ranks_are_those_of_scipy():
    from scipy.stats import spearmanr

    from arlearn.data.health import _spearman

    dice = torch.Generator().manual_seed(0)
    a = torch.randint(9, (200,), generator=dice).double()
    b = a + torch.randn(200, dtype=torch.float64, generator=dice).mul(3).round()
    assert abs(_spearman(a, b) - spearmanr(a.numpy(), b.numpy()).statistic) < 1e-12
    assert _spearman(a, torch.ones_like(a)) == 0
