"""xAR: units of five kinds hold the same pictures; what differs between arms is the plan alone."""

import pytest
import torch

from arlearn import decode
from arlearn.data import digits
from arlearn.papers import xar
from arlearn.papers.xar import UNITS, Patches

SIDE = 4


@pytest.fixture(scope="module")
def images():
    return digits("test").images


def patches_for(unit, images):
    return Patches.of(images, 2, scales=unit == "scale")


def arm(unit, images, **options):
    torch.manual_seed(0)
    made = xar.xar(unit, patches_for(unit, images), width=16, depth=2, classes=10, **options)
    for weights in made.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    return made.eval()


@pytest.mark.parametrize("unit", UNITS)
def test_pictures_are_units_and_back_whatever_the_unit(unit, images):
    patches = patches_for(unit, images)
    units = patches.encode(images)
    assert units.shape == (len(images), len(xar.plan(unit, SIDE)), 4)
    torch.testing.assert_close(patches.decode(units), images, atol=1e-6, rtol=0)


@pytest.mark.parametrize("unit", UNITS)
def test_drawn_step_by_step_every_position_is_drawn_once(unit):
    """Cutting into units in the order of generation, and putting them back, changes nothing."""
    plan = xar.plan(unit, SIDE)
    x = torch.randn(2, len(plan), 4)
    cut = torch.cat([x[:, here] for here in plan.groups()], 1)
    back = torch.empty_like(x)
    back[:, plan.order()] = cut
    assert torch.equal(back, x)


@pytest.mark.parametrize("unit, n", [("patch", 16), ("cell", 4), ("subsample", 4), ("whole", 1)])
def test_units_partition_the_grid_into_equal_parts(unit, n):
    plan = xar.plan(unit, SIDE)
    assert plan.n_steps == n and {len(here) for here in plan.groups()} == {16 // n}


def test_a_cell_is_near_and_a_subsample_is_far():
    numbers = torch.arange(16).view(4, 4)
    assert xar.plan("cell", 4).groups()[1].tolist() == numbers[:2, 2:].flatten().tolist()
    assert xar.plan("subsample", 4).groups()[1].tolist() == numbers[::2, 1::2].flatten().tolist()


def test_cells_of_one_patch_are_patches_and_cells_of_all_are_the_whole():
    assert xar.plan("cell", 4, size=1) == xar.plan("patch", 4)
    assert xar.plan("cell", 4, size=4) == xar.plan("whole", 4)
    assert xar.plan("subsample", 4, size=1) == xar.plan("whole", 4)
    assert xar.plan("subsample", 4, size=4) == xar.plan("patch", 4)


def test_every_scale_has_unit_variance_and_is_the_mean_of_the_next(images):
    patches = patches_for("scale", images)
    units = patches.encode(images)
    assert patches.sides == [1, 2, 4] and len(patches.deviations) == 3
    for here in xar.plan("scale", SIDE).groups():
        assert units[:, here].std().item() == pytest.approx(1, abs=1e-3)
    one, two = units[:, :1] * patches.deviations[0], units[:, 1:5] * patches.deviations[1]
    torch.testing.assert_close(one[:, 0], two.mean(1), atol=1e-5, rtol=0)


def test_a_coarse_scale_is_a_picture_too(images):
    patches = patches_for("scale", images)
    units = patches.encode(images)
    coarse = patches.decode(units, upto=1)
    assert coarse.shape == images.shape
    torch.testing.assert_close(coarse.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-5, rtol=0)


def test_without_a_pyramid_the_vectors_have_unit_variance(images):
    units = patches_for("cell", images).encode(images)
    assert units.std().item() == pytest.approx(1, abs=1e-3) and abs(units.mean()) < 1e-5


def test_arms_differ_in_nothing_but_the_plan(images):
    shapes = {
        unit: {name: tuple(p.shape) for name, p in arm(unit, images).named_parameters()}
        for unit in UNITS
    }
    places = {unit: shape.pop("place") for unit, shape in shapes.items()}
    assert all(shape == shapes["cell"] for shape in shapes.values())
    assert {unit: place[0] for unit, place in places.items() if place[0] != 16} == {"scale": 21}
    same = xar.xar("cell", patches_for("cell", images), width=16, depth=2, classes=10)
    clean = arm("cell", images, context="clean")
    assert {n: p.shape for n, p in same.named_parameters()} == {
        n: p.shape for n, p in clean.named_parameters()
    }


def test_places_are_the_grid_and_coarse_ones_lie_over_it():
    where = xar.places([1, 2, 4])
    assert where[0].tolist() == [1.5, 1.5]
    assert where[1:5].tolist() == [[0.5, 0.5], [0.5, 2.5], [2.5, 0.5], [2.5, 2.5]]
    assert where[5:].tolist() == [[r, c] for r in range(4) for c in range(4)]


@pytest.mark.parametrize("unit", UNITS)
def test_equal_token_passes_whatever_the_unit(unit, images):
    """n units of m positions in s steps are n s passes, but every position is denoised s times."""
    made = arm(unit, images)
    units, trace = decode.flow_units(made, torch.arange(3), steps=2)
    assert trace.evaluations == 2 * made.plan.n_steps
    assert sum(len(step.positions) for step in trace.steps) == len(made.plan)
    assert patches_for(unit, images).decode(units).shape == (3, 1, 8, 8)


def test_bad_input_gets_a_sentence(images):
    with pytest.raises(ValueError, match="unit 'row' is unknown; choose one of patch, cell"):
        xar.plan("row", 4)
    with pytest.raises(ValueError, match="cell size 3 does not divide a 4 x 4 grid"):
        xar.plan("cell", 4, size=3)
    with pytest.raises(ValueError, match="a pyramid doubles from 1; a grid of side 6"):
        xar.plan("scale", 6)
    with pytest.raises(ValueError, match="patches of 3 pixels do not tile 8 x 8 pictures"):
        Patches.of(images, 3)
    with pytest.raises(ValueError, match=r"a scale wants Patches.of\(…, scales=True\)"):
        xar.xar("scale", Patches.of(images, 2), width=16, depth=1, classes=10)


def test_a_unit_that_is_off_is_found_and_no_other(images):
    order, units = xar.plan("cell", SIDE), patches_for("cell", images).encode(images)
    assert max(xar.unit_distances(order, units, units)) < 1e-6
    off = units.clone()
    off[:, order.groups()[2]] += 1.0
    found = xar.unit_distances(order, off, units)
    assert found[2] == pytest.approx(16, rel=1e-3)  # 16 numbers, each moved by 1
    assert max(found[:2] + found[3:]) < 1e-6
