"""Checkers of chapter 36, ELM."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.tokens.binary import split, to_index
from arlearn.tokens.statistics import divergence


def check_1(answer: Callable[[Tensor, int], Tensor]) -> str | None:
    """The m sub-codes of some bits, most significant bit first, first run of bits first."""
    bits = torch.randint(2, (3, 5, 12), generator=torch.Generator().manual_seed(0))
    for parts in (1, 2, 3, 12):
        said, right = answer(bits, parts), split(to_index(bits), parts, 12)
        if said.shape != right.shape:
            wanted, got = tuple(right.shape), tuple(said.shape)
            return f"{parts} sub-codes of 3 x 5 positions have shape {wanted}, not {got}."
        if torch.equal(said, right):
            continue
        each = bits.unflatten(-1, (parts, 12 // parts))
        if torch.equal(said, to_index(each.flip(-1))):
            return "the first bit of a run is its most significant one; yours is its least."
        if torch.equal(said, right.flip(-1)):
            return "the first run of bits is sub-code 0; yours is the last."
        if torch.equal(said, to_index(bits.unflatten(-1, (12 // parts, parts)).mT)):
            return "a sub-code is a run of neighbouring bits, not every m-th bit."
        return f"for m = {parts} some sub-codes differ; with bits 1, 0, 1 a sub-code is 5."
    return None


def check_2(answer: Callable[[Tensor], float]) -> str | None:
    """The price of drawing two sub-codes independently, in nats, from their joint table."""
    generator = torch.Generator().manual_seed(0)
    free = torch.outer(torch.tensor([0.2, 0.8]), torch.tensor([0.5, 0.3, 0.2]))
    bound = torch.eye(4) / 4
    some = torch.rand(4, 4, generator=generator) ** 4
    for joint in (some / some.sum(), bound, free):
        said = float(answer(joint))
        rows, columns, whole = (_entropy(p) for p in (joint.sum(1), joint.sum(0), joint.flatten()))
        right = rows + columns - whole
        if abs(said - right) < 1e-4:
            continue
        if abs(said + right) < 1e-4:
            return "the sign is the other way round: independence can only cost, never gain."
        if abs(said - right / math.log(2)) < 1e-4:
            return "that is in bits; losses here are in nats (natural logarithm)."
        if abs(said - whole) < 1e-4:
            return "that is the entropy of the whole code; what do the two heads pay together?"
        if abs(said - rows - columns) < 1e-4:
            return "that is what the two heads pay together; subtract what a joint head would pay."
        if math.isnan(said):
            return "0 log 0 counts as 0; torch.xlogy(p, p) knows that."
        return f"for one table the price is {right:.4f} nats, your answer is {said:.4f}."
    return None


def check_3(answer: Callable[[Tensor, int], float]) -> str | None:
    """Divergence from even codes, less that of equally many even draws."""
    generator = torch.Generator().manual_seed(0)

    def even(n: int, vocab: int) -> Int[Tensor, "n"]:
        return torch.randint(vocab, (n,), generator=generator)

    for n, vocab in ((2000, 1024), (200, 1024)):
        said, raw = float(answer(even(n, vocab), vocab)), divergence(even(n, vocab), vocab)
        if abs(said - raw) < 0.05:
            return (
                f"{n} even draws of {vocab} codes come out at {said:.2f} nats. They are even: that "
                "is the bias of few samples. Subtract the same figure of as many even draws."
            )
        if abs(said) > 0.05:
            return f"{n} even draws of {vocab} codes should come out near 0, not at {said:.2f}."
    few = torch.arange(4).repeat(500)
    said, right = float(answer(few, 64)), math.log(16) - divergence(even(2000, 64), 64)
    if abs(said - right) > 0.02:
        return f"four even codes of 64 are {right:.2f} nats from even, your answer is {said:.2f}."
    return None


def _entropy(p: Tensor) -> float:
    return -float(torch.xlogy(p, p).sum())


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda bits, parts: to_index(bits.unflatten(-1, (parts, 12 // parts)).flip(-1)),
    2: lambda joint: _entropy(joint.sum(1)) + _entropy(joint.sum(0)),
    3: lambda units, vocab: divergence(units, vocab),
}
