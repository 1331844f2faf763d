"""Codes of length 1: nearest by angle, the rotation trick, the entropy penalty."""

import math

import pytest
import torch
import torch.nn.functional as F

from arlearn.tokens.sphere import UnitQuantizer, entropy_penalty, rotated


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def quantizer():
    torch.manual_seed(0)
    return UnitQuantizer(16, 8).eval()


def test_quantised_vectors_have_length_one(quantizer):
    with torch.no_grad():
        quantizer.codebook.codes.mul_(7.0)
    found = quantizer(vectors(3, 5, 8))
    torch.testing.assert_close(found.vectors.norm(dim=-1), torch.ones(3, 5))
    torch.testing.assert_close(quantizer.lookup(torch.arange(16)).norm(dim=-1), torch.ones(16))


def test_nearest_is_the_smallest_angle_and_of_unit_vectors_the_least_distance(quantizer):
    z = vectors(3, 5, 8)
    found, codes = quantizer.encode(z), F.normalize(quantizer.codebook.codes, dim=-1)
    wanted = torch.cdist(F.normalize(z, dim=-1), codes).argmin(-1)
    assert torch.equal(found, wanted) and torch.equal(quantizer(z).indices, wanted)
    assert torch.equal(quantizer.encode(z * 100), found)


def test_a_code_comes_back_as_itself(quantizer):
    every = torch.arange(16)[None]
    assert torch.equal(quantizer.encode(quantizer.lookup(every)), every)


def test_the_loss_is_the_formula(quantizer):
    z = vectors(3, 5, 8)
    unit, code = F.normalize(z, dim=-1), quantizer.lookup(quantizer.encode(z))
    wanted = 1.25 * (unit - code).square().mean()
    torch.testing.assert_close(quantizer(z).loss, wanted)


def test_both_sides_of_the_loss_learn_and_each_only_its_own(quantizer):
    z = vectors(3, 5, 8).requires_grad_()
    quantizer(z).loss.backward()
    chosen = quantizer.encode(z.detach()).unique()
    moved = quantizer.codebook.codes.grad.abs().sum(-1).nonzero().flatten()
    assert torch.equal(moved, chosen) and z.grad.abs().sum() > 0


@pytest.mark.parametrize("rotate", [True, False])
def test_the_value_is_the_codebooks_vector(quantizer, rotate):
    quantizer.rotate = rotate
    z = vectors(3, 5, 8)
    found = quantizer(z)
    torch.testing.assert_close(found.vectors, quantizer.lookup(found.indices), atol=1e-6, rtol=0)


def test_rotation_gives_the_code_whatever_the_lengths():
    z, code = vectors(9, 8), vectors(9, 8, seed=1) * 3
    torch.testing.assert_close(rotated(z, code), code, atol=1e-5, rtol=1e-5)


def test_the_gradient_is_rotated_and_rescaled():
    """The Jacobian is a rotation times ||e|| / ||z||, so angles of gradients are kept."""
    z, code = vectors(8).requires_grad_(), vectors(8, seed=1)
    jacobian = torch.autograd.functional.jacobian(lambda x: rotated(x, code), z)
    scale = code.norm() / z.norm()
    torch.testing.assert_close(jacobian.T @ jacobian, scale**2 * torch.eye(8), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.linalg.det(jacobian / scale), torch.tensor(1.0))
    (pull,) = torch.autograd.grad(rotated(z, code), z, code)
    along = F.cosine_similarity(pull, z, dim=0)  # a pull along the code becomes one along z
    torch.testing.assert_close(along, torch.tensor(1.0))


def test_rotation_is_straight_through_where_nothing_turns():
    z = vectors(4, 8).requires_grad_()
    (pull,) = torch.autograd.grad(rotated(z, z.detach()), z, vectors(4, 8, seed=2))
    torch.testing.assert_close(pull, vectors(4, 8, seed=2))


def test_the_entropy_penalty_knows_certain_uniform_and_collapsed():
    codes = torch.eye(8)
    torch.testing.assert_close(entropy_penalty(codes, codes), torch.tensor(-math.log(8)))
    same = codes[:1].expand(8, 8)
    torch.testing.assert_close(entropy_penalty(same, codes), torch.tensor(0.0))
    nowhere = torch.zeros(8, 8)  # equally far from all codes: unsure, and used alike
    torch.testing.assert_close(
        entropy_penalty(nowhere, codes), torch.tensor(0.0), atol=1e-6, rtol=0
    )
    with pytest.raises(ValueError, match="temperature 0 must be above 0"):
        entropy_penalty(codes, codes, 0)


def test_the_penalty_of_a_quantizer_is_that_of_its_unit_codes(quantizer):
    z = vectors(2, 5, 8)
    unit, codes = F.normalize(z, dim=-1).flatten(0, 1), quantizer.codebook.vectors()
    torch.testing.assert_close(quantizer.entropy_penalty(z * 9), entropy_penalty(unit, codes))
    z.requires_grad_()
    quantizer.entropy_penalty(z).backward()
    assert z.grad.isfinite().all() and quantizer.codebook.codes.grad.isfinite().all()


def test_dead_codes_restart_on_the_sphere_and_in_training_only(quantizer):
    z = vectors(1, 4, 8)
    quantizer(z)
    assert quantizer.codebook.counts.sum() == 0
    quantizer.train()
    torch.manual_seed(0)
    quantizer(z)
    quantizer(z)
    torch.testing.assert_close(
        quantizer.lookup(quantizer.encode(z)), F.normalize(z, dim=-1), atol=1e-5, rtol=0
    )


def test_bad_input_is_refused(quantizer):
    with pytest.raises(ValueError, match="takes vectors of 8 channels, not 7"):
        quantizer(vectors(1, 2, 7))
    with pytest.raises(IndexError, match="code 16 is outside a vocabulary of 16"):
        quantizer.lookup(torch.tensor([16]))
