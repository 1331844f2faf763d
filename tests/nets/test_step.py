"""One position at a time without layers: the same numbers, and the layers wherever they matter."""

import pytest
import torch

from arlearn.nets import step, transformer
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
    assert len(taken) == 5


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
    assert cache.length == 4 and len(taken) == 3


def test_layers_are_called_where_they_matter(taken):
    x = torch.randn(1, 1, 32)
    model = shaken()
    model(x, cache=model.cache(1, 1))  # gradients are wanted
    with torch.no_grad():
        model(x, cache=model.cache(1, 1), mask=torch.ones(1, 1, dtype=torch.bool))
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
