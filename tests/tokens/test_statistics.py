"""Code usage, entropy, and the divergence from even codes."""

import math

import pytest
import torch

from arlearn.tokens.statistics import divergence, entropy, pairs, unigram, usage


def test_four_equal_codes_of_eight():
    units = torch.tensor([[0, 2, 4, 6], [6, 4, 2, 0]])
    assert usage(units, 8) == 0.5
    assert entropy(units, 8) == pytest.approx(2.0)
    assert unigram(units, 8).tolist() == [0.25, 0, 0.25, 0, 0.25, 0, 0.25, 0]


def test_one_code_alone_has_no_entropy():
    assert entropy(torch.full((9,), 3), 5) == 0
    assert usage(torch.full((9,), 3), 5) == pytest.approx(0.2)


def test_entropy_of_a_known_law():
    units = torch.tensor([0] * 4 + [1] * 2 + [2, 3])
    assert entropy(units, 4) == pytest.approx(1.75)


def test_uniform_codes_reach_the_bound_less_the_bias():
    n, vocab = 4096, 64
    units = torch.randint(vocab, (n,), generator=torch.Generator().manual_seed(0))
    bias = (vocab - 1) / (2 * n * math.log(2))
    assert entropy(units, vocab) == pytest.approx(6 - bias, abs=0.004)


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="no units to count"):
        usage(torch.zeros(0, dtype=torch.long), 4)
    with pytest.raises(IndexError, match="code 4 is outside a vocabulary of 4"):
        entropy(torch.tensor([1, 4]), 4)


def test_divergence_counts_the_nats_an_even_law_has_more():
    assert divergence(torch.tensor([0, 1, 2, 3]), 4) == pytest.approx(0, abs=1e-6)
    assert divergence(torch.tensor([0, 0, 1, 1]), 4) == pytest.approx(math.log(2))
    assert divergence(torch.full((5,), 2), 4) == pytest.approx(math.log(4))


def test_few_samples_look_uneven_though_they_are_not():
    """The trap: an estimate from fewer units than bins is far above 0; equal n or none."""
    units = torch.randint(256, (128,), generator=torch.Generator().manual_seed(0))
    assert divergence(units, 256) > 0.7
    many = torch.randint(256, (25_600,), generator=torch.Generator().manual_seed(0))
    assert divergence(many, 256) == pytest.approx(255 / 2 / 25_600, rel=0.25)


def test_pairs_are_neighbours_in_order():
    units = torch.tensor([[0, 1, 2], [2, 2, 0]])
    assert pairs(units, 3).tolist() == [[1, 5], [8, 6]]
    with pytest.raises(ValueError, match="hold no pairs"):
        pairs(units[:, :1], 3)
    with pytest.raises(IndexError, match="code 3 is outside"):
        pairs(units + 1, 3)
