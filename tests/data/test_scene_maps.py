"""Maps of scenes: exact against the signed distances, the pictures, and each other."""

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from arlearn.data.oracle import parse_all
from arlearn.data.scene_counts import counted_scenes
from arlearn.data.scene_maps import scene_maps
from arlearn.data.scenes import CLASSES, SceneObject, scenes

SIDES = [16, 32, 64]


def disc(x, y, radius, colour="red"):
    return SceneObject("circle", colour, x, y, radius, 0.0)


@pytest.fixture(scope="module", params=SIDES)
def two(request):
    made = scenes("test", side=request.param, n=60, objects=2)
    return made, scene_maps(made)


def test_shapes_types_and_values(two):
    made, maps = two
    side = made.images.shape[-1]
    assert maps.masks.shape == (60, 2, side, side) and maps.masks.dtype == torch.bool
    assert maps.segments.shape == (60, side, side) and maps.segments.dtype == torch.int64
    assert maps.edges.shape == maps.depth.shape == (60, 1, side, side)
    assert set(maps.edges.unique().tolist()) == {0, 1}
    assert torch.allclose(maps.depth.unique(), torch.tensor([1 / 3, 1 / 2, 1]))


def test_masks_segments_and_depth_agree(two):
    made, maps = two
    assert not (maps.masks[:, 0] & maps.masks[:, 1]).any()
    for i, objects in enumerate(made.objects):
        for k, item in enumerate(objects):
            number = 1 + CLASSES.index(f"{item.colour} {item.shape}")
            assert torch.equal(maps.masks[i, k], maps.segments[i] == number)
            assert (maps.depth[i, 0][maps.masks[i, k]] == 1 / (k + 2)).all()
    ground = ~maps.masks.any(1)
    assert (maps.segments[ground] == 0).all() and (maps.depth[:, 0][ground] == 1).all()


def test_the_picture_has_one_colour_inside_and_grey_outside(two):
    """Away from the edges a mask holds one colour exactly, and no pixel of the ground has it."""
    made, maps = two
    hue = made.images.max(1).values - made.images.min(1).values
    plain = maps.edges[:, 0] == 0
    assert hue[maps.masks.any(1) & plain].min() > 0.35
    assert hue[~maps.masks.any(1) & plain].max() < 0.12
    for picture, masks, edges in zip(made.images, maps.masks, maps.edges[:, 0], strict=True):
        for mask in masks:
            inside = picture[:, mask & (edges == 0)]
            if inside.shape[1]:
                assert (inside.amax(1) - inside.amin(1)).max() < 1e-6


def test_the_area_of_a_mask_is_that_of_the_shape():
    made = scenes("test", side=256, n=40)
    area = {"circle": math.pi, "square": 2.89, "triangle": 1.8706, "cross": 2.6496}
    for mask, (item,) in zip(scene_maps(made).masks[:, 0], made.objects, strict=True):
        assert mask.float().mean().item() == pytest.approx(
            area[item.shape] * item.radius**2, rel=0.01
        )


def test_between_neighbours_that_differ_there_is_an_edge(two):
    made, maps = two
    counted = counted_scenes("test", side=made.images.shape[-1], n=40)
    for found in (maps, scene_maps(counted)):
        shown, edges = found.depth[:, 0], found.edges[:, 0]
        for axis in (1, 2):
            differ, n = shown.diff(dim=axis) != 0, shown.shape[axis] - 1
            marked = edges.narrow(axis, 0, n) + edges.narrow(axis, 1, n) > 0
            assert differ.any() and (differ <= marked).all()


def test_every_edge_lies_at_a_border(two):
    """Within a pixel; two where a tip is thinner than a pixel."""
    _, maps = two
    shown = maps.depth
    border = F.max_pool2d(shown, 3, 1, 1) + F.max_pool2d(-shown, 3, 1, 1) > 0
    assert (border | (maps.edges == 0)).float().mean() > 0.999
    wide = F.max_pool2d(border.float(), 3, 1, 1) > 0
    assert (wide | (maps.edges == 0)).all()


def test_an_edge_of_a_disc_is_its_ring():
    centre = (torch.arange(32) + 0.5) / 32 - 0.5
    away = torch.hypot(centre, centre[:, None]) * 32 - 0.3 * 32
    maps = scene_maps([[disc(0.5, 0.5, 0.3)]], side=32)
    assert torch.equal(maps.masks[0, 0], away < 0)
    assert torch.equal(maps.edges[0, 0] == 1, away.abs() <= 0.5)


def test_the_later_object_is_in_front():
    left, right = disc(0.4, 0.5, 0.25), disc(0.6, 0.5, 0.25, "blue")
    over, under = scene_maps([[left, right]], 32), scene_maps([[right, left]], 32)
    alone = scene_maps([[left], [right]], 32)
    assert torch.equal(over.masks[0, 1], alone.masks[1, 0])
    assert torch.equal(over.masks[0, 0], alone.masks[0, 0] & ~alone.masks[1, 0])
    assert torch.equal(under.masks[0, 1], alone.masks[0, 0])
    both = alone.masks[0, 0] & alone.masks[1, 0]
    assert both.any() and (over.depth[0, 0][both] == 1 / 3).all()
    # the hidden part of an outline is no edge, the one in front is whole
    inside = alone.masks[1, 0] & (alone.edges[1, 0] == 0)
    assert (alone.edges[0, 0][inside] == 1).any() and (over.edges[0, 0][inside] == 0).all()
    assert (over.edges[0, 0] >= alone.edges[1, 0]).all()


def test_depth_does_not_depend_on_how_many_follow():
    first = disc(0.25, 0.25, 0.1)
    one = scene_maps([[first]], 32).depth
    three = scene_maps([[first, disc(0.75, 0.25, 0.1), disc(0.5, 0.75, 0.1)]], 32).depth
    assert one.unique().tolist() == [0.5, 1]
    assert torch.allclose(three.unique(), torch.tensor([1 / 4, 1 / 3, 1 / 2, 1]))
    assert (three[one == 0.5] == 0.5).all()


def test_pictures_may_hold_different_numbers_of_objects():
    made = counted_scenes("test", n=50)
    maps = scene_maps(made)
    assert maps.masks.any((2, 3)).sum(1).tolist() == [len(objects) for objects in made.objects]
    empty = scene_maps([(), ()], 16)
    assert empty.masks.shape == (2, 1, 16, 16) and not empty.masks.any()
    assert (empty.depth == 1).all() and (empty.edges == 0).all()


def test_maps_of_what_the_oracle_found_are_those_of_the_truth():
    made = scenes("test", side=32, n=60, objects=2)
    true, found = scene_maps(made), scene_maps(parse_all(made.images), 32)
    assert (true.segments == found.segments).float().mean() > 0.99
    both = (true.segments > 0) & (true.segments == found.segments)
    assert both.sum() / ((true.segments > 0) | (found.segments > 0)).sum() > 0.93


def test_another_side_than_the_pictures():
    made = scenes("test", side=16, n=5)
    assert torch.equal(scene_maps(made, 48).depth, scene_maps(replace(made).objects, 48).depth)


@pytest.mark.parametrize(
    ("made", "side", "words"),
    [
        ([[disc(0.5, 0.5, 0.3)]], None, "objects have no resolution; pass side="),
        ([[disc(0.5, 0.5, 0.3)]], 4, "side 4 is too small"),
        ([], 16, "no scenes to map"),
    ],
)
def test_bad_arguments_get_a_sentence(made, side, words):
    with pytest.raises(ValueError, match=words):
        scene_maps(made, side)
