"""The dictionary of patches: exact there and back, and honest about what it does not know."""

import pytest
import torch

from arlearn.data.moving import moving
from arlearn.tokens.patches import PatchBook

FILMS = moving("train", n=20, frames=3).frames


def test_films_come_back_exactly():
    book = PatchBook.of(FILMS, 2, 8)
    units = book.encode(FILMS)
    assert units.shape == (20, 3, 8, 8) and int(units.max()) < len(book)
    assert torch.equal(book.decode(units), FILMS)
    assert len(units.unique()) == len(book)


def test_numbers_follow_the_pixels_and_features_say_them():
    book = PatchBook.of(FILMS, 2, 8)
    assert book.patches.tolist() == sorted(book.patches.tolist())
    features = book.features()
    assert features.shape == (len(book), 32) and (features.sum(1) == 4).all()
    assert torch.equal(features.view(-1, 4, 8).argmax(-1), book.patches)


def test_an_unknown_patch_is_refused():
    book = PatchBook.of(FILMS[:1], 2, 8)
    with pytest.raises(ValueError, match="patches are not among the"):
        book.encode(torch.full((1, 1, 4, 4), 7))
    with pytest.raises(IndexError, match="outside a vocabulary"):
        book.decode(torch.full((1, 1, 2, 2), len(book)))
    with pytest.raises(ValueError, match="give different patches"):
        PatchBook(torch.zeros(2, 4, dtype=torch.long), 8)
    with pytest.raises(ValueError, match="give different patches"):
        PatchBook(torch.arange(6).view(2, 3), 8)
