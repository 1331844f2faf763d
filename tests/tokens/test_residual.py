"""Residual codes: every level takes away from what is left, and the codes give the vector back."""

import pytest
import torch

from arlearn.tokens.residual import ResidualQuantizer


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    made = ResidualQuantizer(3, 16, 4).train()
    data = torch.randn(8, 40, 4)
    for _ in range(120):
        made(data)
    return made.eval(), data


def test_each_level_leaves_less(trained):
    made, data = trained
    codes = made.encode(data)
    assert codes.shape == (8, 40, 3) and int(codes.max()) < 16
    left = [float((data - made.lookup(codes[..., :q])).square().mean()) for q in (1, 2, 3)]
    assert left[0] > 1.7 * left[1] > 1.7**2 * left[2]


def test_the_forward_pass_gives_what_the_codes_stand_for(trained):
    made, data = trained
    data = data.clone().requires_grad_()
    vectors, codes, loss = made(data)
    assert torch.equal(codes, made.encode(data))
    assert torch.allclose(vectors, made.lookup(codes), atol=1e-6)
    vectors.sum().backward()
    assert torch.equal(data.grad, torch.ones_like(data)) and float(loss.detach()) > 0


def test_a_level_quantizes_what_the_ones_before_left(trained):
    made, data = trained
    codes = made.encode(data)
    rest = data - made.books[0].lookup(codes[..., 0])
    assert torch.equal(codes[..., 1], made.books[1].encode(rest))


def test_no_level_is_refused():
    with pytest.raises(ValueError, match="1 level or more"):
        ResidualQuantizer(0, 16, 4)
