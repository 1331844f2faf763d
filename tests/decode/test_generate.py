"""One loop for any plan: cached = uncached = teacher forced, the past alone is read, exact laws."""

import pytest
import torch

from arlearn import plans
from arlearn.decode import Session, generate
from arlearn.heads.categorical import Categorical
from arlearn.heads.law import Law
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.transformer import Transformer
from arlearn.papers.raster import Raster


class Toy(PlanModel):
    """Feeds each step the sum of all units drawn before, at every one of its places."""

    def __init__(self, plan, rotary=1):
        backbone = Transformer(16, 2, 2, cond_width=16, rotary=rotary)
        super().__init__(plan, backbone, Categorical(16, 5), classes=3)
        self.embed = torch.nn.Embedding(5, 16)
        for p in self.parameters():
            p.data += 0.2 * torch.randn_like(p)

    def inputs(self, units, s, cond):
        here = self.plan.groups()[s]
        before = self.embed(units) * (self.step < s)[:, None]
        return (cond + before.sum(1))[:, None].expand(-1, len(here), -1)


PLANS = {
    "raster": plans.raster(8),
    "blocks": plans.blocks(8, 4),
    "scales": plans.scales([1, 2]),
    "cells": plans.cells(4, 2, 2),
    "shuffled": plans.shuffled(8, torch.Generator().manual_seed(3)),
    "whole": plans.whole(8),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("cached", [True, False])
def test_sampling_sees_what_training_sees(plan, cached):
    torch.manual_seed(0)
    model = Toy(plan).eval()
    units, labels = torch.randint(5, (2, len(plan))), torch.tensor([0, 2])
    law = Law()
    with torch.no_grad():
        forced = model(units, labels)
        session = Session(model, labels, 2, law=law, generator=None, cached=cached)
        looks = [session.look(session.inputs(units, s), s)[0] for s in range(plan.n_steps)]
    torch.testing.assert_close(torch.cat(looks, 1), forced, atol=1e-5, rtol=0)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_no_loss_moves_when_the_future_is_perturbed(plan):
    torch.manual_seed(0)
    model = Toy(plan).eval()
    units, labels = torch.randint(5, (2, len(plan))), torch.tensor([0, 2])
    ordered = plan.step[plan.order()]
    with torch.no_grad():
        base = model(units, labels)
        for s in range(plan.n_steps):
            changed = torch.where(plan.step >= s, (units + 1) % 5, units)
            moved = (model(changed, labels) - base).abs().sum(-1).amax(0) > 0
            assert not moved[ordered <= s].any()


@pytest.mark.parametrize("cached", [True, False])
def test_cached_and_uncached_samples_agree(cached):
    torch.manual_seed(0)
    model = Toy(plans.blocks(8, 2))
    labels = torch.tensor([0, 1, 2])
    law = Law(guidance=1.5, ramp=True)
    draws = [
        generate(model, labels, law=law, generator=torch.Generator().manual_seed(4), cached=c)[0]
        for c in (True, cached)
    ]
    assert torch.equal(*draws)


def test_the_trace_counts_every_evaluation():
    model = Toy(plans.blocks(8, 2))
    _, trace = generate(model, batch=4)
    assert (trace.n_steps, trace.evaluations) == (4, 4)
    units, trace = generate(model, torch.zeros(4, dtype=torch.long), law=Law(guidance=1.0))
    assert (trace.n_steps, trace.evaluations) == (4, 8)
    assert torch.equal(trace.units_after(4), units)


def test_a_sample_follows_the_law_the_loss_scores():
    """Chi-square of 6,000 sequences over all 5² outcomes; 24 degrees of freedom, 0.999 quantile."""
    torch.manual_seed(0)
    model = Toy(plans.raster(2)).eval()
    every = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    labels = torch.ones(25, dtype=torch.long)
    with torch.no_grad():
        p = (-model.unit_loss(every, labels).sum(1)).exp()
    torch.testing.assert_close(p.sum(), torch.tensor(1.0))
    n = 6000
    drawn, _ = generate(
        model, torch.ones(n, dtype=torch.long), generator=torch.Generator().manual_seed(0)
    )
    counts = torch.bincount(drawn[:, 0] * 5 + drawn[:, 1], minlength=25)
    assert ((counts - n * p) ** 2 / (n * p)).sum() < 51.2


def test_known_units_stand_and_are_seen():
    torch.manual_seed(0)
    model = Toy(plans.raster(8))
    labels = torch.zeros(3, dtype=torch.long)
    given = torch.randint(5, (3, 8))
    all_known, _ = generate(model, labels, given=given, known=torch.ones(8, dtype=torch.bool))
    assert torch.equal(all_known, given)
    known = torch.arange(8) < 4
    drawn, _ = generate(model, labels, given=given, known=known)
    assert torch.equal(drawn[:, :4], given[:, :4])


def test_block_of_one_is_next_token_prediction():
    torch.manual_seed(0)
    one = Raster(4, 7, width=16, depth=2, classes=3, block=1).eval()
    assert torch.equal(one.step, torch.arange(16)) and one.causal
    units, labels = torch.randint(7, (2, 16)), torch.tensor([0, 1])
    with torch.no_grad():
        causal = one(units, labels)
        one.causal, one.mask = False, plans.raster(16).mask()
        torch.testing.assert_close(one(units, labels), causal, atol=1e-5, rtol=0)


def test_one_look_at_all_inputs_equals_step_by_step():
    torch.manual_seed(0)
    for block in (1, 4):
        model = Raster(4, 7, width=16, depth=1, classes=3, block=block)
        units, cond = torch.randint(7, (2, 16)), torch.randn(2, 16)
        assert torch.equal(model.sequence(units, cond), PlanModel.sequence(model, units, cond))


def test_bad_input_is_told_in_a_sentence():
    model = Toy(plans.raster(4))
    with pytest.raises(ValueError, match="how many samples"):
        generate(model)
    with pytest.raises(ValueError, match="needs labels"):
        generate(model, batch=2, law=Law(guidance=1.0))
    with pytest.raises(ValueError, match="label 9 is none of the 3 classes"):
        generate(model, torch.tensor([9]))
    with pytest.raises(ValueError, match="in-painting needs both"):
        generate(model, batch=1, given=torch.zeros(1, 4, dtype=torch.long))
    with pytest.raises(ValueError, match="no classes"):
        PlanModel(plans.raster(4), Transformer(16, 1, cond_width=4), Categorical(16, 5))
