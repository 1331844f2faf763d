"""Scenes: what is drawn is what the truth says, at every side and for every seed."""

import hashlib

import pytest
import torch
from torch.nn import functional as F

from arlearn.data.scenes import CLASSES, COLOURS, SHAPES, Scenes, caption, distance_map, scenes


def fingerprint(images) -> str:
    return hashlib.sha256((images * 255).round().byte().numpy().tobytes()).hexdigest()


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        (1, "512fd9e84020fa4d786fc919b38448c17544dff1ade5eb6fff310096a7b9af89"),
        (2, "1923f3c2084160bf8f85c7f290e3c7eb50ad8d0b70d10543aa4a98797faf9c7c"),
    ],
)
def test_a_seed_gives_these_very_pictures(objects, expected):
    made = scenes("test", side=16, n=64, seed=0, objects=objects)
    assert fingerprint(made.images) == expected


def test_shapes_types_and_lengths():
    made = scenes("train", side=24, n=7)
    assert isinstance(made, Scenes) and len(made) == 7
    assert made.images.shape == (7, 3, 24, 24) and made.images.dtype == torch.float32
    assert made.images.min() >= 0 and made.images.max() <= 1
    assert made.labels.dtype == torch.int64 and len(made.objects) == len(made.captions) == 7
    assert len(made.classes) == 24 and made.to("cpu").captions == made.captions


def test_the_same_scenes_at_every_side():
    small, large = scenes("test", 16, n=64, objects=2), scenes("test", 64, n=64, objects=2)
    assert small.objects == large.objects and small.captions == large.captions
    assert torch.equal(small.labels, large.labels)
    difference = (F.avg_pool2d(large.images, 4) - small.images).abs()
    assert difference.mean() < 0.004 and difference.max() < 0.2  # only corners differ


def test_fewer_scenes_are_the_first_of_many():
    few, many = scenes(n=5, seed=3), scenes(n=300, seed=3)
    assert torch.equal(few.images, many.images[:5]) and few.captions == many.captions[:5]


def test_splits_and_seeds_share_no_scene():
    made = [scenes(split, n=50, seed=seed) for split in ("train", "test") for seed in (0, 1)]
    assert len({objects for some in made for objects in some.objects}) == 200


def test_default_sizes_of_the_splits():
    assert len(scenes("train", side=8)) == 8000 and len(scenes("test", side=8)) == 2000


def test_labels_and_captions_name_the_first_object():
    made = scenes("test", n=200)
    labels = made.labels.tolist()
    for label, (item,), words in zip(labels, made.objects, made.captions, strict=True):
        assert CLASSES[label] == f"{item.colour} {item.shape}" and words == f"a {CLASSES[label]}"
    assert set(labels) == set(range(24))


def test_one_object_is_large_and_wholly_inside():
    for (item,) in scenes("test", n=500).objects:
        assert 0.28 <= item.radius <= 0.42 and abs(item.angle) <= 0.3
        reach = {"circle": 1.0, "square": 0.85, "triangle": 1.2, "cross": 1.1}[item.shape]
        for at in (item.x, item.y):
            assert reach * item.radius - 0.005 <= at <= 1.005 - reach * item.radius
        assert item.shape != "circle" or item.angle == 0


def test_two_objects_differ_and_lie_as_the_caption_says():
    made = scenes("test", n=300, objects=2)
    seen = set()
    for label, (first, second), words in zip(
        made.labels.tolist(), made.objects, made.captions, strict=True
    ):
        assert first.radius > second.radius and first.colour != second.colour
        assert CLASSES[label] == f"{first.colour} {first.shape}"
        gap = {
            "left of": second.x - first.x,
            "right of": first.x - second.x,
            "above": second.y - first.y,
            "below": first.y - second.y,
        }
        relation = next(word for word in gap if word in words)
        seen.add(relation)
        assert gap[relation] > 0.4
        assert words == f"a {CLASSES[label]} {relation} a {second.colour} {second.shape}"
        assert caption((first, second)) == words
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("shape", "area"),
    [("circle", 3.1416), ("square", 2.89), ("triangle", 1.8706), ("cross", 2.6496)],
)
def test_the_covered_area_is_that_of_the_shape(shape, area):
    places = torch.tensor([[0.5, 0.5, 0.3, angle] for angle in (-0.3, 0.0, 0.17)]).double()
    cover = (0.5 - distance_map(shape, 256, places) * 256).clamp(0, 1).mean((1, 2))
    assert torch.allclose(cover, torch.full_like(cover, area * 0.09), rtol=2e-3)


def test_a_triangle_points_up_and_turns_clockwise():
    places = torch.tensor([[0.5, 0.5, 0.3, 0.0], [0.5, 0.5, 0.3, 0.3]])
    inside = distance_map("triangle", 64, places) < 0
    widths = inside[0].sum(1)
    assert widths[15] < widths[25] < widths[40]
    tip = inside[1].any(1).nonzero()[0]
    assert inside[1][tip].nonzero().float().mean(0)[1] > 34


def test_colours_are_told_apart_from_the_grey():
    made = scenes("test", n=200)
    colourful = made.images.max(1).values - made.images.min(1).values
    for picture, (item,) in zip(colourful, made.objects, strict=True):
        assert picture[int(item.y * 16), int(item.x * 16)] > 0.45
        assert picture.min() < 0.12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "split 'valid' does not exist; choose one of train, test"),
        ({"side": 4}, "side 4 is too small"),
        ({"n": 0}, "n=0 scenes cannot be drawn"),
        ({"objects": 3}, "1 or 2 objects, not 3"),
    ],
)
def test_bad_arguments_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        scenes(**options)


def test_classes_are_all_pairs():
    assert len(set(CLASSES)) == len(SHAPES) * len(COLOURS) == 24
