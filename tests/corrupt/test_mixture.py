"""A mixture's flow in closed form, held against integration, derivatives and a solver."""

import math

import pytest
import torch

from arlearn.corrupt import Flow, heun, time_grid
from arlearn.corrupt.density import log_density
from arlearn.corrupt.mixture import Mixture

TWO = Mixture(torch.tensor([[2.0, 0.0], [-1.0, 1.5]]), 0.4)


def noise(n, seed=0):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("t", [0.0, 0.5])
def test_the_density_integrates_to_one(t):
    axis = torch.linspace(-6, 7, 300)
    grid = torch.cartesian_prod(axis, axis)
    total = float(TWO.log_prob(grid, t).exp().sum() * (axis[1] - axis[0]) ** 2)
    assert total == pytest.approx(1, abs=1e-3)


def test_at_time_one_it_is_noise():
    x = noise(9)
    exact = -x.square().sum(1) / 2 - math.log(2 * math.pi)
    assert torch.allclose(TWO.log_prob(x, 1.0), exact, atol=1e-5)


def test_the_velocity_minimises_the_flows_loss():
    """Any other velocity has a larger loss: here the same one, a little longer or shorter."""
    x, _ = TWO.sample(20_000, torch.Generator().manual_seed(1))

    def loss(scale):
        generator = torch.Generator().manual_seed(2)
        return Flow().loss(lambda z, t: scale * TWO.velocity(z, t), x, generator=generator).mean()

    assert loss(1.0) < min(loss(0.9), loss(1.1))


def test_the_velocity_moves_the_density_as_the_continuity_equation_says():
    """d/dt log p + v · grad log p + div v = 0 at any place and time."""
    x, t, h = noise(6).double(), 0.4, 1e-4
    mixture = Mixture(TWO.means.double(), TWO.deviation)
    times = torch.full((6,), t).double()
    along = (mixture.log_prob(x, t + h) - mixture.log_prob(x, t - h)) / (2 * h)
    v, balance = mixture.velocity(x, times), along
    for i in range(2):
        step = torch.zeros(2).double()
        step[i] = h
        slope = (mixture.log_prob(x + step, t) - mixture.log_prob(x - step, t)) / (2 * h)
        spread = mixture.velocity(x + step, times) - mixture.velocity(x - step, times)
        balance = balance + v[:, i] * slope + spread[:, i] / (2 * h)
    assert balance.abs().max() < 1e-5


def test_the_flow_carries_noise_to_the_mixture():
    end = heun(TWO.velocity, noise(4000), time_grid(64)).x
    right = (end[:, 0] > 0.5).float().mean()
    assert float(right) == pytest.approx(0.5, abs=0.03)
    assert torch.allclose(end[end[:, 0] > 0.5].mean(0), TWO.means[0], atol=0.05)
    assert end[end[:, 0] > 0.5].std(0).allclose(torch.tensor(0.4), atol=0.03)


def test_the_flows_likelihood_is_the_mixtures():
    x, _ = TWO.sample(50, torch.Generator().manual_seed(3))
    gap = (log_density(TWO.velocity, x, 64) - TWO.log_prob(x)).abs()
    assert gap.mean() < 5e-3
    coarse = (log_density(TWO.velocity, x, 16) - TWO.log_prob(x)).abs()
    assert gap.mean() < coarse.mean() / 4  # the midpoint rule is of second order


def test_a_velocity_that_ignores_the_point_keeps_the_density():
    x = noise(3)
    shift = torch.tensor([1.0, -2.0])
    moved = log_density(lambda z, t: shift.expand_as(z), x, 4)
    exact = -(x + shift).square().sum(1) / 2 - math.log(2 * math.pi)
    assert torch.allclose(moved, exact, atol=1e-5)


def test_a_mixture_needs_centres_and_width():
    with pytest.raises(ValueError, match="deviation above 0"):
        Mixture(torch.zeros(2, 2), 0.0)
    with pytest.raises(ValueError, match="a centre \\(here 0\\)"):
        Mixture(torch.zeros(0, 2), 1.0)
