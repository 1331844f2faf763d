"""Continuous units over any plan: who hears whom, at which time, and what plain flow is of it."""

import pytest
import torch

from arlearn import plans
from arlearn.nets.denoiser import VelocityDenoiser
from arlearn.nets.flow_plan import FlowPlan
from arlearn.nets.transformer import grid
from arlearn.training import Batches, Recipe, fit

LABELS = torch.tensor([0, 2])
PLANS = {
    "raster": plans.raster(16),
    "cells": plans.cells(4, 4, 2),
    "subsamples": plans.subsamples(4, 4, 2),
    "shuffled": plans.shuffled(16, torch.Generator().manual_seed(5)),
    "scales": plans.windows([1, 4, 11]),
    "whole": plans.whole(16),
}


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def model(plan, **options):
    """A small model whose zeroed layers are shaken, so that nothing hides."""
    torch.manual_seed(0)
    made = FlowPlan(plan, 3, width=16, depth=2, **options).eval()
    for weights in made.parameters():
        weights.data += 0.2 * torch.randn(weights.shape, generator=dice(weights.numel()))
    return made


def noisy(seed=0):
    z = torch.randn(2, 16, 3, generator=dice(seed))
    return z, torch.rand(2, 16, generator=dice(seed + 1))


def moved(before, after):
    """Which positions' outputs changed, in any sample."""
    return (before != after).flatten(2).any(-1).any(0)


@pytest.mark.parametrize("name", PLANS)
@torch.no_grad()
def test_a_unit_is_heard_by_itself_and_all_later_ones_and_by_none_before(name):
    plan = PLANS[name]
    made, (z, t) = model(plan, classes=3), noisy()
    before = made(z, t, LABELS)
    for here in plan.groups():
        other = z.clone()
        other[:, here[-1]] += 1.0
        heard = plan.step >= plan.step[here[-1]]
        assert torch.equal(moved(before, made(other, t, LABELS)), heard)


@pytest.mark.parametrize("name", ["raster", "cells", "scales"])
@torch.no_grad()
def test_the_time_is_that_of_the_position_and_not_of_the_sample(name):
    """One time for the whole picture would turn the model into masked flow matching."""
    plan = PLANS[name]
    made, (z, t) = model(plan), noisy()
    before, here = made(z, t), plan.groups()[1]
    other = t.clone()
    other[:, here] = 1 - other[:, here]
    assert torch.equal(moved(before, made(z, other)), plan.step >= 1)
    alone = model(plan).velocity(z[:, here], t[:, here], None, where=here)
    nobody = model(plan).velocity(z[:, here], other[:, here], None, where=here)
    assert moved(alone, nobody).all()


@torch.no_grad()
def test_a_position_predicts_its_own_velocity_without_a_shift():
    """Alone in its step, the first position hears nothing but itself, and answers for itself."""
    made, (z, t) = model(plans.raster(16)), noisy()
    before, other = made(z, t), z.clone()
    other[:, 0] += 1
    assert moved(before, made(other, t))[0]
    other = z.clone()
    other[:, 1:] += 1
    assert not moved(before, made(other, t))[0]


