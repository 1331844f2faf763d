"""The 1-D query tokenizer: pooled queries, two readers, and the contract of a tokenizer."""

import pytest
import torch
from safetensors.torch import load, save

from arlearn.nets.conv import Classifier, Decoder, Encoder
from arlearn.nets.tap import tapped
from arlearn.tokens.query import QueryDecoder, QueryEncoder, QueryTokenizer, pooled_queries
from arlearn.tokens.sphere import UnitQuantizer


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tokenizer(**options):
    torch.manual_seed(0)
    return QueryTokenizer(
        Encoder(1, 16, 8, 4),
        QueryEncoder(16, 8, levels=3, width=16, depth=2),
        UnitQuantizer(32, 8),
        QueryDecoder(8, 16, length=8, side=4, width=24, depth=3, heads=2),
        Decoder(16, 1, 8, 4),
        **options,
    )


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 4])
def test_there_are_two_to_the_levels_queries(levels):
    assert pooled_queries(noise(2, 5, 4, 4), levels).shape == (2, 2**levels, 5)


def test_the_first_two_queries_are_the_global_mean():
    features = noise(2, 5, 4, 8)
    queries, mean = pooled_queries(features, 4), features.mean((2, 3))
    torch.testing.assert_close(queries[:, 0], mean)
    torch.testing.assert_close(queries[:, 1], mean)


def test_a_constant_map_gives_equal_queries():
    features = noise(2, 5, 1, 1).expand(2, 5, 8, 8)
    queries = pooled_queries(features, 6)
    torch.testing.assert_close(queries, queries[:, :1].expand_as(queries))


def test_groups_halve_the_width_first_and_stand_in_raster_order():
    features = torch.arange(16.0).view(1, 1, 4, 4)
    found = pooled_queries(features, 4)[0, :, 0]
    left, right = features[..., :2], features[..., 2:]
    assert found[2:4].tolist() == [left.mean(), right.mean()]
    quarters = [
        half[:, :, rows].mean() for rows in (slice(2), slice(2, 4)) for half in (left, right)
    ]
    assert found[4:8].tolist() == quarters
    # eight blocks, four across and two down: each the mean of a cell and the one below it
    assert found[8:].tolist() == [2.0, 3.0, 4.0, 5.0, 10.0, 11.0, 12.0, 13.0]


def test_too_many_queries_for_a_map_are_refused():
    with pytest.raises(ValueError, match="do not divide 4 x 4 cells; take fewer levels"):
        pooled_queries(noise(1, 2, 4, 4), 6)


def test_queries_see_the_whole_map_and_each_other():
    torch.manual_seed(0)
    reader = QueryEncoder(5, 8, levels=3, width=16, depth=2).eval()
    features = noise(1, 5, 4, 4)
    changed = features.clone()
    changed[..., 3, 3] += 1
    with torch.no_grad():
        assert (reader(features) - reader(changed)).abs().amax(-1).min() > 0


def test_cells_begin_as_the_first_latent_and_read_all_of_them_in_order():
    torch.manual_seed(0)
    writer = QueryDecoder(8, 5, length=4, side=3, width=16, depth=1).eval()
    z, fed = noise(2, 4, 8), []
    kept = writer.backbone.forward
    writer.backbone.forward = lambda x, **given: fed.append(x) or kept(x, **given)
    with torch.no_grad():
        out = writer(z)
        torch.testing.assert_close(fed[0] - writer.place, writer.enter(z[:, :1]).expand(2, 9, 16))
        swapped = writer(z[:, [0, 2, 1, 3]])
    assert out.shape == (2, 5, 3, 3) and (out - swapped).abs().max() > 1e-4
    with pytest.raises(ValueError, match="5 latent vectors, but the decoder reads 4"):
        writer(noise(1, 5, 8))


def test_units_and_back_are_the_path_of_the_loss():
    model, images = tokenizer().eval(), torch.rand(3, 1, 16, 16)
    units = model.encode(images)
    assert units.shape == (3, 8) and (model.length, model.vocab, model.width) == (8, 32, 8)
    with torch.no_grad():
        quantized = model.quantizer(model.latents(images))
        straight = model.paint(quantized.vectors)
    assert torch.equal(quantized.indices, units)
    torch.testing.assert_close(model.decode(units), straight.clamp(0, 1), atol=1e-5, rtol=0)
    wanted = quantized.loss + (straight - images).square().mean()
    torch.testing.assert_close(model.loss(images), wanted)
    assert (model.vectors(units) - quantized.vectors).abs().max() < 1e-5


def test_a_layer_can_be_looked_at_without_changing_anything():
    model, images = tokenizer().eval(), torch.rand(3, 1, 16, 16)
    plain = model.loss(images)
    with tapped(model.writer.backbone.blocks[1]) as seen:
        looked = model.loss(images)
    assert torch.equal(plain, looked) and [x.shape for x in seen] == [(3, 16, 24)]
    assert seen[0].requires_grad
    model.loss(images)
    assert len(seen) == 1  # the look is over


def test_every_part_learns():
    model = tokenizer()
    model.loss(torch.rand(8, 1, 16, 16)).backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert not silent


def test_weights_travel_by_file():
    model, other = tokenizer().eval(), tokenizer().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    other.load_state_dict(load(save(model.state_dict())))
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(model.encode(images), other.encode(images))


def test_a_perceptual_term_is_added_and_a_module_refused():
    judge = Classifier(1, 3, 8, side=16).eval()
    images = torch.rand(2, 1, 16, 16)
    plain, more = tokenizer().eval(), tokenizer(features=judge.features, perceptual=2.0).eval()
    assert more.loss(images) > plain.loss(images)
    assert not any(name.startswith("features") for name, _ in more.named_parameters())
    with pytest.raises(TypeError, match="features is a module"):
        tokenizer(features=judge)


def test_strange_units_are_refused():
    model = tokenizer().eval()
    with pytest.raises(IndexError, match="code 32 is outside a vocabulary of 32"):
        model.decode(torch.full((1, 8), 32))
    with pytest.raises(ValueError, match="7 latent vectors, but the decoder reads 8"):
        model.decode(torch.zeros(1, 7, dtype=torch.long))
