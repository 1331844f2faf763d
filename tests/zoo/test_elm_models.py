"""Chapter 36's models: arms that differ in one choice, and codes that all of them see alike."""

import math

import pytest
import torch

from arlearn import decode, home, zoo
from arlearn.data.scenes import scenes
from arlearn.training import History
from arlearn.zoo import elm_models
from arlearn.zoo.elm_models import DESIGN16, DESIGN32

HERE = (home.PACKAGE / "weights" / "scenes16-bae.json").is_file()
shipped = pytest.mark.skipif(not HERE, reason="the weights are not in this checkout")


def learned(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.fixture(scope="module")
def images():
    return scenes("test", side=16, n=40).images


@pytest.mark.parametrize("design", [DESIGN16, DESIGN32])
def test_every_design_has_its_arms_under_names_of_its_own(design):
    names = [entry.name for entry in elm_models.design_space(design)]
    assert len(set(names)) == len(names) and set(names) <= set(zoo.names())
    assert f"{design.prefix}-mlm" in names and len([n for n in names if "scan" in n]) == 5
    assert all(design.bits % m == 0 for m in design.parts) and 1 in design.parts


def test_the_rivals_are_of_equal_size():
    arm, rival = elm_models.elm(DESIGN16), elm_models.mlm(DESIGN16)
    # the rival's only own parameter is the vector that stands where a code is hidden
    assert learned(rival) - learned(arm) == DESIGN16.width
    assert arm.backbone.state_dict().keys() == rival.backbone.state_dict().keys()


def test_splits_differ_in_tables_and_heads_alone():
    blocks = {learned(elm_models.elm(DESIGN16, parts=m).backbone) for m in DESIGN16.parts}
    assert len(blocks) == 1
    assert learned(elm_models.elm(DESIGN16, parts=1)) > learned(elm_models.elm(DESIGN16, parts=2))


def test_tokenizers_have_equal_bits():
    binary, words = elm_models.bae(DESIGN16), elm_models.vq(DESIGN16, revive=False)
    assert binary.vocab == words.vocab == 2**DESIGN16.bits
    assert binary.length == words.length == DESIGN16.sizes.grid**2
    trunk = [sum(p.numel() for p in t.encoder.layers[:-1].parameters()) for t in (binary, words)]
    assert trunk[0] == trunk[1]
    assert not words.quantizer.codebook.revive
    assert elm_models.vq(DESIGN16, revive=True).quantizer.codebook.revive


def test_a_beginning_learns_from_few_pictures():
    start = elm_models.beginning(DESIGN16, 12)
    train = start.sizes.pictures.load("train")
    assert len(train) == 12
    assert torch.equal(train.images, scenes("train", side=16, n=12).images)
    assert (start.bits, start.sizes.grid) == (DESIGN16.bits, DESIGN16.sizes.grid)


@shipped
def test_codes_are_drawn_from_the_odds_and_decode_to_the_picture(images):
    tokens = zoo.load("scenes16-bae")
    first, again, other = (elm_models.codes(tokens, images, seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first == other).float().mean() < 0.5  # most codes are drawn anew
    for codes in (first, other, tokens.encode(images)):
        assert (tokens.decode(codes) - images).square().mean() < 0.004
    assert elm_models.chances(tokens, images).shape == (40, 64, 10)


@shipped
def test_a_visit_draws_fresh_codes_and_a_run_can_be_repeated(monkeypatch):
    seen = []

    def keep(model, batches, steps, **_):
        seen.append([batches(step)[0] for step in (0, 0, 1)])
        return History([], steps, 0.0, 0.0, "fp32")

    monkeypatch.setattr(elm_models, "fit", keep)
    start, arm = elm_models.beginning(DESIGN16, 64), elm_models.elm(DESIGN16, width=32)
    for _ in range(2):
        elm_models.train(arm, 0, design=start, steps=2, name="x", keep=False)
    (a, b, c), (again, *_) = seen
    assert torch.equal(a, b) and torch.equal(a, again)
    assert (a != c).any()


@shipped
def test_the_shipped_arms_draw_what_they_are_asked_for():
    tokens, judge = zoo.load("scenes16-bae"), zoo.load("scenes16-features")
    labels = torch.arange(24)
    dice = torch.Generator().manual_seed(0)
    for kind, generate in (
        ("elm-2x5", lambda arm: decode.generate(arm, labels, generator=dice)[0]),
        ("mlm", lambda arm: arm.generate(labels, generator=dice)[0]),
    ):
        drawn = tokens.decode(generate(zoo.load(f"scenes16-{kind}")))
        right = (judge(drawn).argmax(-1) == labels).float().mean()
        assert right > 0.4, kind  # chance is 1 in 24


def test_a_bound_is_below_what_even_codes_cost():
    for entry in elm_models.design_space(DESIGN16):
        if "elm" in entry.name or "mlm" in entry.name:
            assert entry.at_most < DESIGN16.bits * math.log(2)
