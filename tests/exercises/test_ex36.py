"""Chapter 36's exercises: solutions pass, stubs are hints, the usual mistakes are named."""

import math

import pytest
import torch

from arlearn.show.exercises import WrongAnswer, check


def stub(*_):
    raise NotImplementedError("a hint")


def subcodes(bits, parts):
    runs = bits.unflatten(-1, (parts, -1))
    return (runs * 2 ** torch.arange(runs.shape[-1] - 1, -1, -1)).sum(-1)


def little_endian(bits, parts):
    runs = bits.unflatten(-1, (parts, -1))
    return (runs * 2 ** torch.arange(runs.shape[-1])).sum(-1)


def every_mth_bit(bits, parts):
    runs = bits.unflatten(-1, (-1, parts)).mT
    return (runs * 2 ** torch.arange(runs.shape[-1] - 1, -1, -1)).sum(-1)


def entropy(p):
    return -torch.xlogy(p, p).sum()


def price(joint):
    return float(entropy(joint.sum(0)) + entropy(joint.sum(1)) - entropy(joint))


def careless(joint):
    apart = torch.outer(joint.sum(1), joint.sum(0))
    return float((joint * (joint.log() - apart.log())).sum())


def raw(units, vocab):
    p = torch.bincount(units.flatten(), minlength=vocab).double() / units.numel()
    return math.log(vocab) + float(torch.xlogy(p, p).sum())


def excess(units, vocab):
    even = torch.randint(vocab, units.shape, generator=torch.Generator().manual_seed(7))
    return raw(units, vocab) - raw(even, vocab)


@pytest.mark.parametrize(
    ("exercise", "solution"), [("36.1", subcodes), ("36.2", price), ("36.3", excess)]
)
def test_the_solution_passes_and_the_stub_is_a_hint(exercise, solution):
    assert check(exercise, solution).sentence == f"{exercise}: right."
    assert not check(exercise, stub).tried


@pytest.mark.parametrize(
    ("exercise", "answer", "sentence"),
    [
        ("36.1", lambda bits, parts: bits, "have shape"),
        ("36.1", little_endian, "most significant one"),
        ("36.1", lambda bits, parts: subcodes(bits, parts).flip(-1), "is sub-code 0"),
        ("36.1", every_mth_bit, "a run of neighbouring bits"),
        ("36.1", lambda bits, parts: subcodes(bits, parts) + 1, "some sub-codes differ"),
        ("36.2", lambda joint: -1 - price(joint), "for one table the price is"),
        ("36.2", lambda joint: -price(joint), "the other way round"),
        ("36.2", lambda joint: price(joint) / math.log(2), "in bits"),
        ("36.2", lambda joint: float(entropy(joint)), "entropy of the whole code"),
        ("36.2", lambda joint: price(joint) + float(entropy(joint)), "pay together; subtract"),
        ("36.2", careless, "0 log 0 counts as 0"),
        ("36.3", raw, "the bias of few samples"),
        ("36.3", lambda units, vocab: raw(units, vocab) - 0.5, "near 0"),
        ("36.3", lambda units, vocab: 0.0, "four even codes of 64"),
    ],
)
def test_the_usual_mistakes_are_named(exercise, answer, sentence):
    with pytest.raises(WrongAnswer, match=sentence):
        check(exercise, answer)
