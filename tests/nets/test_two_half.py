"""Two halves of a text: the clean one is the language model, and no answer leaks into the other."""

import pytest
import torch

from arlearn.nets.language import LanguageModel
from arlearn.nets.two_half import TwoHalf
from arlearn.plans import blocks, raster, two_streams


@pytest.fixture(scope="module")
def base():
    torch.manual_seed(0)
    return LanguageModel(7, 12, width=16, depth=2, heads=2).eval()


@pytest.fixture(scope="module")
def model(base):
    return TwoHalf.grown(base).eval()


@pytest.fixture
def text():
    return torch.randint(0, 7, (3, 12), generator=torch.Generator().manual_seed(0))


def halves(model, text, noisy, clean_plan, noisy_plan):
    with torch.no_grad():
        both = model.halves(model.read_as(text), noisy, two_streams(clean_plan, noisy_plan))
    return [model.head(half) for half in both]


def test_a_grown_model_is_the_one_it_grew_from(base, model, text):
    assert torch.equal(base.logits(text), model.logits(text))
    tokens = model.embed.weight[:7]
    assert torch.allclose(model.embed.weight[model.mask_token], tokens.mean(0))


def test_the_clean_half_is_the_language_model_whatever_the_other_half_reads(base, model, text):
    for noisy in (torch.full_like(text, model.mask_token), text):
        clean, _ = halves(model, text, noisy, raster(12), blocks(12, 4))
        assert torch.allclose(clean, base.logits(text), atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 4, 12])
def test_no_masked_block_sees_its_own_text_or_a_later_one(model, text, size):
    hidden = torch.full_like(text, model.mask_token)
    _, before = halves(model, text, hidden, raster(12), blocks(12, size))
    for place in range(12):
        changed = text.clone()
        changed[:, place] = (changed[:, place] + 1) % 7
        _, after = halves(model, changed, hidden, raster(12), blocks(12, size))
        moved = (after - before).abs().amax((0, 2))
        # position i of the clean half reads token i - 1, so token `place` stands behind place + 1
        first = ((place + 1) // size + 1) * size
        assert moved[:first].max() < 1e-6
        assert first >= 12 or moved[first:].min() > 1e-6


def test_a_masked_block_alone_has_the_same_answers_behind_a_cache(model, text):
    hidden = torch.full_like(text, model.mask_token)
    _, whole = halves(model, text, hidden, raster(12), blocks(12, 4))
    cache = model.new_cache(3, 12)
    with torch.no_grad():
        model.read(model.read_as(text)[:, :4], cache)
        before = cache.both[..., :4, :].clone()
        alone = model.head(model.look(hidden[:, 4:8], cache, mask=None, commit=False))
    assert torch.allclose(alone, whole[:, 4:8], atol=1e-5)
    assert cache.length == 4
    assert torch.equal(cache.both[..., :4, :], before)


def test_a_mask_per_sample_is_the_same_as_one_for_all(model, text):
    hidden = torch.full_like(text, model.mask_token)
    mask = two_streams(raster(12), blocks(12, 4))
    one = model.halves(text, hidden, mask)
    many = model.halves(text, hidden, mask.expand(3, -1, -1))
    for a, b in zip(one, many, strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_halves_that_do_not_fit_are_refused(model, text):
    mask = two_streams(raster(12), blocks(12, 4))
    with pytest.raises(ValueError, match="one shape b t, the mask 2t by 2t"):
        model.halves(text, text, mask[:20, :20])
    with pytest.raises(ValueError, match="vocabulary from 0 to 8"):
        model.halves(text, text + 9, mask)
