"""Nats in other units."""

import math

import pytest
import torch

from arlearn.metrics import (
    accuracy,
    bits,
    bits_per_dimension,
    bits_per_unit,
    nats_per_unit,
    perplexity,
)


def test_a_fair_coin_costs_one_bit():
    assert bits(math.log(2)) == pytest.approx(1)
    assert torch.allclose(bits(torch.tensor([0.0, math.log(8)])), torch.tensor([0.0, 3.0]))


def test_a_uniform_law_over_256_costs_8_bits_per_unit_and_has_perplexity_256():
    nats = 10 * math.log(256)
    assert nats_per_unit(nats, 10) == pytest.approx(math.log(256))
    assert bits_per_unit(nats, 10) == pytest.approx(8)
    assert bits_per_unit(nats_per_unit(nats, 10)) == pytest.approx(8)
    assert perplexity(nats_per_unit(nats, 10)) == pytest.approx(256)
    assert perplexity(torch.tensor(math.log(256))).item() == pytest.approx(256, rel=1e-5)


def test_a_density_over_bins_costs_what_their_probabilities_cost():
    """Uniform density on 0..1 in 256 bins: 0 nats as a density, 8 bits a dimension as bins."""
    assert bits_per_dimension(0.0, 12, bin_width=1 / 256) == pytest.approx(8)
    assert bits_per_dimension(12 * math.log(4), 12) == pytest.approx(2)


def test_accuracy_is_the_share_of_right_answers():
    assert accuracy(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 1, 2])) == 0.75


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="units must be at least 1, not 0"):
        bits_per_unit(1.0, 0)
    with pytest.raises(ValueError, match="dimensions must be at least 1, not -3"):
        bits_per_dimension(1.0, -3)
    with pytest.raises(ValueError, match="bin_width 0.0 must be above 0"):
        bits_per_dimension(1.0, 3, bin_width=0.0)
    with pytest.raises(ValueError, match="one prediction a label"):
        accuracy(torch.tensor([0, 1]), torch.tensor([0]))
    with pytest.raises(ValueError, match="at least one"):
        accuracy(torch.tensor([], dtype=torch.long), torch.tensor([], dtype=torch.long))
