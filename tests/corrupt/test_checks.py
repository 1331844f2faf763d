"""Sentences about bad arguments."""

import pytest
import torch

from arlearn.corrupt.checks import in_vocabulary, one_of


def test_words_outside_the_choices_are_refused():
    one_of("weight", "uniform", ("likelihood", "uniform"))
    with pytest.raises(ValueError, match="weight='even' is unknown; choose one of likelihood, uni"):
        one_of("weight", "even", ("likelihood", "uniform"))


def test_units_outside_the_vocabulary_are_refused():
    in_vocabulary(torch.tensor([[0, 4]]), 5)
    in_vocabulary(torch.zeros(0, dtype=torch.long), 5)
    for bad in (-1, 5):
        with pytest.raises(ValueError, match="vocabulary from 0 to 4"):
            in_vocabulary(torch.tensor([[0, bad]]), 5)
