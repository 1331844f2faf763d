"""Two Gaussians: the closed forms, and that what stands and what replaces it make one law."""

import math

import pytest
import torch
from torch import Generator

from arlearn.decode.overlap import log_ratio, overlap, propose, reflect

P, Q, SIGMA = torch.tensor([0.6, -0.2, 0.1]), torch.tensor([0.1, 0.3, -0.2]), 0.4


def draws(mean, n, seed):
    return mean + SIGMA * torch.randn(n, len(mean), generator=Generator().manual_seed(seed))


def cdf(x, mean, sigma=SIGMA):
    return torch.special.ndtr((x - mean) / sigma)


def ks(x, of):
    """Kolmogorov-Smirnov distance to a law on the line, times √n: above 1.63 in 1% of cases."""
    x = x.sort().values.double()
    n, steps = len(x), torch.arange(len(x) + 1).double() / len(x)
    at = of(x)
    return float(torch.maximum(steps[1:] - at, at - steps[:-1]).max()) * n**0.5


def speculated(n, seed, ratio=log_ratio, residual=reflect, softness=1.0):
    """n draws of q, of which those that fall are replaced."""
    x = draws(Q, n, seed)
    p, q = P.expand_as(x), Q.expand_as(x)
    chance = torch.rand(n, generator=Generator().manual_seed(seed + 1))
    stands = chance.log() < ratio(x, p, q, SIGMA) / softness**2
    return torch.where(stands[:, None], x, residual(x, p, q)), stands


def along(x):
    """The one direction in which the two laws differ, where p is a Gaussian at 0."""
    return (x - P) @ (P - Q) / (P - Q).norm()


def test_the_log_ratio_is_that_of_the_densities():
    x = draws(Q, 50, 0)
    p, q = (torch.distributions.Normal(mean, SIGMA) for mean in (P, Q))
    wanted = (p.log_prob(x) - q.log_prob(x)).sum(-1)
    torch.testing.assert_close(
        log_ratio(x, P.expand_as(x), Q.expand_as(x), SIGMA), wanted, atol=1e-5, rtol=1e-5
    )


def test_it_stays_finite_where_densities_underflow():
    x = torch.zeros(1, 4)
    assert math.isfinite(float(log_ratio(x, x + 100, x - 100.5, 0.01)))


def test_acceptance_is_the_overlap_in_closed_form():
    """2Φ(-Δ/2σ); 40,000 draws have a deviation of 0.0025."""
    _, stands = speculated(40_000, 1)
    gap = float((P - Q).norm())
    closed = 2 * float(torch.special.ndtr(torch.tensor(-gap / 2 / SIGMA)))
    assert float(overlap(P, Q, SIGMA)) == pytest.approx(closed, abs=1e-6)
    assert float(stands.float().mean()) == pytest.approx(closed, abs=0.01)
    assert float(overlap(P, P, SIGMA)) == 1.0


def test_what_stands_and_what_replaces_it_have_the_targets_law():
    x, _ = speculated(40_000, 3)
    assert ks(along(x), lambda v: cdf(v, 0.0)) < 1.63
    beside = (x - P) @ torch.tensor([0.3, 0.3, 0.0]) / 0.18**0.5  # across the gap nothing happens
    assert ks(beside, lambda v: cdf(v, 0.0)) < 1.63


def test_swapped_models_fail_the_same_test():
    swapped, _ = speculated(40_000, 3, ratio=lambda x, p, q, s: log_ratio(x, q, p, s))
    assert ks(along(swapped), lambda v: cdf(v, 0.0)) > 10


def test_a_kept_proposal_or_no_test_fails_too():
    for wrong in (lambda x, p, q: x, lambda x, p, q: torch.zeros_like(x), lambda x, p, q: p):
        assert ks(along(speculated(40_000, 3, residual=wrong)[0]), lambda v: cdf(v, 0.0)) > 10


def test_temperature_1_is_the_identity_and_more_is_a_bias():
    exact, _ = speculated(40_000, 3)
    same, stands = speculated(40_000, 3, softness=1.0)
    assert torch.equal(exact, same)
    soft, more = speculated(40_000, 3, softness=2.0)
    assert more.float().mean() > stands.float().mean() + 0.1
    assert ks(along(soft), lambda v: cdf(v, 0.0)) > 10


def test_reflection_and_proposals_have_one_law():
    """Both against the residual's own distribution function, written out."""
    x = draws(Q, 40_000, 5)
    p, q = P.expand_as(x), Q.expand_as(x)
    chance = torch.rand(len(x), generator=Generator().manual_seed(6))
    fell = chance.log() >= log_ratio(x, p, q, SIGMA)
    mirrored = reflect(x, p, q)[fell]
    proposed, tries = propose(p[:8000], q[:8000], SIGMA, generator=Generator().manual_seed(7))
    gap = float((P - Q).norm())
    lost = 1 - float(overlap(P, Q, SIGMA))

    def residual_cdf(v):  # of [N(0) - N(-gap)]+, which begins in the middle between the means
        v = v.clamp(min=-gap / 2)
        begin = torch.tensor(-gap / 2)
        over = cdf(v, 0.0) - cdf(v, -gap) - (cdf(begin, 0.0) - cdf(begin, -gap))
        return over / lost

    assert ks(along(mirrored), residual_cdf) < 1.63
    assert ks(along(proposed), residual_cdf) < 1.63
    assert float(tries.float().mean()) == pytest.approx(1 / lost, rel=0.05)


def test_a_mirror_keeps_lengths_and_is_its_own_inverse():
    x = draws(Q, 20, 8)
    p, q = P.expand_as(x), Q.expand_as(x)
    y = reflect(x, p, q)
    torch.testing.assert_close((y - p).norm(dim=-1), (x - q).norm(dim=-1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(reflect(y, q, p), x, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_ratio(y, p, q, SIGMA), -log_ratio(x, p, q, SIGMA))
    torch.testing.assert_close(reflect(x, p, p), x)


def test_proposals_that_are_given_up_say_so():
    p = torch.zeros(50, 2)
    found, tries = propose(p, p, 0.3, most=5)  # equal laws: nothing is ever left over
    assert found.isnan().all() and (tries == 6).all()
    near, tries = propose(p, p + 0.01, 0.3, most=20, generator=Generator().manual_seed(0))
    assert (near.isnan().all(1) == (tries == 21)).all() and (tries == 21).sum() > 10


def test_bad_input_is_refused():
    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="no density to compare"):
        log_ratio(x, x, x, 0.0)
    with pytest.raises(ValueError, match="no density to compare"):
        overlap(x, x, -1.0)
    with pytest.raises(ValueError, match="most=0"):
        propose(x, x, 0.1, most=0)
