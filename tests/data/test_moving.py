"""Moving films: the same for the same seed, drawn as the truth says, told as they begin."""

import re

import pytest
import torch

from arlearn.data.motion import ACTIONS
from arlearn.data.moving import CLASSES, moving
from arlearn.data.sprites import (
    COLOURS,
    DRAWINGS,
    FIRST,
    KINDS,
    SHAPES,
    indexed,
    masks,
    painted,
    palette,
)


@pytest.fixture(scope="module")
def films():
    return moving("test", 16, n=40, frames=10, objects=2, glyphs=True, dots=True, change=0.3)


def same(one, other):
    fields = ("frames", "actions", "places", "kinds", "colours", "labels")
    return all(torch.equal(getattr(one, f), getattr(other, f)) for f in fields) and (
        one.captions == other.captions
    )


def test_a_smaller_n_gives_the_first_and_another_seed_others(films):
    options = {"frames": 10, "objects": 2, "glyphs": True, "dots": True, "change": 0.3}
    assert same(moving("test", 16, n=5, **options), films.first(5)) and len(films.first(99)) == 40
    assert not same(moving("test", 16, n=5, seed=1, **options), films.first(5))
    assert not same(moving("train", 16, n=5, **options), films.first(5))


def test_more_frames_go_on_where_fewer_end():
    few, many = moving(n=5, frames=4), moving(n=5, frames=9)
    assert torch.equal(few.frames, many.frames[:, :4]) and few.captions == many.captions


@pytest.mark.parametrize("side", [16, 32, 64])
def test_frames_show_the_objects_at_their_places(side):
    made = moving("test", side, n=6, objects=2, glyphs=True, change=0.3)
    unit, shapes = side // 16, masks(side // 16).bool()
    for i in range(6):
        for j in range(8):
            wanted = torch.zeros(side, side, dtype=torch.uint8)
            for k in range(2):
                x, y = made.places[i, j, k].tolist()
                if x >= 0:
                    window = wanted[y : y + 5 * unit, x : x + 5 * unit]
                    window[shapes[made.kinds[i, k]]] = FIRST + int(made.colours[i, k])
            assert torch.equal(made.frames[i, j], wanted)


def test_sides_show_the_same_film():
    small, large = moving(n=4, objects=2), moving(side=48, n=4, objects=2)
    assert torch.equal(large.frames[:, :, 1::3, 1::3], small.frames)
    assert torch.equal(large.actions, small.actions)


def test_objects_have_different_colours_and_every_action_comes(films):
    assert (films.colours[:, 0] != films.colours[:, 1]).all()
    assert set(films.actions.flatten().tolist()) == set(range(len(ACTIONS)))
    assert (films.actions[:, 0] == 0).all() and int(films.kinds.max()) >= len(SHAPES)
    gone = films.places[..., 0] < 0
    told = films.actions == ACTIONS.index("vanish")
    assert gone[told].all() and not gone[:, 0].any()
    assert not gone[films.actions == ACTIONS.index("appear")].any()


def test_without_vanishing_all_are_always_there():
    made = moving(n=20, objects=2, change=0.5, vanish=False)
    assert int(made.places.min()) >= 0
    assert set(made.actions.flatten().tolist()) == set(range(ACTIONS.index("vanish")))


def test_without_change_nothing_is_told():
    made = moving(n=10, change=0)
    assert (made.actions == 0).all() and int(made.kinds.max()) < len(SHAPES)


def test_captions_and_labels_tell_the_beginning(films):
    form = r"a (\w+) (\w+) starts \w+ \w+ and moves ([a-z ]+?) (slowly|quickly)"
    for i, caption in enumerate(films.captions):
        told = re.findall(form, caption)
        assert len(told) == 2 and told[0][2] == CLASSES[films.labels[i]]
        for k, (colour, kind, _, _) in enumerate(told):
            assert colour == COLOURS[films.colours[i, k]] and kind == KINDS[films.kinds[i, k]]
    still = moving(n=30, change=0, random_bounce=False)
    steps = still.places[:, 1, 0] - still.places[:, 0, 0]
    for caption, label, (x, y) in zip(still.captions, still.labels, steps.tolist(), strict=True):
        assert (abs(x) == 2 or abs(y) == 2) == caption.endswith("quickly")
        assert ("left" in CLASSES[label] or "right" in CLASSES[label]) == (x != 0)
        assert ("up" in CLASSES[label] or "down" in CLASSES[label]) == (y != 0)


def test_the_ground_stands_still_and_differs_between_films(films):
    ground = films.frames < FIRST
    first = torch.where(ground[:, :1] & ground, films.frames != films.frames[:, :1], False)
    assert not first.any() and (films.frames == 1).any()
    assert len({one.numpy().tobytes() for one in films.frames[:, 0]}) == 40
    assert not (moving(n=3).frames == 1).any()


def test_colours_and_indices_are_inverse(films):
    pictures = films.rgb()
    assert pictures.shape == (40, 10, 3, 16, 16) and pictures.dtype == torch.float32
    assert torch.equal(indexed(pictures), films.frames.long())
    assert torch.equal(indexed((pictures + 0.05).clamp(0, 1)), films.frames.long())
    assert torch.equal(painted(torch.tensor([[5]])), palette()[5].reshape(3, 1, 1))


def test_drawings_fill_their_boxes_and_differ():
    one = masks()
    assert one.shape == (len(DRAWINGS), 5, 5) and len({m.numpy().tobytes() for m in one}) == 10
    assert (one.amax(2)[:, [0, -1]] == 1).all() and (one.amax(1)[:, [0, -1]] == 1).all()
    assert torch.equal(masks(3)[:, 1::3, 1::3], one)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "split 'valid' does not exist"),
        ({"side": 20}, "side 20 is not offered; choose 16, 32, 48 or 64"),
        ({"n": 0}, "n=0 films cannot be drawn"),
        ({"frames": 1}, "frames=1 is no film"),
        ({"objects": 4}, "a film holds 1 to 3 objects, not 4"),
        ({"change": 1.5}, "change=1.5 is no probability"),
    ],
)
def test_bad_input_gets_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        moving(**options)


def test_indices_outside_the_palette_get_a_sentence():
    with pytest.raises(ValueError, match=r"indices 0..8 are outside the palette's 0..7"):
        painted(torch.tensor([[0, 8]]))
