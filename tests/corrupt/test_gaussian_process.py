"""The DDPM chain against conditioning a Gaussian by hand, and against its published schedule."""

import math

import pytest
import torch

from arlearn.corrupt import Diffusion


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_the_schedule_is_the_published_one():
    """ᾱ as the product of 1 - β_t with β_t = min(1 - f(t)/f(t-1), 0.999)."""
    chain = Diffusion(50)

    def f(t):
        return math.cos((t / 50 + 0.008) / 1.008 * math.pi / 2) ** 2

    product = 1.0
    for t in range(1, 51):
        product *= 1 - min(1 - f(t) / f(t - 1), 0.999)
        assert float(chain.alpha_bar(t)) == pytest.approx(product, rel=1e-9)
    assert float(chain.alpha_bar(0)) == 1.0


@pytest.mark.parametrize(("t", "s"), [(1, 0), (2, 1), (30, 29), (30, 10), (50, 20), (50, 0)])
def test_posterior_is_the_conditioned_gaussian(t, s):
    """x_s = √ᾱ_s x + noise and x_t = √a x_s + noise, conditioned by the textbook formula."""
    chain = Diffusion(50)
    late, early = float(chain.alpha_bar(t)), float(chain.alpha_bar(s))
    a, x, x_t = late / early, 0.7, -1.3
    prior_mean, prior_variance = math.sqrt(early) * x, 1 - early
    gain = math.sqrt(a) * prior_variance / (a * prior_variance + 1 - a)
    mean = prior_mean + gain * (x_t - math.sqrt(a) * prior_mean)
    variance = prior_variance - gain * math.sqrt(a) * prior_variance
    units = torch.tensor([x_t, x], dtype=torch.float64).view(2, 1, 1)
    found, spread = chain.posterior(units[0], units[1], t, s)
    assert float(found) == pytest.approx(mean, abs=1e-9)
    assert float(spread) == pytest.approx(variance, abs=1e-9)


def test_posterior_gives_ddpm_equations_6_and_7():
    chain, t = Diffusion(50), 20
    bar, before = float(chain.alpha_bar(t)), float(chain.alpha_bar(t - 1))
    beta = 1 - bar / before
    _, variance = chain.posterior(torch.zeros(1, 1).double(), torch.zeros(1, 1).double(), t, t - 1)
    assert float(variance) == pytest.approx((1 - before) / (1 - bar) * beta, rel=1e-9)
    of_x, _ = chain.posterior(torch.zeros(1, 1).double(), torch.ones(1, 1).double(), t, t - 1)
    assert float(of_x) == pytest.approx(math.sqrt(before) * beta / (1 - bar), rel=1e-9)
    of_x_t, _ = chain.posterior(torch.ones(1, 1).double(), torch.zeros(1, 1).double(), t, t - 1)
    wanted = math.sqrt(1 - beta) * (1 - before) / (1 - bar)
    assert float(of_x_t) == pytest.approx(wanted, rel=1e-9)


def test_corrupt_takes_a_time_per_sample():
    chain, x, eps = Diffusion(50), torch.randn(3, 2), torch.randn(3, 2)
    noisy = chain.corrupt(x, torch.tensor([0, 20, 50]), eps)
    assert torch.equal(noisy[0], x[0])
    signal = chain.alpha_bar(20).float()
    assert torch.allclose(noisy[1], signal.sqrt() * x[1] + (1 - signal).sqrt() * eps[1])
    assert (noisy[2] - eps[2]).abs().max() < 0.02


def best(chain):
    """The best ε̂ for standard normal data, √(1 - ᾱ_t) x_t."""
    return lambda x_t, t: (1 - chain.alpha_bar(t)).sqrt()[:, None].to(x_t.dtype) * x_t


def test_loss_of_the_best_predictor_is_the_signal_left():
    chain = Diffusion(10)
    x = torch.randn(20_000, 2, generator=seeded(0))
    loss = chain.loss(best(chain), x, generator=seeded(1))
    wanted = float(chain.alpha_bar(torch.arange(1, 11)).mean())
    assert loss.mean().item() == pytest.approx(wanted, rel=0.03)


def test_reverse_with_the_best_predictor_has_the_posterior_mean_and_variance():
    """x̂ = √ᾱ_t x_t gives mean √a x_t (a = ᾱ_t / ᾱ_s) and the posterior's deviation."""
    chain, t, s = Diffusion(50), 30, 20
    x_t = torch.full((20_000, 1), 1.5)
    x_s = chain.reverse(best(chain), x_t, t, s, generator=seeded(2))
    late, early = float(chain.alpha_bar(t)), float(chain.alpha_bar(s))
    a, variance = late / early, (1 - late / early) * (1 - early) / (1 - late)
    # 20,000 draws: four standard errors.
    assert x_s.mean().item() == pytest.approx(1.5 * math.sqrt(a), abs=4 * math.sqrt(variance / 2e4))
    assert x_s.var().item() == pytest.approx(variance, rel=4 * math.sqrt(2 / 2e4))
    end = chain.reverse(best(chain), x_t, t, 0)
    assert torch.allclose(end, math.sqrt(late) * x_t, atol=1e-5)


def test_grids_run_from_the_end_to_zero():
    assert Diffusion(50).grid(5) == [50, 40, 30, 20, 10, 0]
    for steps in range(1, 51):
        grid = Diffusion(50).grid(steps)
        assert len(set(grid)) == steps + 1 and grid == sorted(grid, reverse=True)


def test_bad_arguments_are_refused():
    chain, x = Diffusion(50), torch.zeros(1, 1)
    with pytest.raises(ValueError, match="at least 1 step, not 0"):
        Diffusion(0)
    with pytest.raises(ValueError, match="51 sampling steps out of a chain of 50"):
        chain.grid(51)
    with pytest.raises(ValueError, match="run from 0 to 50"):
        chain.corrupt(x, 51, x)
    with pytest.raises(ValueError, match="to an earlier s; got t=10, s=10"):
        chain.posterior(x, x, 10, 10)
