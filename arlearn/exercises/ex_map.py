"""Checkers of the first lesson, the map."""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from arlearn.data import digits
from arlearn.metrics import independence_price
from arlearn.plans import Plan

NOISE = 0.01  # variance added to every pixel, some of which never change


def check_1(answer: Callable[[Tensor], Tensor]) -> str | None:
    """The attention mask of a plan, from the step of every position."""
    for step in ([0, 1, 2], [0, 0, 1, 1], [1, 0, 2, 1, 0]):
        said, right = torch.as_tensor(answer(torch.tensor(step))), Plan(torch.tensor(step)).mask()
        if said.shape != right.shape:
            n = len(step)
            return f"{n} steps make a mask of {n} x {n}, not of shape {tuple(said.shape)}."
        said = said.bool()
        if torch.equal(said, right):
            continue
        if torch.equal(said, right & ~right.T):
            return (
                "no position sees its own step there; positions of one step are fed earlier "
                "units only, so they may look at each other, and at themselves."
            )
        if torch.equal(said, right.T):
            return "that is turned over: row i is the position that looks, column j what it sees."
        if torch.equal(said, torch.ones(len(step), len(step)).tril().bool()):
            return "that is the triangle of one position after the other, whatever the steps say."
        return f"for the steps {step} {int((said != right).sum())} pairs are wrong."
    return None


def check_2(answer: Callable[[Tensor], float]) -> str | None:
    """Nats lost by drawing two units at once, from the table of their joint law p[a, b]."""
    same = torch.tensor([[0.5, 0.0], [0.0, 0.5]])
    apart = torch.tensor([[0.28, 0.42], [0.12, 0.18]])
    mixed = torch.tensor([[0.4, 0.1, 0.0], [0.1, 0.1, 0.3]])
    for joint in (apart, same, mixed):
        said, (first, second, right) = float(answer(joint)), _entropies(joint)
        if abs(said - right) < 1e-4:
            continue
        if said != said:
            return "that is not a number; a pair that never comes has p log p = 0, leave it out."
        if abs(said + right) < 1e-4:
            return "the sign is turned over: both entropies minus that of the pair, never below 0."
        if abs(said * torch.log(torch.tensor(2.0)) - right) < 1e-4:
            return "that is in bits; nats are asked for, so take the natural logarithm."
        if abs(said - (first + second)) < 1e-4:
            return "that is what drawing apart costs in all; subtract what drawing together costs."
        table = [[round(p, 2) for p in row] for row in joint.tolist()]
        return f"for the table {table} the price is {abs(right):.4f} nats, not {said:.4f}."
    return None


def check_3(answer: Callable[[], Tensor | list[int]]) -> str | None:
    """A plan of four steps over the 64 pixels of a digit that loses less than the lattice does."""
    step = torch.as_tensor(answer()).flatten().long()
    if len(step) != 64:
        return f"a digit has 64 pixels and each needs its step; these are {len(step)}."
    if step.unique().tolist() != [0, 1, 2, 3]:
        return f"four steps, counted 0, 1, 2, 3, are asked for; these are {step.unique().tolist()}."
    row, column = torch.arange(64) // 8, torch.arange(64) % 8
    lattice = independence_price(Plan(row % 2 * 2 + column % 2), spread_of_digits())
    price = independence_price(Plan(step), spread_of_digits())
    if price < lattice:
        return None
    return (
        f"this plan loses {price:.2f} nats, the lattice {lattice:.2f}. Start with fewer pixels, "
        "far from each other, and draw the many last: by then each is nearly certain."
    )


@cache
def spread_of_digits() -> Tensor:
    """The covariance of the pixels of a digit, whichever it is."""
    pixels = digits("train").images.flatten(1).double()
    return torch.cov(pixels.T) + NOISE * torch.eye(64)


def _entropies(joint: Tensor) -> tuple[float, float, float]:
    """Entropies of both units, and the sum of them minus that of the pair, in nats."""

    def entropy(p: Tensor) -> float:
        p = p.double().flatten()
        return float(-(p[p > 0] * p[p > 0].log()).sum())

    first, second = entropy(joint.sum(1)), entropy(joint.sum(0))
    return first, second, first + second - entropy(joint)


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda step: step[None, :] < step[:, None],
    2: lambda joint: _entropies(joint)[0] + _entropies(joint)[1],
    3: lambda: torch.arange(64) // 16,
}
