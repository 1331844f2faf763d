"""Counting: exact numbers on a text small enough to count by hand, laws that add up to one."""

import math

import pytest
import torch

from arlearn.decode import write
from arlearn.nets.ngram import Ngram

TEXT = torch.tensor([0, 1, 0, 1, 0, 2, 0, 1, 1, 0])


def walk(n, vocab, seed=0):
    """A text with structure: each unit is the last one plus 0, 1 or 2."""
    step = torch.randint(0, 3, (n,), generator=torch.Generator().manual_seed(seed))
    return step.cumsum(0) % vocab


@pytest.mark.parametrize("novel", [True, False])
@pytest.mark.parametrize("order", [0, 1, 3, 5])
def test_every_law_adds_up_to_one_and_leaves_nothing_out(novel, order):
    model = Ngram(walk(400, 6), 6, order, novel=novel)
    laws = model.law(torch.randint(0, 6, (50, 5), generator=torch.Generator().manual_seed(1)))
    assert torch.allclose(laws.sum(-1), torch.ones(50, dtype=torch.float64))
    assert laws.min() > 0


def test_the_law_by_hand():
    model = Ngram(TEXT, 3, 1, novel=False)
    table = model.often[0]
    # of the 9 pairs (0 1)x3 (1 0)x3 (0 2) (2 0) (1 1): first units 0 x4, 1 x4, 2 x1
    assert dict(zip(table.grams.tolist(), table.times.tolist(), strict=True)) == {0: 4, 1: 4, 2: 1}
    discount = model.often[1].discount
    assert discount == 0.5  # no pair stands twice, so the rule has nothing to divide by
    unigram = (4 - 0.5) / 9 + 0.5 * 3 / 9 / 3
    expected = (3 - discount) / 4 + discount * 2 / 4 * unigram
    assert model.law(torch.tensor([[0]]))[0, 1].item() == pytest.approx(expected)


def test_novel_counts_contexts_instead_of_occurrences():
    model = Ngram(TEXT, 3, 1)
    # kinds of units before 0: {1, 2}, before 1: {0, 1}, before 2: {0}
    assert model.shorter[0].times.tolist() == [2, 2, 1]
    assert model.often[0].times.tolist() == [4, 4, 1]


def test_the_discount_is_that_of_ney_essen_and_kneser():
    text = torch.tensor([0, 1, 2, 3, 4, 0, 1, 0, 2, 0])
    model = Ngram(text, 5, 1, novel=False)
    times = model.often[1].times
    once, twice = (times == 1).sum().item(), (times == 2).sum().item()
    assert (once, twice) == (7, 1)
    assert model.often[1].discount == pytest.approx(once / (once + 2 * twice))


@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_the_two_ways_to_ask_agree(order):
    text, model = walk(60, 6, seed=3), Ngram(walk(500, 6), 6, 4)
    asked = model.log_prob(text, order)
    contexts = text.unfold(0, order + 1, 1)[:, :order] if order else torch.zeros(60, 0).long()
    shorter = Ngram(walk(500, 6)[:], 6, order) if order else None
    if shorter:
        laws = model.law(contexts)
        assert torch.allclose(asked, laws.gather(1, text[order:, None])[:, 0].log())
    assert len(asked) == 60 - order


def test_a_longer_context_costs_fewer_bits_on_the_counted_text():
    text = walk(2000, 6)
    model = Ngram(text, 6, 5)
    nats = [-model.log_prob(text[5 - m :], m).mean().item() for m in range(6)]
    assert nats[0] > nats[1] > nats[3] > nats[5]
    assert nats[1] == pytest.approx(math.log(3), abs=0.05)  # the law that made the text


def test_seen_contexts_and_entries():
    model = Ngram(TEXT, 3, 2)
    assert model.share_seen(TEXT, 2) == 1
    assert model.share_seen(torch.tensor([2, 2, 2, 0]), 2) == 0
    assert model.entries(0) == 3
    assert model.entries(1) == 3 + len({(0, 1), (1, 0), (0, 2), (2, 0), (1, 1)})


def test_read_in_pieces_as_a_whole_and_written():
    model = Ngram(walk(500, 6), 6, 3)
    text = walk(9, 6, seed=5)[None]
    whole = model.read(text, model.new_cache(1, 9))
    cache = model.new_cache(1, 9)
    pieces = [model.read(part, cache) for part in text.split([2, 1, 6], 1)]
    assert torch.equal(torch.cat(pieces, 1), whole)
    assert torch.allclose(whole[0, 4].exp(), model.law(text[:, 2:5])[0])
    drawn, trace = write(model, text, 40, generator=torch.Generator().manual_seed(0))
    assert drawn.shape == (1, 40)
    assert trace.evaluations == 40


@pytest.mark.parametrize(
    ("text", "vocab", "order", "sentence"),
    [
        (TEXT, 3, -1, "must be at least 0"),
        (TEXT, 3, 9, "longer than 10 units"),
        (TEXT, 2, 1, r"outside 0 … 1"),
        (torch.arange(100), 100, 9, "use at most 8"),
    ],
)
def test_what_cannot_be_counted_is_refused(text, vocab, order, sentence):
    with pytest.raises(ValueError, match=sentence):
        Ngram(text, vocab, order)


def test_an_order_that_was_not_counted_is_refused():
    with pytest.raises(ValueError, match="order 3 was not counted; choose 0 … 2"):
        Ngram(TEXT, 3, 2).log_prob(TEXT, 3)
