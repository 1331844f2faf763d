"""How chapter 6's models learn: the same utterances for all arms, lengths that agree."""

import pytest
import torch

from arlearn import home, zoo
from arlearn.zoo import clear_models

N = 24


@pytest.fixture(scope="module", autouse=True)
def built():
    pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")


def lessons(kind, seed=0):
    if kind != "mel" and not (home.PACKAGE / "weights" / "speech-codes.json").is_file():
        pytest.skip("the tokenizers of sound are not trained yet")
    return clear_models.lessons(kind, N, clear_models.model(kind), 8, seed)


def test_a_tokenizer_sees_stretches_of_utterances():
    frames = clear_models.utterances("train", N)[1]
    draw = clear_models.crops(frames, 6, 0)
    (rows,) = draw(3)
    assert rows.shape == (6, clear_models.CROP, 40)
    assert torch.equal(rows, draw(3)[0]) and not torch.equal(rows, draw(4)[0])
    begins = [any(torch.equal(row[0], one[0]) for one in frames) for row in draw(5)[0]]
    assert any(begins)


@pytest.mark.parametrize("kind", ["flow", "codes", "mel"])
def test_batches_hold_texts_and_units_of_about_one_length(kind):
    draw = lessons(kind)
    text, units, lengths = draw(0)
    again = lessons(kind)(0)
    assert torch.equal(text, again[0]) and torch.equal(lengths, again[2])
    assert len(text) == len(units) == len(lengths) == 8
    assert units.shape[1] == int(lengths.max())
    assert (text[:, -1] == clear_models.model(kind).turn).all() and (text[:, 0] >= 0).any()
    seen = sum(len(draw(step)[2]) for step in range(3))
    assert seen == N
    if kind == "codes":
        assert (units[0, : lengths[0]] // clear_models.SIZES.size == torch.arange(4)).all()


def test_latents_are_drawn_anew_at_each_step_and_hardly_move():
    draw = lessons("flow")
    torch.manual_seed(0)
    one = draw(0)[1]
    other = draw(0)[1]
    gap = (one - other).abs()
    assert 0 < float(gap.mean()) < 0.5


def test_names_and_numbers():
    assert clear_models.named("codes", 2) == "speech-clear-codes-2"
    assert clear_models.named("flow") == "speech-clear-flow"
    listed = [entry.name for entry in clear_models.CLEAR_MODELS]
    assert listed[:2] == ["speech-latents", "speech-codes"]
    assert len(listed) == 3 + sum(clear_models.NUMBERS.values()) and set(listed) <= set(zoo.names())


@pytest.mark.parametrize("name", ["speech-latents", "speech-codes"])
def test_shipped_tokenizers_resynthesise(name):
    if not (home.PACKAGE / "weights" / f"{name}.json").is_file():
        pytest.skip(f"{name} is not trained yet; `arlearn zoo train {name}` makes it")
    model, frames = zoo.load(name), clear_models.utterances("test", 6)[1]
    gaps = [float((clear_models.again(model, one) - one).abs().mean()) for one in frames]
    assert max(gaps) < 0.8
