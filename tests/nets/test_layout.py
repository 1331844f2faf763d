"""A film's tokens in blocks: the order, its inverse, and the places."""

import pytest
import torch

from arlearn.nets.layout import Layout, waves

SHAPES = [(1, 1, 1), (1, 1, 4), (1, 1, 8), (1, 2, 4), (1, 4, 2), (2, 1, 4), (2, 2, 2), (1, 8, 8)]
FILM = torch.arange(2 * 4 * 8 * 8).view(2, 4, 8, 8)


@pytest.mark.parametrize("block", SHAPES)
def test_unflatten_undoes_flatten(block):
    layout = Layout((4, 8, 8), block)
    assert torch.equal(layout.unflatten(layout.flatten(FILM)), FILM)
    assert layout.flatten(FILM)[0].sort().values.tolist() == list(range(256))
    assert len(layout) == 256 and layout.size == block[0] * block[1] * block[2]


@pytest.mark.parametrize("block", SHAPES)
def test_a_block_holds_neighbours_and_the_first_frames_come_first(block):
    layout = Layout((4, 8, 8), block)
    for at in layout.flatten(FILM[:1])[0].split(layout.size):
        sides = [at // 64, at // 8 % 8, at % 8]
        assert tuple(int(x.max() - x.min()) + 1 for x in sides) == block
    assert layout.flatten(FILM[:1])[0, :128].max() == 127
    assert torch.equal(layout.unflatten(layout.flatten(FILM)[:, :128]), FILM[:, :2])


def test_rows_of_blocks_lie_in_raster_order_whatever_their_width():
    for block in ((1, 1, 1), (1, 1, 4), (1, 1, 8), (1, 4, 8), (1, 8, 8), (2, 8, 8)):
        assert torch.equal(Layout((4, 8, 8), block).flatten(FILM), FILM.flatten(1))
    square = Layout((4, 8, 8), (1, 2, 4)).flatten(FILM)[0, :8]
    assert square.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]


def test_places_are_those_of_a_strip_of_frames():
    layout = Layout((4, 8, 8), (1, 2, 4))
    at = layout.flatten(FILM[:1])[0]
    assert torch.equal(layout.places(), torch.stack([at // 8, at % 8], 1))


def test_waves_tell_every_place_apart():
    layout = Layout((4, 8, 8), (1, 1, 8))
    found = waves(layout.places(), layout.shape)
    assert found.shape == (256, 20) and len(found.unique(dim=0)) == 256


@pytest.mark.parametrize("block", [(3, 1, 1), (1, 3, 8), (1, 1, 0), (1, 1, 16)])
def test_a_block_that_does_not_fit_is_refused(block):
    with pytest.raises(ValueError, match="each side of a block must divide the film's"):
        Layout((4, 8, 8), block)
