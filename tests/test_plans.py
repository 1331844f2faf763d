"""Plans and their masks, tested by perturbing units and watching what moves in a network."""

import itertools

import jaxtyping
import pytest
import torch

from arlearn import plans
from arlearn.plans import Plan

PLANS = {
    "raster": plans.raster(6),
    "whole": plans.whole(5),
    "blocks": plans.blocks(8, 2),
    "windows": plans.windows([1, 3, 2]),
    "scales": plans.scales([1, 2, 3]),
    "cells": plans.cells(4, 4, 2),
    "frames": plans.frames(3, 3),
    "shuffled": plans.shuffled(7, torch.Generator().manual_seed(0)),
    "after": plans.blocks(4, 2).after(3),
    "backwards": Plan(torch.tensor([2, 1, 1, 0])),
}
# clean plans that stay as fine as the noisy one beside them
STREAMS = {
    "Fast-dLLM v2": (plans.blocks(8, 4), plans.blocks(8, 4)),
    "NBDiff, TiDAR": (plans.raster(8), plans.blocks(8, 4)),
    "clean-context flow": (plans.cells(4, 4, 2), plans.cells(4, 4, 2)),
    "block size 1": (plans.raster(5), plans.raster(5)),
    "one noisy block": (plans.whole(4), plans.whole(4)),
    "scattered": (Plan(torch.tensor([1, 0, 2, 3])), Plan(torch.tensor([0, 0, 1, 1]))),
}


