"""Units drawn one after the other: the cache holds clean ones only, and every pass is counted."""

import sys

import pytest
import torch

from arlearn import plans
from arlearn.corrupt import euler, euler_maruyama, time_grid
from arlearn.decode import flow_units
from arlearn.decode.flow_units import Chain
from arlearn.heads.law import Law
from arlearn.nets.denoiser import VelocityDenoiser
from arlearn.nets.flow_plan import FlowPlan
from arlearn.nets.transformer import grid

LABELS = torch.tensor([0, 2, 1])
PLANS = {
    "raster": plans.raster(16),
    "cells": plans.cells(4, 4, 2),
    "subsamples": plans.subsamples(4, 4, 2),
    "shuffled": plans.shuffled(16, torch.Generator().manual_seed(5)),
    "scales": plans.windows([1, 4, 11]),
    "whole": plans.whole(16),
}
GUIDED = Law(guidance=1.5, ramp=True)


def dice(seed=0):
    return torch.Generator().manual_seed(seed)


def model(name, **options):
    torch.manual_seed(0)
    options = {"classes": 3, "positions": grid(4), **options}
    made = FlowPlan(PLANS[name], 3, width=16, depth=2, **options).eval()
    for weights in made.parameters():
        weights.data += 0.1 * torch.randn(weights.shape, generator=dice(weights.numel()))
    return made


def drawn(made, **options):
    return flow_units(made, LABELS, **{"steps": 3, "generator": dice(), **options})


@pytest.mark.parametrize("law", [Law(), GUIDED])
@pytest.mark.parametrize("name", PLANS)
def test_cached_and_uncached_sampling_agree(name, law):
    made = model(name)
    fast, trace = drawn(made, law=law)
    slow, again = drawn(made, law=law, cached=False)
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)
    assert trace.evaluations == again.evaluations


@pytest.mark.parametrize("name", PLANS)
@torch.no_grad()
def test_every_velocity_is_the_one_of_the_masked_pass(name):
    """Unit i at time t, given clean units, as training's two streams would say it: 1e-5."""
    made, (units, z) = model(name), torch.randn(2, 3, 16, 3, generator=dice(1))
    chain = Chain(made, LABELS, 3, law=Law())
    for i, here in enumerate(chain.groups):
        for t in (1.0, 0.6, 0.1):
            times = torch.full((3, 16), t)
            right = made.beside(units, z, times, LABELS)[:, here]
            v = chain.velocity(z[:, here], torch.full((3,), t))
            torch.testing.assert_close(v, right, atol=1e-5, rtol=1e-4)
        chain.finish(units[:, here])
        assert chain.cache.length == sum(len(g) for g in chain.groups[:i])


@pytest.mark.parametrize("name", ["raster", "cells"])
@torch.no_grad()
def test_the_cache_holds_clean_units_only(name):
    """Whatever noise the unit at hand went through, and how often, the cache is what the clean
    units alone would write at time 0; later velocities do not move."""
    made, units = model(name), torch.randn(3, 16, 3, generator=dice(1))
    caches = []
    for seed, steps in ((2, 1), (3, 5)):
        chain = Chain(made, LABELS, 3, law=Law())
        for here in chain.groups:
            for t in torch.linspace(1, 0.1, steps):
                z = torch.randn(3, len(here), 3, generator=dice(seed))
                chain.velocity(z, t.expand(3))
            chain.finish(units[:, here])
        caches.append(chain.cache)
    n = caches[0].length
    assert n == 16 - len(made.plan.groups()[-1])
    torch.testing.assert_close(
        caches[0].both[..., :n, :], caches[1].both[..., :n, :], atol=1e-5, rtol=0
    )
    alone = made.backbone.cache(3, 16)
    order = made.plan.order()[:n]
    step = made.plan.step[order]
    seen = step[None, :] <= step[:, None]
    made.velocity(
        units[:, order],
        torch.zeros(3, n),
        made.told(LABELS, 3),
        where=order,
        mask=seen,
        cache=alone,
    )
    torch.testing.assert_close(
        alone.both[..., :n, :], caches[0].both[..., :n, :], atol=1e-5, rtol=0
    )


def test_with_one_unit_it_is_the_plain_solver_bit_for_bit():
    plain = VelocityDenoiser(3, 16, width=16, depth=2, classes=3).eval()
    for weights in plain.parameters():
        weights.data += 0.1 * torch.randn(weights.shape, generator=dice(weights.numel()))
    one = FlowPlan(PLANS["whole"], 3, width=16, depth=2, classes=3).eval()
    one.load_state_dict(plain.state_dict())
    with torch.no_grad():
        right = euler(lambda x, t: plain(x, t, LABELS), plain.noise(3, dice()), time_grid(5))
    units, trace = flow_units(one, LABELS, steps=5, generator=dice(), cached=False)
    assert torch.equal(units, right.x) and trace.evaluations == right.evaluations
    cached, _ = flow_units(one, LABELS, steps=5, generator=dice())
    assert torch.equal(cached, right.x)


