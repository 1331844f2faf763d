"""Code usage and unigram entropy."""

import math

import pytest
import torch

from arlearn.tokens.statistics import entropy, unigram, usage


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
