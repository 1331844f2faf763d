"""What is written by hand equals what torch composes, forward and back."""

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from arlearn.nets.attention import _products, rotate, rotation
from arlearn.nets.fused import GatedUnit, Norm, Parts


@pytest.fixture(autouse=True)
def double():
    """Double precision, in which a wrong gradient cannot hide."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def same(now, before, *leaves):
    """Equal values, and equal gradients of a random sum of them."""
    made, wanted = now(*leaves), before(*leaves)
    made, wanted = (x if isinstance(x, tuple) else (x,) for x in (made, wanted))
    weights = [torch.randn_like(x) for x in made]
    sums = [sum((x * w).sum() for x, w in zip(xs, weights, strict=True)) for xs in (made, wanted)]
    gradients = [torch.autograd.grad(one, leaves) for one in sums]
    for ours, theirs in zip((*made, *gradients[0]), (*wanted, *gradients[1]), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("shape", [(3, 5, 16), (2, 16)])
@pytest.mark.parametrize("gain", [True, False])
def test_norm_is_torchs(shape, gain):
    norm, x = Norm(16, elementwise_affine=gain), torch.randn(shape, requires_grad=True)
    leaves = (x,)
    if gain:
        nn.init.normal_(norm.weight)
        leaves = (x, norm.weight)
    same(lambda x, *_: norm(x), lambda x, *_: F.rms_norm(x, (16,), norm.weight), *leaves)
    with torch.no_grad():
        torch.testing.assert_close(norm(x), F.rms_norm(x, (16,), norm.weight))


def test_norm_divides_nothing_by_nothing():
    x = torch.zeros(2, 16, requires_grad=True)
    norm = Norm(16)
    norm(x).sum().backward()
    assert norm(x).abs().max() == 0 and x.grad.isfinite().all()


def test_gated_unit_is_silu_times_up():
    def composed(x):
        gate, up = x.chunk(2, dim=-1)
        return F.silu(gate) * up

    same(GatedUnit.apply, composed, torch.randn(2, 3, 10, requires_grad=True))


@pytest.mark.parametrize("turned", [None, "sequence", "samples"])
def test_parts_are_cut_and_turned(turned):
    positions = {"sequence": torch.arange(5), "samples": torch.randint(0, 9, (2, 5))}
    turn = rotation(positions[turned], 8, 1) if turned else None

    def composed(x):
        q, k, v = rearrange(x, "b t (n h d) -> n b h t d", n=3, h=2)
        return (q, k, v) if turn is None else (rotate(q, turn), rotate(k, turn), v)

    x = torch.randn(2, 5, 48, requires_grad=True)
    same(lambda x: Parts.apply(x, 2, turn), composed, x)


@pytest.mark.parametrize("kind", ["none", "one for all", "one each"])
def test_products_are_attention(kind):
    leaves = [torch.randn(2, 3, 5, 4, requires_grad=True) for _ in range(3)]
    mask = {"none": None, "one for all": torch.ones(5, 5).tril().bool()}.get(kind)
    if kind == "one each":
        mask = (torch.rand(2, 1, 5, 5) > 0.5) | torch.eye(5).bool()

    def composed(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=0.3)

    same(lambda q, k, v: _products(q, k, v, mask, 0.3), composed, *leaves)
