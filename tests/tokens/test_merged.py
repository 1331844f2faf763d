"""A collapse on purpose: the frequent codes stay, the others go to their nearest."""

import pytest
import torch

from arlearn.nets.conv import Decoder, Encoder
from arlearn.tokens.images import ImageTokenizer
from arlearn.tokens.merged import Merged
from arlearn.tokens.quantize import VectorQuantizer


@pytest.fixture
def tokens():
    torch.manual_seed(0)
    return ImageTokenizer(Encoder(1, 4, 8, 4), VectorQuantizer(8, 4), Decoder(4, 1, 8, 4), 4).eval()


def test_frequent_codes_stay_and_others_become_the_nearest(tokens):
    seen = torch.tensor([[5, 5, 5, 2, 2, 7]])
    merged = Merged(tokens, seen, 2)
    codes = tokens.quantizer.codebook.codes
    wanted = torch.tensor([5, 2])[torch.cdist(codes, codes[[5, 2]]).argmin(1)]
    assert torch.equal(merged.becomes, wanted) and merged.becomes[5] == 5 and merged.becomes[2] == 2
    images = torch.rand(3, 1, 16, 16)
    units = merged.encode(images)
    assert torch.equal(units, wanted[tokens.encode(images)])
    assert torch.equal(merged.decode(units), tokens.decode(units))
    assert (merged.vocab, merged.length) == (8, 16)


def test_all_kept_changes_nothing_and_one_kept_says_nothing(tokens):
    images = torch.rand(3, 1, 16, 16)
    units = tokens.encode(images)
    assert torch.equal(Merged(tokens, units, 8).encode(images), units)
    assert len(Merged(tokens, units, 1).encode(images).unique()) == 1


@pytest.mark.parametrize("kept", [0, 9])
def test_impossible_collapses_are_refused(tokens, kept):
    with pytest.raises(ValueError, match=f"{kept} of 8 codes cannot be kept"):
        Merged(tokens, torch.zeros(1, 16, dtype=torch.long), kept)
