"""The language model: causal, the same with and without a cache, and honest about its context."""

import pytest
import torch

from arlearn.decode import generate, write
from arlearn.heads.law import Law
from arlearn.nets.language import LanguageModel


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LanguageModel(7, 12, width=16, depth=2, heads=2).eval()


@pytest.fixture
def text():
    return torch.randint(0, 7, (3, 12), generator=torch.Generator().manual_seed(0))


def test_no_logit_moves_when_the_future_does(model, text):
    other = text.clone()
    other[:, 5:] = (other[:, 5:] + 1) % 7
    apart = (model.logits(text) - model.logits(other)).abs().amax((0, 2))
    assert apart[:6].max() < 1e-6 < apart[6:].min()


def test_a_text_read_in_pieces_has_the_logits_of_the_whole(model, text):
    fed = torch.cat([torch.full((3, 1), model.start), text[:, :-1]], 1)
    cache = model.new_cache(3, 12)
    with torch.no_grad():
        pieces = [model.read(part, cache) for part in fed.split([1, 4, 2, 5], 1)]
        whole = model.logits(text)
    assert torch.allclose(torch.cat(pieces, 1), whole, atol=1e-5)


def test_shorter_texts_have_the_logits_of_their_beginning(model, text):
    assert torch.allclose(model.logits(text[:, :4]), model.logits(text)[:, :4], atol=1e-5)


def test_the_loss_of_a_shorter_text_is_that_of_its_beginning(model, text):
    whole = model.unit_loss(text)
    assert torch.allclose(model.unit_loss(text[:, :4]), whole[:, :4], atol=1e-5)
    assert model.loss(text[:, :4]).item() == pytest.approx(whole[:, :4].mean().item(), abs=1e-5)


def test_the_loop_over_plans_and_the_loop_over_text_draw_the_same(model):
    prompt = torch.full((3, 1), model.start)
    dice = [torch.Generator().manual_seed(1) for _ in range(2)]
    drawn, trace = write(model, prompt, 12, generator=dice[0])
    same, plan_trace = generate(model, batch=3, generator=dice[1])
    assert torch.equal(drawn, same)
    assert trace.evaluations == plan_trace.evaluations == 12
    assert torch.equal(trace.units_after(12), drawn)


def test_greedy_text_is_the_argmax_of_the_uncached_model(model, text):
    prompt = torch.cat([torch.full((3, 1), model.start), text[:, :4]], 1)
    drawn, _ = write(model, prompt, 5, law=Law(temperature=0))
    known = text[:, :4]
    for t in range(5):
        best = model.logits(torch.cat([known, drawn[:, : t + 1]], 1))[:, 4 + t].argmax(-1)
        assert torch.equal(best, drawn[:, t])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.logits(torch.zeros(1, 13, dtype=torch.long)), "13 tokens does not fit"),
        (lambda m: write(m, torch.zeros(1, 10, dtype=torch.long), 5), "does not fit a context"),
        (lambda m: write(m, torch.zeros(1, 0, dtype=torch.long), 5), "at least one token"),
        (lambda m: write(m, torch.zeros(1, 1, dtype=torch.long), 0), "n of at least 1"),
        (
            lambda m: write(m, torch.zeros(1, 1, dtype=torch.long), 1, law=Law(guidance=1.0)),
            "is not applied here",
        ),
    ],
)
def test_bad_input_gets_a_sentence(model, call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(model)
