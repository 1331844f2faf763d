"""Multi-scale residual quantization: the pyramid adds up, and means the same in every direction."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load, save
from torch import nn

from arlearn.tokens.multiscale import MultiScaleQuantizer, nearest_tick
from arlearn.tokens.quantize import VectorQuantizer

SIDES = [1, 2, 3, 4, 8]


def maps(b=3, c=4, h=8, seed=0):
    return torch.randn(b, c, h, h, generator=torch.Generator().manual_seed(seed))


def make(sides=SIDES, seed=0, **options):
    torch.manual_seed(seed)
    return MultiScaleQuantizer(32, 4, sides, **options).eval()


def without_phi(quantizer):
    """Phis that return their input: 0.5 h + 0.5 h."""
    for phi in quantizer.phis:
        nn.init.dirac_(phi.weight)
        nn.init.zeros_(phi.bias)
    return quantizer


def test_the_map_is_rebuilt_from_its_indices():
    quantizer, f = make(), maps()
    out = quantizer(f)
    assert torch.equal(quantizer.encode(f), out.indices)
    for k in range(len(SIDES) + 1):
        wanted = out.partial[k - 1] if k else torch.zeros_like(f)
        assert torch.equal(quantizer.picture(out.indices, upto=k), wanted)
    assert torch.allclose(quantizer.picture(out.indices), out.fhat, atol=1e-5)


def test_picture_and_rest_make_the_map_after_every_scale():
    quantizer, f = make(), maps()
    for scale in quantizer.peel(f):
        assert torch.allclose(scale.fhat + scale.rest, f, atol=1e-5)
        assert scale.fhat.abs().sum() > 0


def test_reconstruction_is_the_sum_of_the_scales():
    quantizer, f = make(), maps()
    indices = quantizer.encode(f)
    parts = [quantizer.part(tokens, k) for k, tokens in enumerate(quantizer.split(indices))]
    assert torch.allclose(sum(parts), quantizer(f).partial[-1], atol=1e-6)


def test_each_scale_chooses_the_nearest_codes_of_the_averaged_rest():
    quantizer, f = make(sides=[1, 2, 4]), maps(h=4)
    rest = f
    for k, (scale, side) in enumerate(zip(quantizer.peel(f), [1, 2, 4], strict=True)):
        means = rest.unflatten(2, (side, -1)).unflatten(4, (side, -1)).mean((3, 5))
        z = means.flatten(2).transpose(1, 2)
        wanted = torch.cdist(z, quantizer.codebook.codes.expand(3, -1, -1)).argmin(-1)
        assert torch.equal(scale.indices, wanted)
        rest = rest - quantizer.part(wanted, k)


def test_one_scale_is_ordinary_vq():
    f = maps()
    quantizer = without_phi(make(sides=[8]))
    plain = VectorQuantizer(32, 4).eval()
    plain.codebook.load_state_dict(quantizer.codebook.state_dict())
    out, wanted = quantizer(f), plain(f.flatten(2).transpose(1, 2))
    assert torch.equal(out.indices, wanted.indices)
    assert torch.allclose(out.fhat.flatten(2).transpose(1, 2), wanted.vectors, atol=1e-6)
    # mse(fhat, sg f) has no gradient here; the commitment is that of the plain quantizer
    assert torch.allclose(out.loss, wanted.loss * (1 + 1 / 0.25))


def test_training_one_scale_moves_the_codebook_as_ordinary_vq_does():
    f = maps()
    quantizer, plain = without_phi(make(sides=[8])).train(), VectorQuantizer(32, 4)
    plain.codebook.load_state_dict(quantizer.codebook.state_dict())
    for step in range(3):
        for model, z in ((quantizer, f), (plain, f.flatten(2).transpose(1, 2))):
            torch.manual_seed(step)
            model(z)
    assert torch.equal(quantizer.codebook.codes, plain.codebook.codes)


def test_a_sampler_adding_scales_sees_the_training_inputs():
    quantizer = make()
    indices = quantizer.encode(maps())
    fhat = torch.zeros(3, 4, 8, 8)
    for k, tokens in enumerate(quantizer.split(indices)):
        trained = quantizer.next_input(quantizer.picture(indices, upto=k), k)
        assert torch.equal(quantizer.next_input(fhat, k), trained)
        assert trained.shape == (3, SIDES[k] ** 2, 4)
        fhat = quantizer.add(fhat, tokens, k)


def test_inputs_are_areas_in_raster_order():
    quantizer, f = make(sides=[1, 2, 4]), maps(h=4)
    fed = quantizer.next_input(f, 1)
    assert torch.allclose(fed[:, 1], f[:, :, :2, 2:].mean((2, 3)), atol=1e-6)
    assert torch.allclose(fed[:, 2], f[:, :, 2:, :2].mean((2, 3)), atol=1e-6)
    assert torch.equal(quantizer.next_input(f, 2), f.flatten(2).transpose(1, 2))


def test_a_part_is_bicubic_then_phi_and_the_last_is_not_resized():
    quantizer = make(sides=[2, 4])
    indices = torch.arange(16)[None]
    for k, side in enumerate([2, 4]):
        h = quantizer.codebook.codes[: side * side].T.reshape(1, 4, side, side)
        if side == 2:
            h = F.interpolate(h, (4, 4), mode="bicubic")
        phi = quantizer.phis[nearest_tick(k, 2, 4)]
        wanted = 0.5 * h + 0.5 * F.conv2d(h, phi.weight, phi.bias, padding=1)
        part = quantizer.part(indices[:, : side * side], k)
        assert torch.allclose(part, wanted, atol=1e-6)


def test_phis_are_shared_by_neighbouring_scales():
    assert [nearest_tick(k, 10, 4) for k in range(10)] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert [nearest_tick(k, 4, 4) for k in range(4)] == [0, 1, 2, 3]
    assert [nearest_tick(k, 5, 1) for k in range(5)] == [0] * 5
    assert nearest_tick(0, 1, 4) == 0


def test_a_coarse_picture_needs_only_its_own_tokens():
    quantizer = make()
    indices = quantizer.encode(maps())
    assert torch.equal(quantizer.picture(indices[:, :5], 2), quantizer.picture(indices, 2))
    assert [part.shape[1] for part in quantizer.split(indices)] == [1, 4, 9, 16, 64]
    assert [part.shape[1] for part in quantizer.split(indices[:, :14])] == [1, 4, 9]


def test_straight_through_and_where_the_loss_reaches():
    for method in ("ema", "gradient"):
        quantizer, f, weight = make(method=method), maps().requires_grad_(), maps(seed=1)
        out = quantizer(f)
        (given,) = torch.autograd.grad((out.fhat * weight).sum(), f, retain_graph=True)
        assert torch.allclose(given, weight)
        out.loss.backward()
        pull = sum(0.25 * 2 * (f - p) / f.numel() for p in out.partial) / len(SIDES)
        assert torch.allclose(f.grad, pull.detach(), atol=1e-7)
        assert all(phi.weight.grad.abs().sum() > 0 for phi in quantizer.phis)
        reached = quantizer.codebook.codes.grad is not None
        assert reached == (method == "gradient")


def test_loss_is_the_mean_over_the_partial_sums():
    quantizer, f = make(commitment=0.5), maps()
    out = quantizer(f)
    wanted = sum(1.5 * F.mse_loss(p, f) for p in out.partial) / len(SIDES)
    assert torch.allclose(out.loss, wanted)


def test_only_a_training_forward_learns():
    quantizer, f = make(), maps()
    before = {name: value.clone() for name, value in quantizer.state_dict().items()}
    quantizer(f)
    quantizer.train().encode(f)
    quantizer.picture(quantizer.encode(f))
    assert all(torch.equal(v, before[name]) for name, v in quantizer.state_dict().items())
    quantizer(f)
    assert float(quantizer.codebook.counts.sum()) > 0


def test_weights_are_rebuilt_from_safetensors():
    quantizer, f = make().train(), maps()
    quantizer(f)
    rebuilt = make(seed=1)
    rebuilt.load_state_dict(load(save(quantizer.state_dict())))
    indices = quantizer.eval().encode(f)
    assert torch.equal(rebuilt.encode(f), indices)
    assert torch.equal(rebuilt.picture(indices), quantizer.picture(indices))


def test_after_training_every_scale_lowers_the_error():
    torch.manual_seed(0)
    quantizer = MultiScaleQuantizer(64, 4, [1, 2, 4, 8])
    f = F.interpolate(maps(64, 4, 4), (8, 8), mode="bicubic") + 0.1 * maps(64, 4, 8)
    optimizer = torch.optim.Adam(quantizer.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        quantizer(f).loss.backward()
        optimizer.step()
    errors = [F.mse_loss(p, f).item() for p in quantizer.eval()(f).partial]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.6 * f.square().mean().item()
    assert quantizer.usage() > 0.8


def test_indices_are_the_same_under_autocast():
    quantizer, f = make(), maps()
    with torch.autocast("cpu", torch.bfloat16):
        low = quantizer.encode(f)
        assert torch.equal(quantizer.picture(low), quantizer(f).partial[-1])
    assert torch.equal(low, quantizer.encode(f))


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match=r"sides must grow, like \[1, 2, 4, 8\]; got \[1, 4, 2\]"):
        MultiScaleQuantizer(8, 4, [1, 4, 2])
    with pytest.raises(ValueError, match="phis counts shared convolutions.*not 0"):
        MultiScaleQuantizer(8, 4, [1, 2], phis=0)
    quantizer = make(sides=[1, 2, 4])
    with pytest.raises(ValueError, match=r"take feature maps of \(4, 4, 4\).*not \(4, 8, 8\)"):
        quantizer(maps(h=8))
    with pytest.raises(ValueError, match="scale 1 has 4 tokens, not 3; the sides are"):
        quantizer.add(maps(h=4), torch.zeros(3, 3, dtype=torch.long), 1)
    with pytest.raises(ValueError, match="first 2 scales have 5 tokens, but only 4 are given"):
        quantizer.picture(torch.zeros(1, 4, dtype=torch.long), upto=2)
    with pytest.raises(ValueError, match="upto 4 is no number of scales; there are 3"):
        quantizer.picture(torch.zeros(1, 21, dtype=torch.long), upto=4)
    with pytest.raises(IndexError, match="code 32 is outside a vocabulary of 32"):
        quantizer.picture(torch.full((1, 21), 32))
