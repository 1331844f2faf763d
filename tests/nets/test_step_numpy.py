"""One position in numpy's calls: the numbers of a pass without a cache, in every kind of model."""

import warnings

import numpy as np
import pytest
import torch

from arlearn.nets import step_numpy
from arlearn.nets.transformer import Transformer


@pytest.fixture
def taken(monkeypatch):
    """How often numpy made the pass."""
    calls, real = [], step_numpy.step

    def counted(*args):
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(step_numpy, "step", counted)
    return calls


def shaken(width=32, heads=2, **options):
    """A transformer all of whose weights say something."""
    torch.manual_seed(0)
    model = Transformer(width, 3, heads, **options).eval()
    for p in model.parameters():
        p.data += 0.05 * torch.randn_like(p)
    return model


def close(a, b):
    torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("rotary", [0, 1, 2])
@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize("cond", [False, True])
def test_a_text_grows_is_cut_and_shared(taken, batch, rotary, qk_norm, cond):
    model = shaken(rotary=rotary, qk_norm=qk_norm, cond_width=8 if cond else None)
    x, places = torch.randn(batch, 7, 32), torch.randn(7, 2) if rotary == 2 else None
    given = torch.randn(batch, 8) if cond else None

    def whole(x, given):
        return model(x, mask="causal", cond=given, positions=None if rotary != 2 else places)

    def one(x, t, given, **options):
        where = places[t : t + 1] if rotary == 2 else None
        return model(x[:, t : t + 1], cache=cache, cond=given, positions=where, **options)

    cache, wanted = model.cache(batch, 7), whole(x, given)
    for t in range(7):
        one(torch.randn_like(x), t, given, commit=False)  # a glimpse, to be forgotten
        close(one(x, t, given), wanted[:, t : t + 1])
    cache.crop(4)
    x = torch.cat([x[:, :4], torch.randn(batch, 3, 32)], dim=1)
    close(one(x, 4, given), whole(x, given)[:, 4:5])
    samples = torch.tensor([batch - 1, 0])
    cache.reindex(samples)
    x, given = x[samples], given[samples] if cond else None
    wanted = whole(x, given)
    close(torch.cat([one(x, t, given) for t in (5, 6)], 1), wanted[:, 5:])
    assert len(taken) == 17 and cache.length == 7


@torch.no_grad()
def test_each_sample_at_its_own_place(taken):
    model, x, places = shaken(), torch.randn(3, 4, 32), torch.randint(0, 50, (3, 4))
    wanted = model(x, mask="causal", positions=places)
    cache = model.cache(3, 4)
    found = [model(x[:, t : t + 1], cache=cache, positions=places[:, t : t + 1]) for t in range(4)]
    close(torch.cat(found, 1), wanted)
    assert len(taken) == 4


@torch.no_grad()
@pytest.mark.parametrize("options", [{"qk_norm": True, "cond_width": 8}, {}])
def test_torch_says_the_same(taken, monkeypatch, options):
    model = shaken(**options)
    x, cond = torch.randn(2, 3, 32), torch.randn(2, 8) if options else None
    made = []
    for few in (2, 1):
        monkeypatch.setattr(step_numpy, "FEW", few)
        cache = model.cache(2, 3)
        made.append([model(x[:, t : t + 1], cond=cond, cache=cache) for t in range(3)])
        made[-1].append(cache.both)
    assert len(taken) == 3
    for one, other in zip(*made, strict=True):
        close(one, other)


@torch.no_grad()
def test_heads_of_odd_width_that_are_not_turned(taken):
    model, x = shaken(width=6, rotary=0), torch.randn(2, 3, 6)
    cache = model.cache(2, 3)
    found = [model(x[:, t : t + 1], cache=cache) for t in range(3)]
    close(torch.cat(found, 1), model(x, mask="causal"))
    assert len(taken) == 3


@torch.no_grad()
def test_extreme_gates_and_a_silent_input():
    model = shaken()
    for block in model.blocks:
        block.mlp.gate_up.weight *= 1000
    x = torch.cat([torch.randn(1, 2, 32), torch.zeros(1, 1, 32)], dim=1)
    cache = model.cache(1, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = torch.cat([model(x[:, t : t + 1], cache=cache) for t in range(3)], 1)
    torch.testing.assert_close(found, model(x, mask="causal"), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_nothing_is_copied_twice_and_nothing_of_the_model_changes(taken):
    model, x = shaken(), torch.randn(1, 2, 32)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    cache = model.cache(1, 2)
    first = model(x[:, :1], cache=cache)
    kept = first.clone()
    model(x[:, 1:], cache=cache)
    assert torch.equal(first, kept) and len(taken) == 2  # a later pass leaves a result alone
    flat = cache.flat
    for row, arrays in zip(flat.matrices, flat.arrays.matrices, strict=True):
        for matrix, array in zip(row[:4], arrays[:4], strict=True):
            assert np.shares_memory(matrix.numpy(), array)
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())


@torch.no_grad()
def test_torch_makes_what_numpy_cannot(taken):
    class Watched(torch.Tensor):
        pass

    model = shaken()
    many = torch.randn(step_numpy.FEW + 1, 1, 32)
    model(many, cache=model.cache(len(many), 1))
    model(many[:1].as_subclass(Watched), cache=model.cache(1, 1))
    model.double()(many[:1].double(), cache=model.cache(1, 1))
    assert taken == []
    x = torch.nn.Parameter(many[:1])  # a learned start, say
    model.float()(x, cache=model.cache(1, 1))
    assert len(taken) == 1


@torch.no_grad()
def test_a_full_cache_and_a_wrong_batch_are_told():
    model = shaken()
    cache = model.cache(1, 1)
    with pytest.raises(ValueError, match="a batch of 3 meets a cache for 1"):
        model(torch.randn(3, 1, 32), cache=cache)
    model(torch.randn(1, 1, 32), cache=cache)
    with pytest.raises(ValueError, match="2 positions do not fit a cache for 1"):
        model(torch.randn(1, 1, 32), cache=cache)
