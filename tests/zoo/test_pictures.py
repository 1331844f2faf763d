"""The shipped picture models: their files, that they fit together, and that methods are equal."""

import pytest
import torch

from arlearn import home, zoo
from arlearn.data.scenes import scenes
from arlearn.decode import generate
from arlearn.zoo import pictures
from arlearn.zoo.sizes import GLYPHS16, SCENES16, SCENES32

SHIPPED = sorted(path.stem for path in (home.PACKAGE / "weights").glob("*.safetensors"))


def test_the_weights_stay_small():
    files = list((home.PACKAGE / "weights").glob("*.safetensors"))
    assert max(file.stat().st_size for file in files) <= 2_000_000
    assert sum(file.stat().st_size for file in files) <= 30_000_000


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_weights_load_and_say_where_they_come_from(name):
    model, told = zoo.load(name), zoo.provenance(name)
    assert not model.training and all(p.isfinite().all() for p in model.parameters())
    assert told.recipe == zoo.find(name).sha256(), f"the recipe changed; make {name} again"
    assert told.training["steps"] > 0 and told.training["seconds"] > 0


def test_the_pairs_have_equal_size():
    for sizes in (SCENES16, SCENES32):
        raster, var = pictures.raster(sizes), pictures.var(sizes)
        counts = [sum(p.numel() for p in m.parameters() if p.requires_grad) for m in (raster, var)]
        assert abs(counts[0] - counts[1]) < 0.05 * counts[0]


@pytest.mark.parametrize("sizes", [SCENES16, SCENES32, GLYPHS16])
def test_equal_tokens_are_equal(sizes):
    length = sum(side * side for side in sizes.scales)
    read = sizes.equal_tokens * length, sizes.budget.steps * sizes.grid**2
    assert abs(read[0] - read[1]) < length
    assert sizes.scales[-1] == sizes.grid


@pytest.mark.parametrize("kind", ["vq", "multiscale"])
def test_a_shipped_tokenizer_rebuilds_scenes(kind):
    images = scenes("test", side=16, n=64).images
    tokenizer = zoo.load(f"scenes16-{kind}")
    units = tokenizer.encode(images)
    assert units.shape == (64, tokenizer.length)
    assert (tokenizer.decode(units) - images).square().mean() < 0.002


def test_the_shipped_var_draws_with_the_shipped_tokenizer():
    var, tokenizer = zoo.load("scenes16-var"), zoo.load("scenes16-multiscale")
    for key, tensor in tokenizer.quantizer.state_dict().items():
        assert torch.equal(var.quantizer.state_dict()[key], tensor), key
    labels = torch.arange(24)
    units, trace = generate(var, labels, generator=torch.Generator().manual_seed(0))
    assert trace.evaluations == len(SCENES16.scales)
    drawn = zoo.load("scenes16-features")(tokenizer.decode(units)).argmax(-1)
    assert (drawn == labels).float().mean() > 0.5  # chance is 1 in 24
