"""Windows of a text; shuffled epochs are tested with `fit`, which asks for them."""

import pytest
import torch

from arlearn.batches import Windows


def test_windows_are_pieces_of_the_text_the_same_for_the_same_step():
    units = torch.arange(1000)
    windows = Windows(units, length=5, size=300, seed=1)
    (batch,) = windows(7)
    assert batch.shape == (300, 5) and torch.equal(
        batch - batch[:, :1], torch.arange(5).expand(300, 5)
    )
    assert torch.equal(windows(7)[0], batch) and not torch.equal(windows(8)[0], batch)
    assert not torch.equal(Windows(units, length=5, size=300, seed=2)(7)[0], batch)
    places = torch.cat([windows(step)[0][:, 0] for step in range(100)])
    assert int(places.min()) == 0 and int(places.max()) == 995  # the first and the last window too
    whole = Windows(units, length=1000, size=2)
    assert torch.equal(whole(0)[0], units.expand(2, 1000))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"length": 11}, "a window of length=11 does not fit a text of 10"),
        ({"length": 0}, "choose 1 … 10"),
        ({"length": 5, "size": 0}, "at least 1 window, not size=0"),
    ],
)
def test_windows_that_do_not_fit_are_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        Windows(torch.arange(10), **given)