def network(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Two layers of attention under a mask, with random weights; `b t d` in and out."""
    generator, d = torch.Generator().manual_seed(0), x.shape[-1]
    for _ in range(2):
        q, k, v = torch.randn(3, d, d, generator=generator, dtype=x.dtype) / d**0.5
        scores = (x @ q @ (x @ k).mT).masked_fill(~mask, -torch.inf)
        x = x + scores.softmax(-1) @ torch.tanh(x @ v)
    return x


def influence(mask: torch.Tensor, feed=None) -> torch.Tensor:
    """influence[i, j]: does the output at i move when unit j does?  `feed` makes units inputs."""
    t, feed = len(mask), feed or (lambda units: units)
    units = torch.randn(1, t, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moved = units + torch.eye(t, dtype=units.dtype)[..., None]  # sample j moves unit j
    change = network(feed(moved), mask) - network(feed(units), mask)
    return change.abs().amax(-1).T > 1e-9


def fed_with_the_step_before(plan: Plan):
    """The inputs of teacher forcing: a position is fed the units of the step before its own."""
    earlier = (plan.step[None, :] == plan.step[:, None] - 1).double()
    place = torch.randn(len(plan), 8, generator=torch.Generator().manual_seed(2)).double()
    return lambda units: earlier @ units + place


@pytest.mark.parametrize("name", PLANS)
def test_a_position_moves_with_its_own_and_earlier_steps_alone(name):
    plan = PLANS[name]
    assert torch.equal(influence(plan.mask()), plan.step[None, :] <= plan.step[:, None])


@pytest.mark.parametrize("name", PLANS)
def test_under_teacher_forcing_no_unit_sees_its_own_step_or_a_later_one(name):
    plan = PLANS[name]
    moved = influence(plan.mask(), fed_with_the_step_before(plan))
    assert torch.equal(moved, plan.step[None, :] < plan.step[:, None])


@pytest.mark.parametrize("name", STREAMS)
def test_two_streams_by_perturbing_every_unit_of_both(name):
    clean, noisy = STREAMS[name]
    t = len(clean)
    moved = influence(plans.two_streams(clean, noisy))
    assert torch.equal(moved[:t, :t], clean.step[None, :] <= clean.step[:, None])
    assert not moved[:t, t:].any()  # the clean stream is as if the noisy one were not there
    assert torch.equal(moved[t:, :t], noisy.step[None, :] < noisy.step[:, None])
    assert torch.equal(moved[t:, t:], noisy.step[None, :] == noisy.step[:, None])


def orders(t: int) -> list[Plan]:
    """Every plan of t positions."""
    steps = itertools.product(range(t), repeat=t)
    return [Plan(torch.tensor(s)) for s in steps if set(s) == set(range(max(s) + 1))]


def test_two_streams_refuse_exactly_the_plans_that_leak():
    """All 169 pairs of plans of 3 positions: refused if and only if an answer reaches its unit."""
    refused = 0
    for clean, noisy in itertools.product(orders(3), repeat=2):
        past = noisy.step[None, :] < noisy.step[:, None]
        now = noisy.step[None, :] == noisy.step[:, None]
        nothing = torch.zeros_like(now)
        mask = torch.cat([torch.cat([clean.mask(), nothing], 1), torch.cat([past, now], 1)])
        leaks = bool((influence(mask)[3:, :3] & ~past).any())
        if leaks:
            refused += 1
            with pytest.raises(ValueError, match="looks further ahead than the noisy one"):
                plans.two_streams(clean, noisy)
        else:
            assert torch.equal(plans.two_streams(clean, noisy), mask)
    assert 0 < refused < 169


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_streams_of_many_samples_are_two_streams_of_each(size):
    first = torch.arange(size).repeat(2) + 1
    steps = plans.block_steps(9, size, first)
    causal = plans.raster(9).step
    for clean in (causal, steps):
        together = plans.streams(clean, steps)
        assert together.shape == (2 * size, 18, 18)
        for row, edge, mask in zip(steps, first.tolist(), together, strict=True):
            noisy = plans.blocks(9, size, first=edge)
            assert torch.equal(noisy.step, row)
            alone = plans.raster(9) if clean is causal else noisy
            assert torch.equal(mask, plans.two_streams(alone, noisy))


def test_one_leak_among_many_samples_is_refused():
    fine = plans.block_steps(8, 4, torch.tensor([4, 2, 1]))
    assert plans.streams(fine, fine).shape == (3, 16, 16)
    coarse = torch.cat([fine[:2], plans.block_steps(8, 8, torch.tensor([8]))])
    with pytest.raises(ValueError, match="looks further ahead than the noisy one"):
        plans.streams(coarse, fine)


def test_a_first_block_may_be_shorter_and_the_last_is_what_is_left():
    assert plans.blocks(9, 4, first=2).step.tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    assert plans.blocks(3, 8, first=8) == plans.whole(3)
    assert plans.blocks(8, 4, first=4) == plans.blocks(8, 4)
    for first in (0, 5):
        with pytest.raises(ValueError, match=f"first blocks of {first} to {first} .*has 1 to 4"):
            plans.blocks(9, 4, first=first)
    with pytest.raises(ValueError, match="block size must be at least 1"):
        plans.block_steps(9, 0, torch.tensor([1]))


def test_two_streams_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="the clean plan has 4 positions, the noisy one 6"):
        plans.two_streams(plans.raster(4), plans.raster(6))


@pytest.mark.parametrize("name", PLANS)
def test_groups_and_order_list_every_position_once(name):
    plan = PLANS[name]
    groups = plan.groups()
    assert len(groups) == plan.n_steps == len(set(plan.step.tolist()))
    assert torch.equal(torch.cat(groups), plan.order())
    assert plan.order().sort().values.tolist() == list(range(len(plan)))
    for s, group in enumerate(groups):
        assert (plan.step[group] == s).all()
        assert group.tolist() == sorted(group.tolist())  # within a step, from left to right


def test_one_at_a_time_has_many_names():
    raster = plans.raster(12)
    for same in (
        plans.blocks(12, 1),
        plans.windows([1] * 12),
        plans.cells(3, 4, 1),
        plans.frames(12, 1),
    ):
        assert same == raster
    assert torch.equal(raster.mask(), torch.ones(12, 12).tril().bool())


def test_all_at_once_has_many_names():
    whole = plans.whole(16)
    for same in (
        plans.blocks(16, 16),
        plans.windows([16]),
        plans.cells(4, 4, 4),
        plans.frames(1, 16),
    ):
        assert same == whole
    assert whole.n_steps == 1 and whole.mask().all()


def test_steps_are_what_their_names_say():
    assert plans.blocks(6, 2).step.tolist() == [0, 0, 1, 1, 2, 2]
    assert plans.windows([1, 3, 2]).step.tolist() == [0, 1, 1, 1, 2, 2]
    assert plans.scales([1, 2]).step.tolist() == [0, 1, 1, 1, 1]
    assert len(plans.scales([1, 2, 4, 8])) == 85 and plans.scales([1, 2, 4, 8]).n_steps == 4
    assert plans.frames(2, 3).step.tolist() == [0, 0, 0, 1, 1, 1]
    assert plans.cells(2, 4, 2).step.view(2, 4).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1]]
    assert plans.cells(4, 2, 2).step.view(4, 2).tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


def test_shuffled_is_a_permutation_that_its_seed_decides():
    def steps(seed):
        return plans.shuffled(50, torch.Generator().manual_seed(seed)).step.tolist()

    assert steps(0) == steps(0) != steps(1)
    assert sorted(steps(0)) == list(range(50))


def test_a_prompt_is_step_0_and_sees_nothing_of_what_follows():
    plan = plans.raster(3).after(2)
    assert plan.step.tolist() == [0, 0, 1, 2, 3]
    mask = plan.mask()
    assert mask[:2].int().tolist() == [[1, 1, 0, 0, 0]] * 2 and mask[2:, :2].all()
    assert torch.equal(mask[2:, 2:], plans.raster(3).mask())


def test_plans_compare_by_their_steps_and_cannot_be_changed():
    assert plans.raster(3) == plans.raster(3) != plans.whole(3)
    assert plans.raster(3) != plans.raster(4) and plans.raster(3) != [0, 1, 2]
    with pytest.raises(AttributeError):
        plans.raster(3).step = torch.zeros(3, dtype=torch.long)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: plans.blocks(64, 5), "5 does not divide 64 positions; choose one of 1, 2, 4, 8"),
        (lambda: plans.blocks(8, 0), "block size 0 does not divide"),
        (lambda: plans.cells(4, 6, 4), "cell size 4 does not divide a 4 x 6 grid; .* of 1, 2$"),
        (lambda: plans.cells(4, 4, 0), "cell size 0"),
        (lambda: plans.scales([1, 4, 2]), r"scale sides must grow.* got \[1, 4, 2\]"),
        (lambda: plans.scales([2, 2]), "scale sides must grow"),
        (lambda: plans.scales([]), "scale sides must grow"),
        (lambda: plans.scales([0, 1]), "scale sides must grow"),
        (lambda: plans.windows([]), "positive integers"),
        (lambda: plans.windows([2, 0]), r"positive integers, not \[2, 0\]"),
        (lambda: plans.raster(0), "length must be at least 1, not 0"),
        (lambda: plans.whole(-1), "length must be at least 1, not -1"),
        (lambda: plans.shuffled(0), "length must be at least 1"),
        (lambda: plans.frames(0, 4), "number of frames must be at least 1"),
        (lambda: plans.frames(2, 0), "frame size must be at least 1"),
        (lambda: plans.raster(2).after(0), "a prompt has at least 1 position, not 0"),
        (lambda: Plan(torch.tensor([0, 2])), r"without a gap; these are \[0, 2\]"),
        (lambda: Plan(torch.tensor([1, 2])), "must count 0, 1, 2"),
        (lambda: Plan(torch.tensor([-1, 0])), "must count 0, 1, 2"),
        (lambda: Plan(torch.zeros(0, dtype=torch.long)), "must count 0, 1, 2"),
    ],
)
def test_bad_plans_get_a_sentence(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_steps_are_integers_in_one_row():
    with pytest.raises(jaxtyping.TypeCheckError):
        Plan(torch.zeros(2, 2, dtype=torch.long))
    with pytest.raises(jaxtyping.TypeCheckError):
        Plan(torch.tensor([0.0, 1.0]))


@pytest.mark.parametrize("kind", plans.SCANS)
def test_a_scan_visits_every_cell_once_and_can_be_undone(kind):
    plan, cells = plans.scan(3, 5, kind), torch.arange(15)
    order = plan.order()
    assert torch.equal(order.sort().values, cells)
    assert torch.equal(cells[order][plan.step], cells)  # there and back again
    assert plan.n_steps == 15


def test_scans_of_a_square_are_the_ones_they_are_called():
    square = {kind: plans.scan(3, 3, kind).step.view(3, 3).tolist() for kind in plans.SCANS}
    assert square == {
        "row": [[0, 1, 2], [3, 4, 5], [6, 7, 8]],
        "column": [[0, 3, 6], [1, 4, 7], [2, 5, 8]],
        "row-zigzag": [[0, 1, 2], [5, 4, 3], [6, 7, 8]],
        "column-zigzag": [[0, 5, 6], [1, 4, 7], [2, 3, 8]],
        "diagonal": [[0, 1, 5], [2, 4, 6], [3, 7, 8]],
    }
    assert plans.scan(4, 4) == plans.raster(16)


@pytest.mark.parametrize("kind", ["row-zigzag", "column-zigzag"])
def test_in_a_zigzag_neighbours_in_time_are_neighbours_in_the_picture(kind):
    order = plans.scan(4, 6, kind).order()
    steps = torch.stack([order // 6, order % 6]).diff(dim=1).abs().sum(0)
    assert (steps == 1).all()


def test_an_unknown_scan_is_refused():
    with pytest.raises(ValueError, match="scan 'spiral' is unknown; choose one of row, column"):
        plans.scan(4, 4, "spiral")
    with pytest.raises(ValueError, match="height must be at least 1, not 0"):
        plans.scan(0, 4)


def test_subsamples_are_spread_over_the_grid():
    plan = plans.subsamples(4, 6, 2)
    assert plan.n_steps == 4 and {len(here) for here in plan.groups()} == {6}
    assert plan.step.view(4, 6)[:2, :4].tolist() == [[0, 1, 0, 1], [2, 3, 2, 3]]
    assert plans.subsamples(4, 4, 1) == plans.whole(16)
    assert plans.subsamples(4, 4, 4) == plans.raster(16)
    with pytest.raises(ValueError, match="stride 4 does not divide a 4 x 6 grid; choose one of 1,"):
        plans.subsamples(4, 6, 4)
