"""The transformer: masks by perturbing the future, cached = uncached, conditions, positions."""

import pytest
import torch

from arlearn import plans
from arlearn.nets.attention import attend, block_mask, causal_tail, rotate, rotation
from arlearn.nets.transformer import Transformer, grid

PLANS = {
    "raster": plans.raster(12),
    "blocks": plans.blocks(12, 3),
    "scales": plans.scales([1, 2, 3]),
    "cells": plans.cells(4, 4, 2),
    "frames": plans.frames(3, 4),
    "shuffled": plans.shuffled(12, torch.Generator().manual_seed(0)),
    "whole": plans.whole(12),
}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Transformer(32, 3, 2, qk_norm=True).eval()


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_no_position_hears_of_a_later_step(model, plan):
    x = torch.randn(2, len(plan), 32)
    here = model(x, mask=plan.mask())
    for s in range(plan.n_steps):
        changed = x.clone()
        later = plan.step > s
        changed[:, later] += torch.randn(2, int(later.sum()), 32)
        there = model(changed, mask=plan.mask())
        assert torch.equal(here[:, ~later], there[:, ~later])
        if later.any():
            assert not torch.allclose(here[:, later], there[:, later])


def test_a_position_hears_of_its_own_step(model):
    plan = plans.blocks(6, 3)
    x = torch.randn(1, 6, 32)
    changed = x.clone()
    changed[:, 2] += 1
    difference = (model(x, mask=plan.mask()) - model(changed, mask=plan.mask())).abs().sum(-1)
    assert (difference[0] > 1e-4).all()


@pytest.mark.parametrize("rotary", [0, 1])
@pytest.mark.parametrize("cond_width", [None, 8])
def test_cached_chunks_equal_one_masked_pass(rotary, cond_width):
    torch.manual_seed(1)
    model = Transformer(32, 3, 2, rotary=rotary, cond_width=cond_width, qk_norm=True).eval()
    for p in model.parameters():  # adaLN starts at zero, which would hide a mistake in it
        p.data += 0.05 * torch.randn_like(p)
    plan = plans.windows([1, 3, 2, 4])
    x = torch.randn(2, 10, 32)
    cond = None if cond_width is None else torch.randn(2, cond_width)
    whole = model(x, mask=plan.mask(), cond=cond)
    cache = model.cache(2, 10)
    parts = [model(x[:, group], cond=cond, cache=cache) for group in plan.groups()]
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


def test_causal_with_a_cache_equals_one_pass(model):
    x = torch.randn(2, 9, 32)
    whole = model(x, mask="causal")
    cache = model.cache(2, 9)
    first = model(x[:, :4], mask="causal", cache=cache)
    rest = model(x[:, 4:], mask="causal", cache=cache)
    torch.testing.assert_close(torch.cat([first, rest], 1), whole, atol=1e-5, rtol=0)


def test_crop_rolls_a_draft_back(model):
    x = torch.randn(2, 8, 32)
    cache = model.cache(2, 12)
    model(x[:, :5], mask="causal", cache=cache)
    model(torch.randn(2, 4, 32), mask="causal", cache=cache)
    cache.crop(5)
    after = model(x[:, 5:], mask="causal", cache=cache)
    torch.testing.assert_close(after, model(x, mask="causal")[:, 5:], atol=1e-5, rtol=0)


def test_reindex_lets_a_sample_continue_another(model):
    x = torch.randn(3, 6, 32)
    cache = model.cache(3, 6)
    model(x[:, :4], mask="causal", cache=cache)
    cache.reindex(torch.tensor([2, 2]))
    tail = torch.randn(2, 2, 32)
    after = model(tail, mask="causal", cache=cache)
    joined = torch.cat([x[[2, 2], :4], tail], 1)
    torch.testing.assert_close(after, model(joined, mask="causal")[:, 4:], atol=1e-5, rtol=0)


