"""Chapter 2's arms: what is equal between them is equal, and what differs is one choice."""

import pytest
import torch

from arlearn import zoo
from arlearn.training import History
from arlearn.zoo import xar_models
from arlearn.zoo.xar_models import DIGITS, GLYPHS, named


def test_every_arm_has_the_same_budget_and_backbone():
    entries = xar_models.arms(DIGITS)
    names = [entry.name for entry in entries]
    assert len(names) == len(set(names)) == 3 * 5 + 3
    steps = {entry.name: entry.train.keywords["steps"] for entry in entries}
    assert steps.pop("digits-xar-cell-clean-half") == DIGITS.steps // 2
    assert set(steps.values()) == {DIGITS.steps}
    sizes = {e.name: sum(p.numel() for p in e.build().parameters()) for e in entries[:8]}
    extra = 5 * DIGITS.width  # the places of the coarse scales
    assert sizes.pop("digits-xar-scale") - extra == sizes["digits-xar-cell"]
    assert len(set(sizes.values())) == 1


def test_names_say_what_differs():
    assert named(DIGITS, "cell") == "digits-xar-cell"
    assert named(DIGITS, "patch", "clean", 2) == "digits-xar-patch-clean-2"
    assert named(DIGITS, "cell", "clean", steps=10) == "digits-xar-cell-clean-half"
    assert named(GLYPHS, "whole", number=1) == "glyphs16-xar-whole-1"
    found = {entry.name for entry in xar_models.XAR_MODELS}
    assert found <= set(zoo.names())


@pytest.mark.parametrize("name", ["digits-xar-cell", "digits-xar-cell-clean"])
def test_numbers_differ_in_their_seed_and_arms_of_one_number_share_it(name, monkeypatch):
    """The first weights and the first batch of number k are those of every arm with that number."""
    seen = []

    def fit(model, rows, steps, **rest):
        seen.append((model.entry.weight.clone(), rows(0)[0], rest["recipe"].seed))
        return History([], steps, 0.0, 0.0, "fp32")

    monkeypatch.setattr(xar_models, "fit", fit)
    for number in (0, 1):
        entry = zoo.find(name + f"-{number}" * (number > 0))
        torch.manual_seed(0)
        entry.train(entry.build(), 0)
    (first, batch, seed), (second, other, later) = seen
    assert (seed, later) == (0, 1) and not torch.equal(first, second)
    assert not torch.equal(batch, other)
    twin = zoo.find("digits-xar-cell-1")
    torch.manual_seed(0)
    twin.train(twin.build(), 0)
    assert torch.equal(seen[-1][0], second) and torch.equal(seen[-1][1], other)


def test_measuring_asks_for_clean_earlier_units_in_every_arm():
    """An untrained arm says 0, which costs the variance of ε - x, whatever its context."""
    for name in ("digits-xar-patch", "digits-xar-cell-clean", "digits-xar-scale"):
        entry = zoo.find(name)
        value = entry.measure.func(entry.build().eval(), **(entry.measure.keywords | {"draws": 2}))
        assert value == pytest.approx(2.0, abs=0.1) and not entry.holds(value)


def test_a_look_at_the_beginning_has_fewer_pictures():
    few = xar_models.beginning(DIGITS, 64)
    assert len(few.load("train")) == 64 and few.width == DIGITS.width
