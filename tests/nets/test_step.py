"""Few positions without layers: the same numbers, and the layers wherever they matter."""

import pytest
import torch

from arlearn.nets import step, step_numpy, transformer
from arlearn.nets.transformer import Transformer


@pytest.fixture
def taken(monkeypatch):
    """How often the short way was taken."""
    calls = []

    def counted(*args):
        calls.append(1)
        return step.step(*args)

    monkeypatch.setattr(transformer, "step", counted)
    return calls


def shaken(**options):
    """A transformer all of whose weights say something."""
    torch.manual_seed(0)
    model = Transformer(32, 3, 2, **options).eval()
    for p in model.parameters():
        p.data += 0.05 * torch.randn_like(p)
    return model


@torch.no_grad()
@pytest.mark.parametrize("rotary", [0, 1, 2])
@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize("cond", [None, "sample", "position"])
def test_step_by_step_equals_one_pass(taken, rotary, qk_norm, cond):
    model = shaken(rotary=rotary, qk_norm=qk_norm, cond_width=None if cond is None else 8)
    x, places = torch.randn(3, 7, 32), torch.randn(7, 2) if rotary == 2 else None
    given = {None: None, "sample": torch.randn(3, 8), "position": torch.randn(3, 7, 8)}[cond]
    whole = model(x, mask="causal", cond=given, positions=places)
    cache = model.cache(3, 7)
    parts = [model(x[:, :2], mask="causal", cache=cache, cond=given if cond != "position" else
                   given[:, :2], positions=None if places is None else places[:2])]  # fmt: skip
    for t in range(2, 7):
        here = slice(t, t + 1)
        parts.append(
            model(
                x[:, here],
                cache=cache,
                cond=given[:, here] if cond == "position" else given,
                positions=None if places is None else places[here],
            )
        )
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)
    assert len(taken) == 5 + (cond is None)  # two positions of several samples, told nothing


@torch.no_grad()
def test_another_condition_is_seen(taken):
    model, x = shaken(cond_width=8), torch.randn(2, 1, 32)
    cache = model.cache(2, 1)
    for cond in torch.randn(2, 2, 8):
        found = model(x, cond=cond, cache=cache, commit=False)
        torch.testing.assert_close(found, model(x, cond=cond), atol=1e-5, rtol=0)
    assert len(taken) == 2


@torch.no_grad()
def test_uncommitted_steps_are_forgotten(taken):
    model, x = shaken(), torch.randn(1, 4, 32)
    cache = model.cache(1, 4)
    model(x[:, :3], cache=cache, mask="causal")
    once = model(x[:, 3:], cache=cache, commit=False)
    model(torch.randn(1, 1, 32), cache=cache, commit=False)
    assert cache.length == 3 and torch.equal(once, model(x[:, 3:], cache=cache))
    assert cache.length == 4 and len(taken) == 4


def test_layers_are_called_where_they_matter(taken):
    x = torch.randn(1, 1, 32)
    model = shaken()
    model(x, cache=model.cache(1, 1))  # gradients are wanted
    with torch.no_grad():
        many = torch.randn(1, transformer.FEW + 1, 32)
        model(many, cache=model.cache(1, len(many[0])))
        heard = []
        handle = model.blocks[0].register_forward_hook(lambda *_: heard.append(1))
        model(x, cache=model.cache(1, 1))
        handle.remove()
        dropping = shaken(dropout=0.5).train()
        dropping(x, cache=dropping.cache(1, 1))
        remembering = shaken(memory_width=4)
        remembering(x, cache=remembering.cache(1, 1), memory=torch.randn(1, 3, 4))
        with torch.autocast("cpu", torch.bfloat16):
            model(x, cache=model.cache(1, 1))
    assert taken == [] and heard == [1]


@torch.no_grad()
def test_bad_input_is_told_in_a_sentence():
    model = shaken()
    cache = model.cache(1, 1)
    with pytest.raises(ValueError, match="a batch of 2 meets a cache for 1"):
        model(torch.randn(2, 1, 32), cache=cache)
    model(torch.randn(1, 1, 32), cache=cache)
    with pytest.raises(ValueError, match="2 positions do not fit a cache for 1"):
        model(torch.randn(1, 1, 32), cache=cache)


@torch.no_grad()
@pytest.mark.parametrize("few", [0, 32])  # rows that numpy takes: torch's calls, or numpy's
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("rotary", [0, 1, 2])
@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize("kind", ["causal", "whole", "any", "own"])
def test_several_positions_under_any_mask(taken, monkeypatch, few, batch, rotary, qk_norm, kind):
    monkeypatch.setattr(step_numpy, "FEW", few)
    model = shaken(rotary=rotary, qk_norm=qk_norm, cond_width=8 if batch == 1 else None)
    x, cond = torch.randn(batch, 9, 32), torch.randn(1, 8) if batch == 1 else None
    places = {0: None, 1: torch.tensor([0, 1, 2, 3, 4, 3, 4, 5, 9]), 2: torch.randn(9, 2)}[rotary]
    seen = torch.ones(9, 9, dtype=torch.bool).tril()
    if kind != "causal":
        seen[5:, 5:] = True
    if kind in ("any", "own"):
        seen[5:] = torch.rand(4, 9) < 0.5
        seen[:, 0] = True
    if kind == "own":
        seen = seen.expand(batch, 9, 9).clone()
        seen[:, 5:, 1:] ^= torch.rand(batch, 4, 8) < 0.3
    wanted = model(x, mask=seen, cond=cond, positions=places)
    cache = model.cache(batch, 9)
    here = None if places is None else places[:5]
    first = model(x[:, :5], mask="causal", cond=cond, positions=here, cache=cache)
    there = None if places is None else places[5:]
    mask = {"causal": "causal", "whole": None}.get(kind, seen[..., 5:, :])
    for commit in (False, True):
        rest = model(x[:, 5:], mask=mask, cond=cond, positions=there, cache=cache, commit=commit)
        assert cache.length == (9 if commit else 5)
        found = torch.cat([first, rest], 1)
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert len(taken) == 3


@torch.no_grad()
def test_positions_of_each_sample(taken, monkeypatch):
    model, x, places = shaken(), torch.randn(3, 6, 32), torch.randint(0, 50, (3, 6))
    wanted = model(x, mask="causal", positions=places)
    for few in (0, 32):
        monkeypatch.setattr(step_numpy, "FEW", few)
        cache = model.cache(3, 6)
        parts = [
            model(x[:, here], mask="causal", positions=places[:, here], cache=cache)
            for here in (slice(0, 2), slice(2, 5), slice(5, 6))
        ]
        torch.testing.assert_close(torch.cat(parts, 1), wanted, atol=1e-5, rtol=0)
    assert len(taken) == 6


@torch.no_grad()
def test_a_condition_of_each_sample_or_position_needs_the_layers(taken):
    model, x = shaken(cond_width=8), torch.randn(2, 3, 32)
    for cond in (torch.randn(2, 8), torch.randn(2, 3, 8)):
        found = model(x, mask="causal", cond=cond, cache=model.cache(2, 3))
        torch.testing.assert_close(found, model(x, mask="causal", cond=cond), atol=1e-5, rtol=0)
    assert taken == []


@torch.no_grad()
def test_a_mask_that_does_not_fit_is_told():
    model = shaken()
    with pytest.raises(ValueError, match="its last axes must be 2 and 2"):
        model(torch.randn(1, 2, 32), cache=model.cache(1, 2), mask=torch.ones(2, 3).bool())
