"""A model that counts: its table by hand, its cache, its joint law by brute force."""

import itertools

import pytest
import torch

from arlearn import decode
from arlearn.nets.markov import Markov


def table(order: int, v: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn([v] * (order + 1), generator=generator).softmax(-1)


def test_counts_by_hand():
    model = Markov.count(torch.tensor([0, 1, 0, 1, 1]), 2, 1, prior=1.0)
    # p_0 = (2 + 1/2, 3 + 1/2) / 6; after 0 came 1 twice; after 1 came 0 once and 1 once
    first = torch.tensor([2.5, 3.5]) / 6
    expected = torch.stack([(torch.tensor([0, 2]) + first) / 3, (torch.tensor([1, 1]) + first) / 3])
    assert torch.allclose(model.table, expected)


def test_a_context_never_seen_falls_back_on_the_shorter_one():
    text = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    pairs, triples = (Markov.count(text, 3, order) for order in (1, 2))
    assert torch.allclose(triples.table[2, 2], pairs.table[2])  # "2 2" is nowhere in the text
    assert not torch.allclose(triples.table[0, 1], pairs.table[1])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_reading_in_pieces_gives_what_reading_at_once_gives(order):
    model = Markov(table(order))
    text = torch.randint(3, (2, 7), generator=torch.Generator().manual_seed(1))
    whole = model.read(text, model.new_cache(2, 7))
    cache = model.new_cache(2, 7)
    pieces = [model.read(part, cache) for part in text.split([3, 1, 3], dim=1)]
    assert torch.equal(torch.cat(pieces, 1), whole)
    cache.crop(4)
    assert torch.equal(model.read(text[:, 4:], cache), whole[:, 4:])
    last = text[0, 7 - order :].tolist()
    assert torch.allclose(whole[0, -1].exp(), model.table[tuple(last)])
    padded = [0] * (order - 1) + [int(text[0, 0])]
    assert torch.allclose(whole[0, 0].exp(), model.table[tuple(padded)])


def test_a_start_token_reads_as_token_0():
    model = Markov(table(2))
    begun, blank = torch.tensor([[3, 1]]), torch.tensor([[0, 1]])
    said, expected = (model.read(text, model.new_cache(1, 2)) for text in (begun, blank))
    assert torch.equal(said, expected)
    with pytest.raises(IndexError):
        model.read(torch.tensor([[4]]), model.new_cache(1, 1))


def test_the_joint_law_by_brute_force():
    model, prompt = Markov(table(2)), torch.tensor([2, 1])
    expected = []
    for a, b, c in itertools.product(range(3), repeat=3):
        chain = model.table[2, 1, a] * model.table[1, a, b] * model.table[a, b, c]
        expected.append(float(chain))
    law = model.joint(prompt, 3)
    assert torch.allclose(law, torch.tensor(expected)) and float(law.sum()) == pytest.approx(1)


def test_it_is_a_cached_model_that_can_draft_and_be_drafted_for():
    target, draft = Markov(table(2)), Markov(table(1, seed=1))
    assert isinstance(target, decode.CachedModel)
    units, trace = decode.speculative(
        target, draft, torch.tensor([[0, 1]]), 9, length=3, generator=torch.Generator()
    )
    assert units.shape == (1, 9) and trace.evaluations <= 9


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Markov(torch.ones(3)), r"shape \(3,\) is no law"),
        (lambda: Markov(torch.ones(3, 2) / 2), r"shape \(3, 2\) is no law"),
        (lambda: Markov(torch.ones(2, 2)), "add up to 1"),
        (lambda: Markov(torch.tensor([[1.5, -0.5], [0.5, 0.5]])), "must be positive"),
        (lambda: Markov.count(torch.tensor([0, 1]), 2, 0), "order 0 must be at least 1"),
        (lambda: Markov.count(torch.tensor([0, 1]), 2, 2), "below the 2 tokens"),
        (lambda: Markov.count(torch.tensor([0, 1]), 2, 1, prior=0.0), "prior 0.0 above 0"),
        (lambda: Markov(table(1)).joint(torch.tensor([0]), 20), "too many to enumerate"),
        (lambda: read_too_much(), "3 tokens do not fit a cache for 2"),
    ],
)
def test_what_cannot_be_is_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()


def read_too_much():
    model = Markov(table(1))
    return model.read(torch.zeros(1, 3, dtype=torch.long), model.new_cache(1, 2))
