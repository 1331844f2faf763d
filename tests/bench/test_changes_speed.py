"""What each change bought: the part as torch composes it beside the part as it is now."""

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from arlearn.nets import step_numpy
from arlearn.nets.attention import attend, rotate, rotation
from arlearn.nets.fused import GatedUnit, Norm, Parts
from arlearn.nets.language import LanguageModel

B, T, H, D = 32, 128, 4, 128


def race(results, name, now, before, *, rounds=12, unit="ms", per=1e-3):
    """A row without a peer from elsewhere: the library against itself."""
    arms = {"arlearn": now, "before": before}
    results.race("changes", name, arms, goal=1.0, rounds=rounds, unit=unit, per=per)


def both_ways(call, *inputs):
    """A function that goes forward and back."""
    leaves = [x.clone().requires_grad_() for x in inputs]

    def work():
        made = call(*leaves)
        made = made if isinstance(made, tuple) else (made,)
        torch.autograd.backward(made, [torch.ones_like(x) for x in made])

    return work


def test_norm(results):
    x, now, before = torch.randn(B, T, D), Norm(D), nn.RMSNorm(D)
    assert torch.allclose(now(x), before(x), atol=1e-5)
    race(results, "RMSNorm, its way back by LayerNorm's kernel",
         both_ways(now, x), both_ways(before, x))  # fmt: skip


def test_gated_unit(results):
    x = torch.randn(B, T, 688)

    def before(x):
        gate, up = x.chunk(2, dim=-1)
        return F.silu(gate) * up

    assert torch.allclose(GatedUnit.apply(x), before(x), atol=1e-6)
    race(results, "SwiGLU's gate, its gradients written in place",
         both_ways(GatedUnit.apply, x), both_ways(before, x))  # fmt: skip


def test_queries_keys_values(results):
    x, turn = torch.randn(B, T, 3 * D), rotation(torch.arange(T), D // H, 1)

    def before(x):
        q, k, v = rearrange(x, "b t (n h d) -> n b h t d", n=3, h=H)
        return rotate(q, turn), rotate(k, turn), v

    def now(x):
        return Parts.apply(x, H, turn)

    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(now(x), before(x), strict=True))
    race(results, "queries, keys and values, cut and turned", both_ways(now, x),
         both_ways(before, x))  # fmt: skip


@pytest.mark.parametrize("t", [64, 128])
def test_attention_in_bf16(results, t):
    q, k, v = torch.randn(3, 16, H, t, D // H, dtype=torch.bfloat16)
    race(results, f"attention over {t} positions in bf16, as plain products",
         both_ways(lambda q, k, v: attend(q, k, v, "causal"), q, k, v),
         both_ways(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
                   q, k, v), rounds=4)  # fmt: skip


@torch.no_grad()
def test_one_token(results, monkeypatch):
    torch.manual_seed(0)
    model = LanguageModel(256, 300, width=D, depth=4).eval()
    text, new = torch.randint(0, 256, (1, 128)), torch.zeros(1, 1, dtype=torch.long)
    caches = {name: model.new_cache(1, 200) for name in ("numpy", "flat", "layers")}
    caches["layers"].flat = False  # refuses the short way, as a model with hooks does
    for cache in caches.values():
        model.read(text, cache)

    def read(name):
        monkeypatch.setattr(step_numpy, "FEW", step_numpy.FEW if name == "numpy" else 0)
        for _ in range(8):
            made = model.read(new, caches[name])
            caches[name].crop(128)
        monkeypatch.undo()
        return made

    same = [read(name) for name in caches]
    assert torch.allclose(*same[:2], atol=1e-5) and torch.allclose(*same[1:], atol=1e-5)
    for name, now, before in (
        ("one more token, without the layers' bookkeeping", "flat", "layers"),
        ("one more token, in numpy's calls and not torch's", "numpy", "flat"),
    ):
        race(results, name, lambda now=now: read(now), lambda before=before: read(before),
             rounds=40, unit="ms a token", per=8e-3)  # fmt: skip
