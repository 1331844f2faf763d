"""Attention maps are the weights that the fast kernel used."""

import pytest
import torch
from einops import rearrange

from arlearn.nets.any_plan import AnyPlan
from arlearn.nets.language import LanguageModel
from arlearn.nets.maps import attention_maps
from arlearn.plans import blocks


def outputs_of(model, run):
    """What each attention of a model is fed and gives while `run()` runs."""
    seen, handles = [], []
    for block in model.backbone.blocks:
        hook = block.attention.register_forward_hook(
            lambda layer, given, out: seen.append((layer, given[0], out))
        )
        handles.append(hook)
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return seen


def recomputed(layer, x, weights):
    """The attention's output from the weights: out(weights v)."""
    _, _, v, _ = layer.project(x, None, None)
    return layer.out(rearrange(weights @ v, "b h t d -> b t (h d)"))


def test_the_weights_give_the_output_of_the_kernel():
    torch.manual_seed(0)
    text = torch.randint(0, 7, (2, 9))
    language = LanguageModel(7, 12, width=16, depth=3, heads=2).eval()
    plan = blocks(9, 3)
    picture = AnyPlan(plan, 7, width=16, depth=2, heads=4).eval()  # normalised queries and keys
    for model, mask in ((language, None), (picture, plan.mask())):
        maps = attention_maps(model, text, mask=mask)
        seen = outputs_of(model, lambda model=model: model(text))
        assert len(maps) == len(seen) == model.backbone.depth
        for weights, (layer, x, out) in zip(maps, seen, strict=True):
            assert torch.allclose(recomputed(layer, x, weights), out, atol=1e-5)


def test_maps_are_laws_over_what_may_be_seen():
    model = LanguageModel(7, 12, width=16, depth=2, heads=2)
    maps = attention_maps(model, torch.zeros(1, 5, dtype=torch.long))
    assert maps.shape == (2, 1, 2, 5, 5)
    assert torch.allclose(maps.sum(-1), torch.ones(2, 1, 2, 5), atol=1e-6)
    assert maps.triu(1).abs().max() == 0
    assert not model.backbone.blocks[0].attention._forward_pre_hooks


def test_a_model_without_one_transformer_or_with_a_cache_is_refused():
    with pytest.raises(ValueError, match="holds 0 transformers"):
        attention_maps(torch.nn.Linear(2, 2), torch.zeros(1, 2))
    model = LanguageModel(7, 12, width=16, depth=1, heads=2)
    cached = torch.nn.Module()
    cached.inside = model
    cached.forward = lambda text: model.read(text, model.new_cache(1, 12))
    with pytest.raises(ValueError, match="without a cache"):
        attention_maps(cached, torch.zeros(1, 5, dtype=torch.long))