@pytest.mark.parametrize("solver, per_step", [("euler", 1), ("heun", 2), ("euler-maruyama", 1)])
@pytest.mark.parametrize("name", ["raster", "cells", "whole"])
def test_every_pass_is_counted_in_both_branches(name, solver, per_step, monkeypatch):
    made, passes = model(name), []
    inner = made.backbone.forward
    monkeypatch.setattr(
        made.backbone, "forward", lambda x, **r: (passes.append(len(x)), inner(x, **r))[1]
    )
    _, trace = drawn(made, solver=solver, steps=4)
    units = made.plan.n_steps
    assert trace.n_steps == units
    assert trace.evaluations == len(passes) == units * 4 * per_step
    _, trace = drawn(made, solver=solver, steps=4, law=GUIDED)
    assert trace.evaluations == 2 * units * 4 * per_step


def test_guidance_of_nothing_is_the_conditional_model():
    made = model("cells")
    plain, _ = drawn(made)
    none, _ = drawn(made, law=Law(guidance=1e-12, ramp=True))
    torch.testing.assert_close(none, plain, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_guidance_grows_linearly_with_the_unit_and_starts_with_none():
    """s_i = 1 + (s - 1) i / (n - 1) on v_null + s_i (v_cond - v_null)."""
    made, (units, z) = model("cells"), torch.randn(2, 3, 16, 3, generator=dice(1))
    chain, s = Chain(made, LABELS, 3, law=Law(guidance=1.5, ramp=True)), 2.5
    times = torch.full((3, 16), 0.5)
    cond, null = made.beside(units, z, times, LABELS), made.beside(units, z, times, None)
    for i, here in enumerate(chain.groups):
        strength = 1 + (s - 1) * i / 3
        right = null[:, here] + strength * (cond[:, here] - null[:, here])
        v = chain.velocity(z[:, here], torch.full((3,), 0.5))
        torch.testing.assert_close(v, right, atol=1e-5, rtol=1e-4)
        chain.finish(units[:, here])


def test_guiding_the_velocity_is_guiding_the_drift():
    """d = v - w/2 score, score = -(z + (1-t) v)/t: affine in v, and the weights add up to 1."""
    z, cond, null = torch.randn(3, 5, 4, dtype=torch.float64, generator=dice())
    t, s = 0.37, 2.5
    w = 2 * t

    def drift(v):
        return v - w / 2 * -(z + (1 - t) * v) / t

    on_drift = drift(null) + s * (drift(cond) - drift(null))
    torch.testing.assert_close(drift(null + s * (cond - null)), on_drift)


def test_context_is_what_later_units_see_and_not_what_is_returned():
    made = model("cells")
    own, _ = drawn(made)
    again, _ = drawn(made, context=own)
    assert torch.equal(own, again)
    other, _ = drawn(made, context=own + 1.0)
    first = made.plan.groups()[0]
    assert torch.equal(other[:, first], own[:, first])
    rest = made.plan.step > 0
    assert (other[:, rest] != own[:, rest]).any(-1).all()


def test_finished_units_can_be_told_another_time():
    made = model("cells")
    clean, told = drawn(made)[0], drawn(made, context_time=0.3)[0]
    first = made.plan.groups()[0]
    assert torch.equal(clean[:, first], told[:, first]) and not torch.equal(clean, told)


def test_the_noisy_solver_goes_down_to_a_little_noise_and_takes_the_mean_from_there(monkeypatch):
    asked = []

    def kept(velocity, x, times, **rest):
        asked.append(times.tolist())
        return euler_maruyama(velocity, x, times, **rest)

    monkeypatch.setattr(sys.modules[Chain.__module__], "euler_maruyama", kept)
    drawn(model("whole"), steps=4, solver="euler-maruyama")
    drawn(model("whole"), steps=1, solver="euler-maruyama")
    assert asked[0] == pytest.approx([1, 0.68, 0.36, 0.04, 0]) and asked[1] == [1, 0]


def test_one_seed_one_picture_and_temperature_zero_is_certain():
    made = model("scales", positions=None)
    assert torch.equal(drawn(made)[0], drawn(made)[0])
    cold = [
        flow_units(made, LABELS, law=Law(temperature=0.0), generator=dice(s))[0] for s in (1, 2)
    ]
    assert torch.equal(*cold)


def test_the_model_keeps_its_mode():
    made = model("cells").train()
    drawn(made)
    assert made.training


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"steps": 0}, "at least 1 solver step, not steps=0"),
        ({"solver": "rk4"}, "solver='rk4' is unknown; choose one of euler, heun, euler-maruyama"),
        ({"law": Law(top_k=3)}, "truncate a categorical law"),
        ({"context": torch.zeros(3, 15, 3)}, r"\(3, 15, 3\) must be b 16 3"),
        ({"batch": 4}, r"name \[3, 4\] samples"),
    ],
)
def test_bad_input_gets_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        drawn(model("cells"), **options)


def test_guidance_and_batch_want_to_be_told():
    with pytest.raises(ValueError, match="guidance 1.5 needs labels and a model with classes"):
        flow_units(model("cells"), batch=2, law=GUIDED)
    with pytest.raises(ValueError, match="labels=, or batch="):
        flow_units(model("cells", classes=0))