def test_keep_leaves_the_accepted_branch(model):
    x = torch.randn(1, 5, 32)
    cache = model.cache(1, 8)
    places = torch.tensor([0, 1, 2, 2, 3])  # positions 2 and 3 are rivals for place 2
    tree = causal_tail(5, 5, "cpu")
    tree[4, 2] = tree[3, 2] = False
    model(x, mask=tree, positions=places, cache=cache)
    cache.keep(torch.tensor([0, 1, 3, 4]))
    new = torch.randn(1, 1, 32)
    after = model(new, cache=cache)
    straight = torch.cat([x[:, [0, 1, 3, 4]], new], 1)
    torch.testing.assert_close(after, model(straight, mask="causal")[:, 4:], atol=1e-5, rtol=0)


def test_an_uncommitted_pass_leaves_no_trace(model):
    x = torch.randn(2, 6, 32)
    cache = model.cache(2, 6)
    model(x[:, :3], cache=cache)
    once = model(x[:, 3:], cache=cache, commit=False)
    model(torch.randn(2, 2, 32), cache=cache, commit=False)
    assert cache.length == 3
    assert torch.equal(once, model(x[:, 3:], cache=cache))
    assert cache.length == 6


def test_flex_attention_obeys_the_same_masks():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, 12, 16)
    clean, noisy = plans.raster(6), plans.blocks(6, 2)
    for dense, blocks in [
        (plans.blocks(12, 3).mask(), block_mask(plans.blocks(12, 3))),
        (plans.two_streams(clean, noisy), block_mask(clean, noisy)),
    ]:
        torch.testing.assert_close(
            attend(q, k, v, blocks), attend(q, k, v, dense), atol=1e-5, rtol=0
        )


def test_rotary_attention_depends_on_distance_only():
    q, k = torch.randn(2, 1, 1, 1, 16)
    for axes, shift in [(1, torch.tensor([7])), (2, torch.tensor([[3.0, -2.0]]))]:
        here = torch.tensor([4]) if axes == 1 else torch.tensor([[1.0, 5.0]])
        there = torch.tensor([1]) if axes == 1 else torch.tensor([[2.0, 2.0]])
        score = [
            (
                rotate(q, rotation(here + s, 16, axes)) * rotate(k, rotation(there + s, 16, axes))
            ).sum()
            for s in (0, shift)
        ]
        torch.testing.assert_close(score[0], score[1], atol=1e-4, rtol=1e-4)


def test_grid_centres_coarse_cells_over_fine_ones():
    fine = grid(4)
    coarse = grid(2, stretch=2)
    assert torch.equal(fine[:5, 1], torch.tensor([0.0, 1, 2, 3, 0]))
    assert torch.equal(coarse[0], fine[[0, 1, 4, 5]].mean(0))


def test_memory_and_condition_reach_every_position():
    torch.manual_seed(0)
    model = Transformer(16, 2, 2, cond_width=4, memory_width=6).eval()
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)
    x, cond, memory = torch.randn(1, 3, 16), torch.randn(1, 4), torch.randn(1, 5, 6)
    base = model(x, cond=cond, memory=memory)
    assert ((base - model(x, cond=cond + 1, memory=memory)).abs().sum(-1) > 1e-4).all()
    assert ((base - model(x, cond=cond, memory=memory + 1)).abs().sum(-1) > 1e-4).all()
    each = cond[:, None].expand(1, 3, 4)
    torch.testing.assert_close(model(x, cond=each, memory=memory), base)


def test_bad_input_is_told_in_a_sentence(model):
    with pytest.raises(ValueError, match="do not divide width"):
        Transformer(30, 1, 4)
    with pytest.raises(ValueError, match="cond_width=None"):
        model(torch.randn(1, 2, 32), cond=torch.randn(1, 8))
    with pytest.raises(ValueError, match="0, 1 or 2 axes"):
        Transformer(32, 1, rotary=3)
    cache = model.cache(1, 3)
    with pytest.raises(ValueError, match="do not fit a cache for 3"):
        model(torch.randn(1, 4, 32), cache=cache)
    with pytest.raises(ValueError, match="a batch of 2 meets a cache for 1"):
        model(torch.randn(2, 1, 32), cache=cache)
    with pytest.raises(ValueError, match="cannot crop"):
        cache.crop(1)
    with pytest.raises(ValueError, match="not all below 0"):
        cache.keep(torch.tensor([0]))
