"""The Gaussian head against torch.distributions."""

import math

import pytest
import torch
from torch.distributions import Normal

from arlearn.heads import GaussianHead, Law


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("deviation", [None, 0.7])
def test_log_prob_is_that_of_torch(deviation):
    torch.manual_seed(0)
    head, h, x = GaussianHead(5, 3, deviation=deviation), torch.randn(2, 4, 5), torch.randn(2, 4, 3)
    mean, spread = head(h)
    wanted = Normal(mean, spread).log_prob(x).sum(-1)
    assert torch.allclose(head.log_prob(h, x), wanted, atol=1e-5)
    assert torch.equal(head.loss(h, x), -head.log_prob(h, x))
    assert deviation is None or (spread == deviation).all()


def test_a_fixed_deviation_of_one_is_squared_error():
    head, h, x = GaussianHead(5, 3, deviation=1.0), torch.randn(6, 5), torch.randn(6, 3)
    error = (head(h)[0] - x).square().sum(-1) / 2 + 1.5 * math.log(2 * math.pi)
    assert torch.allclose(head.loss(h, x), error, atol=1e-5)


def test_draws_have_the_moments_and_report_the_law_drawn_from():
    torch.manual_seed(1)
    head, h = GaussianHead(5, 2), torch.randn(1, 5)
    null = torch.randn(1, 5)
    x, log_p = head.sample(
        h.expand(20_000, 5),
        null=null.expand(20_000, 5),
        guidance=0.5,
        law=Law(temperature=0.6),
        generator=seeded(2),
    )
    with torch.no_grad():
        (mean, deviation), (away, _) = head(h), head(null)
    law = Normal(1.5 * mean - 0.5 * away, 0.6 * deviation)
    assert torch.allclose(log_p, law.log_prob(x).sum(-1), atol=1e-4)
    # 20,000 draws: five standard errors of a mean and of a deviation.
    assert ((x.mean(0) - law.mean[0]).abs() < 5 * law.stddev[0] / 20_000**0.5).all()
    assert torch.allclose(x.std(0), law.stddev[0], rtol=5 / 40_000**0.5)


def test_guidance_zero_is_conditional_and_temperature_zero_a_point():
    head, h = GaussianHead(5, 2), torch.randn(4, 5)
    plain, _ = head.sample(h, generator=seeded(3))
    zero, _ = head.sample(h, null=torch.randn(4, 5), guidance=0.0, generator=seeded(3))
    assert torch.equal(plain, zero)
    point, log_p = head.sample(h, law=Law(temperature=0.0))
    assert torch.equal(point, head(h)[0]) and log_p is None


def test_it_lands_between_two_points():
    """Its best fit to ±1 is mean 0 and deviation 1, at (1 + ln 2π)/2 nats: where it breaks."""
    head = GaussianHead(1, 1)
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.copy_(torch.tensor([0.0, math.log(math.expm1(1 - head.least))]))
    loss = head.loss(torch.ones(2, 1), torch.tensor([[1.0], [-1.0]])).mean()
    assert loss.item() == pytest.approx((1 + math.log(2 * math.pi)) / 2, abs=1e-6)
    loss.backward()
    assert head.linear.bias.grad.abs().max() < 1e-6


def test_the_floor_bounds_the_density():
    head = GaussianHead(1, 1, least=0.01)
    torch.nn.init.constant_(head.linear.bias, -1e4)
    assert head(torch.zeros(1, 1))[1].item() == pytest.approx(0.01)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="least=0"):
        GaussianHead(5, 2, least=0.0)
    with pytest.raises(ValueError, match="deviation=-1"):
        GaussianHead(5, 2, deviation=-1.0)
    with pytest.raises(ValueError, match="3 channels, the head draws 2"):
        GaussianHead(5, 2).loss(torch.randn(1, 5), torch.randn(1, 3))
    with pytest.raises(ValueError, match="needs null"):
        GaussianHead(5, 2).sample(torch.randn(1, 5), guidance=1.0)
    with pytest.raises(ValueError, match="truncate"):
        GaussianHead(5, 2).sample(torch.randn(1, 5), law=Law(top_k=2))
