"""Moving digits: the digits of their split, mirrored at the border, the brighter pixel on top."""

import numpy as np
import pytest
import torch

from arlearn.data.digits import digits
from arlearn.data.moving_digits import moving_digits, path


def test_a_smaller_n_gives_the_first_and_another_seed_others():
    few, many = moving_digits("test", n=2), moving_digits("test", n=5)
    assert torch.equal(few.videos, many.first(2).videos)
    assert torch.equal(few.labels, many.first(2).labels) and len(many) == 5
    assert not torch.equal(moving_digits("test", n=2, seed=1).videos, few.videos)


def test_every_frame_shows_digits_of_the_split_whole():
    held = digits("test").images[:, 0]
    made = moving_digits("test", n=6, objects=1, frames=12)
    for film, label in zip(made.videos[:, :, 0], made.labels[:, 0], strict=True):
        own = held[digits("test").labels == label]
        windows = film.unfold(1, 8, 1).unfold(2, 8, 1).reshape(12, -1, 64)
        ink = film.flatten(1).sum(1)
        assert torch.allclose(ink, ink[:1].expand(12))
        found = (torch.cdist(own.flatten(1)[None], windows) < 1e-5).flatten(1).any(1)
        assert found.all()


def test_paths_are_straight_and_mirrored_inside():
    for seed in range(20):
        places = np.array(path(np.random.default_rng(seed), 40))
        assert places.min() >= 0 and places.max() <= 1
        steps = np.abs(np.diff(places, axis=0))
        usual = np.median(steps, 0)
        inside = (places[1:] > usual).all(1) & (places[1:] < 1 - usual).all(1)
        assert np.allclose(steps[inside & (places[:-1] > usual).all(1)
                                 & (places[:-1] < 1 - usual).all(1)], usual)  # fmt: skip
        assert 0.06 <= np.hypot(*usual) <= 0.12


def test_the_brighter_pixel_is_shown():
    two = moving_digits("test", n=4, objects=2, frames=3)
    assert two.videos.shape == (4, 3, 1, 24, 24) and two.labels.shape == (4, 2)
    assert float(two.videos.max()) <= 1 and float(two.videos.min()) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "split 'valid' does not exist"),
        ({"n": 0}, "n=0 films"),
        ({"frames": 1}, "frames=1"),
        ({"objects": 5}, "objects=5 cannot be made"),
        ({"source": "cifar"}, "source 'cifar' does not exist; choose one of digits, mnist"),
    ],
)
def test_bad_input_gets_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        moving_digits(**options)
