"""Chapter 12's models: target and drafts are equal in all but their size."""

import pytest
import torch

from arlearn import zoo
from arlearn.training import History
from arlearn.zoo import cspd_models
from arlearn.zoo.cspd_models import DIGITS, GLYPHS, named


def test_one_chain_one_budget_two_sizes():
    for design in (DIGITS, GLYPHS):
        target, draft = (cspd_models.model(design, role) for role in ("target", "draft"))
        assert target.head.deviations == draft.head.deviations
        assert target.head.times == draft.head.times
        assert target.head.deviations[-1] == design.last > 0  # without noise nothing can be tested
        size, small = (sum(p.numel() for p in model.parameters()) for model in (target, draft))
        assert size > 10 * small
        assert target.hide > 0 == draft.hide
        assert len(target.step) == cspd_models.patches(design).side ** 2


def test_the_last_step_is_about_as_noisy_as_the_forward_process():
    process = cspd_models.model(DIGITS, "draft").head.process
    natural = float((1 - process.alpha_bar(1)).sqrt())
    assert DIGITS.last == pytest.approx(natural, abs=0.01)


def test_names_and_tiers():
    assert named(DIGITS, "target") == "digits-cspd-target"
    assert named(GLYPHS, "draft", 2) == "glyphs16-cspd-draft-2"
    found = {entry.name: entry.tier for entry in cspd_models.CSPD_MODELS}
    assert set(found) <= set(zoo.names()) and len(found) == 8
    assert all((tier == "gpu") == name.startswith("glyphs") for name, tier in found.items())


def test_roles_see_the_same_pictures_and_numbers_differ_in_their_seed(monkeypatch):
    seen = []

    def fit(model, rows, steps, **rest):
        seen.append((model.embed.weight.clone(), rows(0)[0], steps, rest["recipe"]))
        return History([], steps, 0.0, 0.0, "fp32")

    monkeypatch.setattr(cspd_models, "fit", fit)
    for name in ("target", "draft", "draft-1"):
        entry = zoo.find(f"digits-cspd-{name}")
        torch.manual_seed(0)
        entry.train(entry.build(), 0)
    (_, batch, steps, recipe), (weights, same, *rest), (others, new, *_) = seen
    assert torch.equal(batch, same) and [steps, recipe] == rest
    assert not torch.equal(weights, others) and not torch.equal(batch, new)


def test_an_untrained_model_is_outside_its_bound():
    """Saying nothing costs the mean of ᾱ over the chain."""
    entry = zoo.find("digits-cspd-draft")
    value = entry.measure.func(entry.build().eval(), design=DIGITS, draws=2)
    assert value == pytest.approx(0.45, abs=0.05) and not entry.holds(value)


def test_a_look_at_the_beginning_is_short():
    few = cspd_models.beginning(DIGITS, 3)
    assert few.steps == 3 and len(few.load("train")) == 3 * DIGITS.batch
