"""The Fréchet distance against closed forms and scipy's matrix root."""

import numpy as np
import pytest
import scipy.linalg
import torch

from arlearn.metrics import frechet


def features(n, d, seed, *, mix=True):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator).double()
    return x @ torch.randn(d, d, generator=generator).double() if mix else x


def shaped(mean, deviation, n=200, seed=0):
    """Features whose sample mean and covariance are exactly these, the covariance diagonal."""
    x = features(n, len(mean), seed, mix=False)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(x.T))).T
    return x * torch.tensor(deviation) + torch.tensor(mean)


def test_diagonal_gaussians_have_a_closed_form():
    """|μ_a - μ_b|² + Σ (σ_a - σ_b)²."""
    a = shaped([0.0, 1.0, -2.0], [1.0, 2.0, 0.5])
    b = shaped([0.5, 1.0, 0.0], [3.0, 2.0, 0.1], n=77, seed=1)
    assert frechet(a, b) == pytest.approx(0.25 + 4 + 4 + 0.16, rel=1e-9)


@pytest.mark.parametrize("d", [1, 2, 16])
def test_general_gaussians_agree_with_scipy(d):
    a, b = features(60, d, 2), features(90, d, 3) + 0.3
    a, b = a.numpy(), b.numpy()
    cov_a, cov_b = (np.cov(x.T).reshape(d, d) for x in (a, b))
    root = np.real(scipy.linalg.sqrtm(cov_a @ cov_b)).reshape(d, d)
    wanted = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(cov_a + cov_b - 2 * root)
    found = frechet(torch.from_numpy(a), torch.from_numpy(b))
    assert found == pytest.approx(float(wanted), rel=1e-8)


def test_equal_sets_are_at_zero_and_order_does_not_matter():
    a, b = features(60, 8, 4), features(60, 8, 5)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a.flip(0)) == pytest.approx(0, abs=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-10)
    assert frechet(a + 5, b + 5) == pytest.approx(frechet(a, b), rel=1e-9)
    assert frechet(10 * a, 10 * b) == pytest.approx(100 * frechet(a, b), rel=1e-9)


def test_fewer_samples_than_features():
    a, b = features(5, 32, 6), features(6, 32, 7)
    assert np.isfinite(frechet(a, b)) and frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_half_precision_features_are_worked_on_in_double():
    a, b = features(50, 8, 8).half(), features(50, 8, 9).half()
    assert frechet(a, b) == frechet(a.double(), b.double())


def test_bad_arguments_are_refused():
    a = features(10, 4, 0)
    with pytest.raises(ValueError, match="features of size 4 against size 3"):
        frechet(a, a[:, :3])
    with pytest.raises(ValueError, match="b holds 1 sample"):
        frechet(a, a[:1])
    with pytest.raises(ValueError, match="a holds a feature that is not finite"):
        frechet(a * torch.tensor([1, 1, 1, float("nan")]), a)
