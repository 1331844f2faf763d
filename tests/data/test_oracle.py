"""The oracle: right on every clean scene, honest about pictures that show no object."""

import pytest
import torch

from arlearn.data.oracle import VALID, parse, parse_all, parse_objects, scene_accuracy
from arlearn.data.scene_counts import counted_scenes
from arlearn.data.scenes import caption, scenes


@pytest.fixture(scope="module", params=[16, 32])
def clean(request):
    return scenes("test", side=request.param, n=500)


def noisy(images, amount):
    generator = torch.Generator().manual_seed(0)
    return (images + amount * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def test_every_clean_scene_is_read_back(clean):
    for seen, (item,), label in zip(
        parse(clean.images), clean.objects, clean.labels.tolist(), strict=True
    ):
        assert (seen.shape, seen.colour) == (item.shape, item.colour) and seen.label == label
        assert abs(seen.x - item.x) < 0.025 and abs(seen.y - item.y) < 0.025
        assert abs(seen.radius / item.radius - 1) < 0.1
        assert VALID + 0.1 < seen.score <= 1
    assert scene_accuracy(clean.images, clean.labels) == 1


def test_both_objects_are_read_back():
    made = scenes("test", side=32, n=300, objects=2)
    found = parse_objects(made.images, 2)
    assert [caption(seen) for seen in found] == list(made.captions)
    assert min(item.score for seen in found for item in seen) > VALID


@pytest.mark.parametrize("side", [16, 32, 64])
def test_objects_of_one_colour_are_told_apart(side):
    made = counted_scenes("test", side=side, n=60)
    for seen, objects in zip(parse_all(made.images), made.objects, strict=True):
        assert len(seen) == len(objects)
        for item in objects:
            near = min(seen, key=lambda one: abs(one.x - item.x) + abs(one.y - item.y))
            assert abs(near.x - item.x) < 0.02 and abs(near.y - item.y) < 0.02
            assert (near.shape, near.colour) == (item.shape, item.colour)
            assert abs(near.radius / item.radius - 1) < 0.15


def test_all_objects_are_the_same_ones_where_each_has_its_colour():
    made = scenes("test", side=24, n=80, objects=2)
    for some, every in zip(parse_objects(made.images, 2), parse_all(made.images), strict=True):
        assert [one.label for one in some] == [one.label for one in every]
        for a, b in zip(some, every, strict=True):
            assert abs(a.x - b.x) + abs(a.y - b.y) < 1e-3 and abs(a.radius - b.radius) < 1e-3
            assert abs(a.score - b.score) < 1e-3


def test_a_threshold_decides_what_is_seen():
    images = noisy(scenes("test", side=16, n=40).images, 0.15)
    counts = [sum(map(len, parse_all(images, level))) for level in (0, 0.5, VALID, 1)]
    assert counts == sorted(counts, reverse=True) and counts[0] >= 40 > counts[3] == 0
    blank = torch.full((2, 3, 16, 16), 0.5)
    assert parse_all(blank, 0) == [(), ()] and parse_all(blank[:0]) == []


def test_noise_costs_little_by_little(clean):
    """Shares of right classes measured: 1.00 at 0.1, 0.94 (16 px) and 0.99 (32 px) at 0.2."""
    images, labels = clean.images[:200], clean.labels[:200]
    for amount, least in ((0.1, 0.99), (0.2, 0.9)):
        found = parse(noisy(images, amount))
        right = [seen.label == k for seen, k in zip(found, labels.tolist(), strict=True)]
        assert sum(right) / len(right) >= least
    assert scene_accuracy(noisy(images, 0.05), labels) == 1
    assert scene_accuracy(noisy(images, 0.2), labels) < 0.05


def test_an_object_of_two_colours_is_none():
    made = scenes("test", side=16, n=500)
    other = made.images.roll(1, 0)
    differ = made.labels % 6 != made.labels.roll(1, 0) % 6
    halves = torch.cat([made.images[..., :8], other[..., 8:]], -1)[differ]
    assert len(halves) > 300 and max(seen.score for seen in parse(halves)) < VALID


def test_a_picture_without_an_object_is_none():
    blank = torch.full((2, 3, 16, 16), 0.5)
    blank[1] = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    assert max(seen.score for seen in parse(blank)) < 0.1


def test_the_wrong_label_does_not_count(clean):
    images, labels = clean.images[:50], clean.labels[:50]
    assert scene_accuracy(images, (labels + 1) % 24) == 0
    half = torch.where(torch.arange(50) < 25, labels, (labels + 6) % 24)
    assert scene_accuracy(images, half) == 0.5


def test_a_picture_is_read_alone():
    """No picture's answer depends on the others in the batch."""
    images = noisy(scenes("test", n=40).images, 0.1)
    together = parse(images)
    alone = [parse(images[i : i + 1])[0] for i in range(40)]
    for a, b in zip(together, alone, strict=True):
        assert (a.shape, a.colour) == (b.shape, b.colour) and abs(a.score - b.score) < 1e-5


def test_bad_arguments_get_a_sentence(clean):
    with pytest.raises(ValueError, match="objects=7 cannot be told apart"):
        parse_objects(clean.images, 7)
    with pytest.raises(ValueError, match="no pictures to score"):
        scene_accuracy(clean.images[:0], clean.labels[:0])
