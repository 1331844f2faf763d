"""NBP's rollouts: windows of a film behind each other, what they are told, and coherent rows."""

import pytest
import torch
from torch import Generator

from arlearn.data.continuations import directions
from arlearn.data.moving import CLASSES, moving
from arlearn.nets.layout import Layout
from arlearn.nets.next_block import NextBlock
from arlearn.papers.nbp import continued, headings, rolled, row_share
from arlearn.tokens.patches import PatchBook

FILMS = moving("test", n=12, frames=8, change=0.0, vanish=False)
BOOK = PatchBook.of(moving("train", n=400, frames=4, change=0.0, vanish=False).frames, 2, 8)


def made(block=(1, 1, 8), classes=8):
    torch.manual_seed(0)
    sizes = {"width": 16, "depth": 1, "classes": classes}
    return NextBlock(Layout((4, 8, 8), block), BOOK.features(), **sizes).eval()


@pytest.mark.parametrize("block", [(1, 1, 8), (1, 2, 4), (2, 1, 4), (1, 8, 8)])
def test_a_rollout_is_its_windows_one_after_the_other(block):
    model, dice = made(block), Generator().manual_seed(3)
    films, traces = rolled(model, BOOK, FILMS.frames[:, :2], 8, generator=dice)
    assert films.shape == (12, 8, 16, 16) and torch.equal(films[:, :2], FILMS.frames[:, :2])
    size = model.layout.size
    assert [trace.evaluations for trace in traces] == [128 // size] * 3
    dice, begin = Generator().manual_seed(3), FILMS.frames[:, :2]
    four = torch.cat([begin, begin], 1)  # what is to be drawn is never read
    units = model.layout.flatten(BOOK.encode(four))[:, :128]
    again, _ = continued(model, units, headings(begin), generator=dice)
    assert torch.equal(BOOK.decode(model.layout.unflatten(again)), films[:, :4])


def test_a_model_without_classes_is_told_nothing():
    films, _ = rolled(made(classes=0), BOOK, FILMS.frames[:, :2], 4)
    assert films.shape[1] == 4


def test_headings_are_read_from_the_pixels_alone():
    for j in range(1, 8):
        truth = directions(FILMS.places[:, :, 0])[:, j]
        assert torch.equal(headings(FILMS.frames[:, j - 1 : j + 1]), truth)
    assert (headings(torch.zeros(2, 2, 16, 16, dtype=torch.uint8)) == -1).all()
    assert len(CLASSES) == 8 and int(directions(FILMS.places[:, :, 0]).max()) == 7


def test_a_label_reaches_every_output():
    model = made()
    units = model.layout.flatten(BOOK.encode(FILMS.frames[:3, :4]))
    with torch.no_grad():
        one, two = (model(units, torch.full((3,), k)) for k in (0, 1))
    assert ((one - two).abs().amax(-1) > 1e-6).all()
    with pytest.raises(ValueError, match="labels were given to a model without classes"):
        made(classes=0)(units, torch.zeros(3, dtype=torch.long))


def test_rows_are_known_or_not():
    known = BOOK.encode(FILMS.frames)
    assert row_share(known[:3], known) == 1.0
    strange = known[:1].clone()
    strange[0, 0, 0] = known.max()
    assert row_share(strange, known) == 63 / 64


@pytest.mark.parametrize("length", [2, 3, 9])
def test_a_length_that_windows_do_not_reach_is_refused(length):
    with pytest.raises(ValueError, match="2 frames come with each"):
        rolled(made(), BOOK, FILMS.frames[:, :2], length)
