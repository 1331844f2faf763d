"""Counted scenes: as many objects as the caption says, apart from each other, at every side."""

import hashlib

import pytest
import torch
from torch.nn import functional as F

from arlearn.data.scene_counts import NUMBERS, count_caption, counted_scenes
from arlearn.data.scene_maps import scene_maps
from arlearn.data.scenes import CLASSES, SceneObject


def test_a_seed_gives_these_very_pictures():
    images = counted_scenes("test", side=16, n=64).images
    found = hashlib.sha256((images * 255).round().byte().numpy().tobytes()).hexdigest()
    assert found == "4fb2addf0017747850f39253d5ba279249ca424ede1561fe203bcccd810385e1"


def test_captions_and_labels_tell_the_truth():
    made = counted_scenes("test", n=400)
    assert made.images.shape == (400, 3, 16, 16) and made.labels.dtype == torch.int64
    for objects, label, words in zip(
        made.objects, made.labels.tolist(), made.captions, strict=True
    ):
        assert len({(item.shape, item.colour) for item in objects}) == 1
        assert CLASSES[label] == f"{objects[0].colour} {objects[0].shape}"
        assert words == count_caption(objects[0], len(objects))
        assert words.split()[0] == NUMBERS[len(objects) - 1]
    counts = [len(objects) for objects in made.objects]
    assert all(abs(counts.count(k) / 400 - 1 / 4) < 0.07 for k in (1, 2, 3, 4))
    assert set(made.labels.tolist()) == set(range(24))


def test_objects_stand_apart_and_inside():
    made = counted_scenes("test", side=64, n=200)
    masks = scene_maps(made).masks
    assert masks.any((2, 3)).sum(1).tolist() == [len(objects) for objects in made.objects]
    grown = F.max_pool2d(masks.float(), 3, stride=1, padding=1)
    assert grown.sum(1).max() == 1  # not even neighbours
    border = torch.ones(64, 64, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert not (masks & border).any()


def test_the_same_scenes_at_every_side_and_fewer_are_the_first():
    small, large = counted_scenes("test", 16, n=20), counted_scenes("test", 32, n=300)
    assert small.objects == large.objects[:20] and small.captions == large.captions[:20]
    other = [counted_scenes(split, n=20, seed=seed) for split, seed in (("train", 0), ("test", 1))]
    assert not set(small.objects) & {objects for made in other for objects in made.objects}


def test_most_bounds_the_number():
    assert {len(objects) for objects in counted_scenes(n=100, most=2).objects} == {1, 2}
    assert {len(objects) for objects in counted_scenes(n=20, most=1).objects} == {1}


def test_plurals():
    item = SceneObject("cross", "red", 0.5, 0.5, 0.2, 0.0)
    assert count_caption(item, 1) == "a red cross" and count_caption(item, 3) == "three red crosses"
    with pytest.raises(ValueError, match="count 5 has no word here; use 1 to 4"):
        count_caption(item, 5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "split 'valid' does not exist"),
        ({"side": 12}, "side 12 is too small to show four shapes"),
        ({"n": 0}, "n=0 scenes cannot be drawn"),
        ({"most": 5}, "1 to 4 counted objects, not 5"),
    ],
)
def test_bad_arguments_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        counted_scenes(**options)