@torch.no_grad()
def test_with_one_unit_it_is_plain_flow_matching_bit_for_bit():
    plain = VelocityDenoiser(3, 16, width=16, depth=2, classes=3, time="logit-normal").eval()
    for weights in plain.parameters():
        weights.data += 0.2 * torch.randn(weights.shape, generator=dice(weights.numel()))
    one = FlowPlan(plans.whole(16), 3, width=16, depth=2, classes=3).eval()
    one.load_state_dict(plain.state_dict())
    z, t = noisy()
    assert torch.equal(one(z, t[:, 0], LABELS), plain(z, t[:, 0], LABELS))
    per_position = one(z, t[:, :1].expand(-1, 16), LABELS)
    torch.testing.assert_close(per_position, plain(z, t[:, 0], LABELS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", PLANS)
def test_times_are_drawn_per_sample_and_unit(name):
    plan = PLANS[name]
    t = model(plan).times(50, dice())
    for here in plan.groups():
        assert torch.equal(t[:, here], t[:, here[:1]].expand(-1, len(here)))
    firsts = t[:, [int(here[0]) for here in plan.groups()]]
    assert len(firsts.unique()) == 50 * plan.n_steps


@pytest.mark.parametrize("name", ["raster", "cells", "subsamples", "scales"])
@torch.no_grad()
def test_a_noisy_unit_never_hears_its_own_clean_copy(name):
    plan = PLANS[name]
    made, (z, t) = model(plan, classes=3, context="clean"), noisy()
    clean = torch.randn(2, 16, 3, generator=dice(7))
    before = made.beside(clean, z, t, LABELS)
    for s, here in enumerate(plan.groups()):
        other = clean.clone()
        other[:, here] += 1.0
        assert torch.equal(moved(before, made.beside(other, z, t, LABELS)), plan.step > s)
        live = z.clone()
        live[:, here] += 1.0
        assert torch.equal(moved(before, made.beside(clean, live, t, LABELS)), plan.step == s)


@torch.no_grad()
def test_two_streams_say_what_one_stream_says_to_clean_earlier_units():
    """One stream with t = 0 before unit s trains that unit alone; two streams ask all at once."""
    plan = PLANS["cells"]
    made, (z, t) = model(plan), noisy()
    clean = torch.randn(2, 16, 3, generator=dice(7))
    streams = made.beside(clean, z, t)
    for s, here in enumerate(plan.groups()):
        earlier = plan.step < s
        mixed, times = z.clone(), t.clone()
        mixed[:, earlier], times[:, earlier] = clean[:, earlier], 0.0
        torch.testing.assert_close(made(mixed, times)[:, here], streams[:, here], atol=1e-5, rtol=0)


@pytest.mark.parametrize("per_position", [False, True])
@torch.no_grad()
def test_states_can_be_told_position_by_position(per_position):
    """With a state for every position it is a flow head whose positions see each other."""
    made, (z, t) = model(PLANS["cells"]), noisy()
    t = t if per_position else t[:, 0]
    states = torch.randn(2, 16, 16, generator=dice(4))
    before = made.velocity(z, t, states, mask=made.mask)
    other, here = states.clone(), made.plan.groups()[1]
    other[:, here[0]] += 1.0
    heard = moved(before, made.velocity(z, t, other, mask=made.mask))
    assert torch.equal(heard, made.plan.step >= 1)
    same = made.velocity(z, t, states[:, :1].expand(-1, 16, -1), mask=made.mask)
    torch.testing.assert_close(
        same, made.velocity(z, t, states[:, 0], mask=made.mask), atol=1e-5, rtol=1e-5
    )


def test_errors_are_those_of_the_velocity_and_zero_for_the_truth(monkeypatch):
    made, (units, t) = model(PLANS["cells"]), noisy()
    eps = torch.randn(units.shape, generator=dice(3))
    monkeypatch.setattr(made, "forward", lambda z, t, labels: eps - units)
    assert made.errors(units, t=t, generator=dice(3)).abs().max() == 0
    monkeypatch.setattr(made, "forward", lambda z, t, labels: eps - units + 2.0)
    assert torch.allclose(made.errors(units, t=t, generator=dice(3)), torch.tensor(4.0))


@torch.no_grad()
def test_both_contexts_train_on_what_they_say(monkeypatch):
    units, t = noisy()
    asked = []
    for context in ("noisy", "clean"):
        made = model(PLANS["cells"], context=context)
        inner = made.velocity
        monkeypatch.setattr(
            made,
            "velocity",
            lambda z, t, told, f=inner, **rest: (asked.append((z, t)), f(z, t, told, **rest))[1],
        )
        made.errors(units, t=t, generator=dice())
    (z, times), (both, twice) = asked
    assert z.shape[1] == 16 and torch.equal(times, t)
    assert both.shape[1] == 32 and torch.equal(both[:, :16], units) and not twice[:, :16].any()
    assert torch.equal(both[:, 16:], z) and torch.equal(twice[:, 16:], t)


@torch.no_grad()
def test_rotary_places_tell_where_a_position_is():
    made, (z, t) = model(PLANS["cells"], positions=grid(4)), noisy()
    before = made(z, t)
    made.positions = made.positions.flip(1)
    assert (made(z, t) - before).abs().max() > 1e-3


def test_it_learns_and_needs_no_label_where_it_has_no_classes():
    torch.manual_seed(0)
    units = torch.randn(64, 1, 3).expand(-1, 16, -1).contiguous()  # all positions agree
    made = FlowPlan(PLANS["cells"], 3, width=16, depth=2)
    recipe = Recipe(lr=1e-2, precision="fp32")
    losses = fit(made, Batches(units, size=32), 60, recipe=recipe, progress=False).losses
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="context='cleen' is unknown; choose one of noisy, clean"):
        FlowPlan(PLANS["cells"], 3, width=16, depth=1, context="cleen")
    z, t = noisy()
    with pytest.raises(ValueError, match="labels cannot be told to a model without classes"):
        model(PLANS["cells"])(z, t, LABELS)
    with pytest.raises(ValueError, match="the classes are 0 … 2"):
        model(PLANS["cells"], classes=3)(z, t, torch.tensor([0, 9]))
