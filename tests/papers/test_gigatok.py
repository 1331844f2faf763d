"""GigaTok: the traps of the paper that can be checked exactly, on small models."""

import pytest
import torch
from torch import nn

from arlearn.nets.conv import Encoder
from arlearn.papers.gigatok import (
    AdaptiveDecoder,
    AdaptiveNorm,
    Aligned,
    alignment,
    projector,
    tokenizer,
)
from arlearn.training import Batches, Recipe, fit


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(n=8):
    return torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def small():
    torch.manual_seed(0)
    sizes = {"reader": (16, 1), "writer": (16, 3), "map_width": 16}
    return tokenizer(16, 1, factor=4, levels=3, vocab=32, **sizes)


def frozen(normed=False):
    """A teacher with six channels, and a batch norm if asked for."""
    torch.manual_seed(1)
    net = Encoder(1, 6, 8, 4)
    if normed:
        net = nn.Sequential(net, nn.BatchNorm2d(6))
    return net.eval().requires_grad_(False)


def trained(model, steps=3):
    fit(
        model, Batches(pictures(16), size=8), steps, recipe=Recipe(precision="fp32"), progress=False
    )
    return model


def test_the_tokenizer_keeps_its_contract():
    tokens, images = small().eval(), pictures()
    units = tokens.encode(images)
    assert (tokens.length, tokens.vocab, units.shape) == (8, 32, (8, 8))
    with torch.no_grad():
        vectors = tokens.quantizer(tokens.latents(images)).vectors
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(8, 8))
    torch.testing.assert_close(tokens.decode(units), tokens.paint(vectors).clamp(0, 1))


def test_the_cosine_is_minus_one_for_any_multiple_and_ignores_lengths():
    f, g = noise(2, 5, 6), noise(2, 5, 6, seed=1)
    for c in (0.01, 1.0, 30.0):
        torch.testing.assert_close(alignment(c * g, g), torch.tensor(-1.0))
        torch.testing.assert_close(alignment(c * f, g), alignment(f, g))
        torch.testing.assert_close(alignment(f, c * g), alignment(f, g))
    torch.testing.assert_close(alignment(-g, g), torch.tensor(1.0))


def test_no_gradient_reaches_the_teacher():
    f, g = noise(2, 5, 6).requires_grad_(), noise(2, 5, 6, seed=1).requires_grad_()
    alignment(f, g).backward()
    assert f.grad.abs().sum() > 0 and g.grad is None


def test_the_teacher_is_the_same_before_and_after():
    teacher = frozen(normed=True)
    before = {name: x.clone() for name, x in teacher.state_dict().items()}
    trained(Aligned(small(), teacher.forward, 6))
    assert not teacher.training
    for name, x in teacher.state_dict().items():
        assert torch.equal(x, before[name]), name


def test_a_teacher_that_would_be_trained_along_is_refused():
    with pytest.raises(TypeError, match="the teacher is a module .Encoder."):
        Aligned(small(), frozen(), 6)


def test_the_teacher_is_no_part_of_what_is_trained_or_saved():
    with_teacher, without = Aligned(small(), frozen().forward, 6), Aligned(small())
    names = with_teacher.state_dict().keys() - without.state_dict().keys()
    assert names and all(name.startswith("project.") for name in names)


def test_weight_zero_is_no_alignment_bit_for_bit():
    zero = trained(Aligned(small(), frozen().forward, 6, weight=0.0)).tokens.state_dict()
    none = trained(Aligned(small())).tokens.state_dict()
    half = trained(Aligned(small(), frozen().forward, 6, weight=0.5)).tokens.state_dict()
    assert all(torch.equal(zero[name], x) for name, x in none.items())
    assert any(not torch.equal(half[name], x) for name, x in none.items())


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_term_pulls_on_the_decoder_up_to_its_layer_and_on_all_before(layer):
    model, images = Aligned(small(), frozen().forward, 6, layer=layer), pictures()
    cells = []
    hook = model.tokens.writer.backbone.blocks[layer - 1].register_forward_hook(
        lambda module, given, out: cells.append(out)
    )
    model.tokens.loss(images)
    hook.remove()
    model.semantic(cells[0], images).backward()
    felt = [
        any(p.grad is not None and p.grad.abs().sum() > 0 for p in block.parameters())
        for block in model.tokens.writer.backbone.blocks
    ]
    assert felt == [True] * layer + [False] * (3 - layer)
    for part in (model.tokens.encoder, model.tokens.reader):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    assert all(p.grad is None for p in model.tokens.decoder.parameters())


def test_the_loss_is_the_sum_of_its_terms():
    images, teacher = pictures(), frozen()
    model = Aligned(small(), teacher.forward, 6, weight=0.7, layer=2, entropy=0.3).eval()
    seen = []
    tokens = model.tokens
    tokens.writer.backbone.blocks[1].register_forward_hook(lambda m, g, out: seen.append(out))
    plain = tokens.loss(images)
    wanted = teacher(images).flatten(2).mT
    cosine = torch.cosine_similarity(model.project(seen[0]), wanted, dim=-1).mean()
    penalty = tokens.quantizer.entropy_penalty(tokens.latents(images))
    torch.testing.assert_close(model.loss(images), plain - 0.7 * cosine + 0.3 * penalty)


def test_the_term_can_be_learned():
    model = Aligned(small(), frozen().forward, 6, weight=5.0)
    history = fit(
        model, Batches(pictures(16), size=16), 40, recipe=Recipe(lr=3e-3, precision="fp32"),
        progress=False,
    )  # fmt: skip
    assert history.losses[-1] < history.losses[0] - 1


def test_layers_and_places_that_do_not_fit_are_refused():
    for layer in (0, 4):
        with pytest.raises(
            ValueError, match=f"layer {layer} is none of the decoder's layers 1 … 3"
        ):
            Aligned(small(), frozen().forward, 6, layer=layer)
    fine = Encoder(1, 6, 8, 2).eval()
    with pytest.raises(ValueError, match="sees 64 places, the tokenizer's decoder 16"):
        Aligned(small(), fine.forward, 6).loss(pictures())


def test_the_adaptive_norm_takes_its_style_from_the_map():
    torch.manual_seed(0)
    adapt, x, z = AdaptiveNorm(16, 4), noise(2, 16, 8, 8), noise(2, 4, 4, 4, seed=1)
    torch.testing.assert_close(adapt(x, z), adapt.norm(x))  # starts as a plain norm
    with torch.no_grad():
        for p in adapt.parameters():
            p.copy_(noise(*p.shape, seed=2))
        assert (adapt(x, z) - adapt(x, z + 1)).abs().max() > 0.1  # the mean is felt
        mean = z.mean((2, 3), keepdim=True)
        assert (adapt(x, z) - adapt(x, (z - mean) * 2 + mean)).abs().max() > 0.1
        turned = adapt(x, z.flip(-1))  # where things stand is not
    torch.testing.assert_close(adapt(x, z), turned, atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_decoder_undoes_the_factor(factor):
    assert AdaptiveDecoder(6, 3, 8, factor)(noise(2, 6, 4, 4)).shape == (
        2,
        3,
        4 * factor,
        4 * factor,
    )


def test_the_projector_has_three_layers_four_times_as_wide():
    layers = [x for x in projector(8, 5) if isinstance(x, nn.Linear)]
    assert [(x.in_features, x.out_features) for x in layers] == [(8, 32), (32, 32), (32, 5)]
    assert sum(isinstance(x, nn.SiLU) for x in projector(8, 5)) == 2
