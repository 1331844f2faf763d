"""A model over any plan: blind to its own step and the future, the same cached and forced."""

import pytest
import torch

from arlearn import decode, plans
from arlearn.heads.law import Law
from arlearn.nets.any_plan import AnyPlan, sources
from arlearn.plans import Plan

PLANS = {
    "raster": plans.raster(12),
    "shuffled": plans.shuffled(12, torch.Generator().manual_seed(1)),
    "blocks": plans.blocks(12, 3),
    "growing": Plan(torch.tensor([2, 1, 2, 0, 2, 1, 2, 2, 1, 2, 2, 2])),
    "whole": plans.whole(12),
}


def model_of(plan, classes=4):
    torch.manual_seed(0)
    model = AnyPlan(plan, 5, width=16, depth=2, heads=2, classes=classes).eval()
    for weight in model.parameters():  # an untrained adaLN passes everything through
        weight.data += 0.2 * torch.randn_like(weight)
    return model


@pytest.fixture
def units():
    return torch.randint(0, 5, (3, 12), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("name", PLANS)
def test_a_unit_moves_the_laws_of_later_steps_and_of_no_others(name, units):
    plan, labels = PLANS[name], torch.arange(3)
    model = model_of(plan)
    step = plan.step[plan.order()]
    before = model(units, labels)
    for place in range(12):
        other = units.clone()
        other[:, place] = (other[:, place] + 1) % 5
        moved = (model(other, labels) - before).abs().amax((0, 2)) > 1e-6
        assert torch.equal(moved, step > plan.step[place])


@pytest.mark.parametrize("name", PLANS)
def test_cached_sampling_is_teacher_forcing(name, units):
    plan, labels = PLANS[name], torch.arange(3)
    model = model_of(plan)
    session = decode.Session(model, labels, 3, law=Law(), generator=None)
    with torch.no_grad():
        looks = [session.look(session.inputs(units, s), s)[0] for s in range(plan.n_steps)]
        assert torch.allclose(torch.cat(looks, 1), model(units, labels), atol=1e-5)


@pytest.mark.parametrize("name", PLANS)
def test_the_sequence_is_the_inputs_of_all_steps(name, units):
    model = model_of(PLANS[name])
    steps = [model.inputs(units, s) for s in range(model.plan.n_steps)]
    assert torch.equal(torch.cat(steps, 1), model.sequence(units))


def test_the_likelihoods_of_all_pictures_add_up_to_one():
    plan = Plan(torch.tensor([1, 0, 2, 2]))
    torch.manual_seed(0)
    model = AnyPlan(plan, 3, width=8, depth=1, heads=2).eval()
    every = torch.cartesian_prod(*[torch.arange(3)] * 4)
    assert torch.isclose((-model.unit_loss(every).sum(1)).exp().sum(), torch.tensor(1.0))


def test_evaluations_are_the_plan_s_steps():
    for plan in PLANS.values():
        drawn, trace = decode.generate(model_of(plan), torch.arange(3))
        assert drawn.shape == (3, 12)
        assert trace.evaluations == plan.n_steps


def test_each_unit_of_a_step_is_fed_to_the_next():
    for plan in PLANS.values():
        found = sources(plan)
        for s, (before, here) in enumerate(zip(plan.groups(), plan.groups()[1:], strict=False)):
            assert set(found[here].tolist()) == set(before.tolist()), s
    assert sources(plans.blocks(6, 2)).tolist() == [-1, -1, 0, 1, 2, 3]
    assert sources(PLANS["growing"]).tolist() == [1, 3, 1, -1, 1, 3, 5, 5, 3, 5, 8, 8]


def test_a_plan_that_shrinks_is_refused():
    with pytest.raises(ValueError, match="step 1 of the plan has 2 positions and step 0 has 4"):
        AnyPlan(plans.windows([4, 2]), 5, width=16, depth=1)


def test_without_classes_no_label_is_taken(units):
    model = model_of(plans.raster(12), classes=0)
    assert model.unit_loss(units).shape == (3, 12)
    with pytest.raises(ValueError, match="without classes"):
        model(units, torch.arange(3))
