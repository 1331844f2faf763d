"""The Kolmogorov-Smirnov test against the standard normal law."""

import math

import pytest
import torch

from arlearn.metrics.normality import normality


def drawn(n, seed=0):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_field_s_test():
    from scipy.stats import kstest

    for values in (drawn(2000), 0.9 * drawn(2000, 1), drawn(2000, 2) + 0.05):
        wanted = kstest(values.double().numpy(), "norm", method="asymp").pvalue
        assert normality(values) == pytest.approx(float(wanted), rel=1e-6, abs=1e-12)


def test_normal_numbers_pass_and_others_do_not():
    assert normality(drawn(20_000, 3)) > 0.05
    for other in (drawn(20_000, 3) + 0.05, 1.05 * drawn(20_000, 3), drawn(20_000, 3).abs()):
        assert normality(other) < 1e-3


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="0 values"):
        normality(torch.zeros(0))
    with pytest.raises(ValueError, match="finite"):
        normality(torch.tensor([0.0, math.nan]))
