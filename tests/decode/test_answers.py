"""Answers and their cost, sample by sample, against runs of each sample alone."""

import pytest
import torch

from arlearn.data.tasks import Tasks, tasks
from arlearn.decode import answers, blockwise, passes, unmask, write
from arlearn.heads.law import Law
from arlearn.nets.two_half import TwoHalf
from arlearn.trace import Trace

GREEDY = Law(temperature=0.0)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return TwoHalf(44, 60, width=16, depth=1, heads=2).eval()


@pytest.fixture(scope="module")
def asked():
    return tasks("test", "arithmetic", 12)


def by_table(asked: Tasks):
    """A writer that knows the answers, one token a pass."""
    from arlearn.data.tasks import decode, encode

    known = dict(zip(asked.prompts, asked.answers, strict=True))

    def writer(prompt):
        assert (prompt[:, 0] == 44).all()
        units = encode([known[text] for text in decode(prompt[:, 1:])], 6)
        trace = Trace(6)
        for at in range(6):
            trace.record(torch.tensor([at]), units[:, at : at + 1], 1)
        return units, trace

    return writer


def test_answers_come_in_the_order_of_the_problems(asked):
    found = answers(asked, by_table(asked), start=44)
    assert found.texts == asked.answers
    assert asked.accuracy(found.texts) == 1.0
    assert found.tokens.tolist() == [len(text) + 1 for text in asked.answers]
    assert torch.equal(found.passes, found.tokens) and found.tokens_per_pass == 1.0


def test_plain_sampling_costs_a_pass_a_token(model, asked):
    found = answers(asked, lambda p: write(model, p, 20, law=GREEDY), start=44)
    assert torch.equal(found.passes, found.tokens)
    assert int(found.tokens.max()) <= 20


@pytest.mark.parametrize("threshold", [None, 0.05])
def test_each_sample_is_charged_as_if_alone(model, threshold):
    prompt = torch.randint(44, (6, 3), generator=torch.Generator().manual_seed(0))
    asked = {"size": 5, "sub": 5, "threshold": threshold, "law": GREEDY}
    _, together = blockwise(model, prompt, 15, **asked)
    charged = passes(together, torch.full((6,), 15))
    for row, cost in zip(prompt, charged.tolist(), strict=True):
        _, alone = blockwise(model, row[None], 15, **asked)
        assert alone.evaluations == cost


def test_what_comes_after_the_end_is_not_charged():
    trace = Trace(4)
    units = torch.zeros(2, 2, dtype=torch.long)
    kept = torch.tensor([[True, False], [True, True]])
    trace.record(torch.arange(2), units, 1, kept=kept)
    trace.record(torch.arange(2), units, 2, kept=torch.ones(2, 2, dtype=torch.bool))
    trace.record(torch.arange(2, 4), units, 1)
    assert passes(trace, torch.tensor([2, 2])).tolist() == [3, 1]
    assert passes(trace, torch.tensor([1, 4])).tolist() == [1, 2]


def test_parallel_unmasking_is_charged_until_the_answer_stands():
    logits = torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(0))
    start = torch.full((1, 6), 5)
    _, trace = unmask(lambda x: logits.expand(len(x), -1, -1), start, mask=5, n_steps=3)
    assert passes(trace, torch.tensor([6])).tolist() == [3]
    first = int(trace.steps[0].kept[0].nonzero()[0, 0])
    if first == 0:
        assert passes(trace, torch.tensor([1])).tolist() == [1]


def test_a_writer_that_loses_rows_is_refused(asked):
    with pytest.raises(ValueError, match="the writer returned 1"):
        answers(asked.first(12), lambda p: (torch.zeros(1, 3).long(), Trace(3)), start=44)
