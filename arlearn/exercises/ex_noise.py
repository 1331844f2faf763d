"""Checkers of the lesson on noise: the bound's weights, Heun's step, greedy unmasking."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Field = Callable[[Tensor, float], Tensor]


def check_1(answer: Callable[[int, int], float]) -> str | None:
    """The weight of one set of n masked positions out of N in the bound."""
    for n, total in ((2, 4), (1, 5), (3, 3), (3, 7)):
        said, ways = float(answer(n, total)), math.comb(total, n)
        if math.isclose(said, 1 / (n * ways), rel_tol=1e-6):
            continue
        named = {
            1 / ways: "that is the chance of the set; which of its members comes next?",
            1 / n: "that is the chance of a member; how likely is the set itself?",
            total / n: "that is the weight of one randomly drawn set; here every set is summed.",
            n / ways: "the set's n members share its chance: divide by n.",
        }
        for value, sentence in named.items():
            if math.isclose(said, value, rel_tol=1e-6):
                return sentence
        return f"for {n} of {total} it is 1/{n * ways} = {1 / (n * ways):.4g}, not {said:.4g}."
    return None


def check_2(answer: Callable[[Field, Tensor, float, float], Tensor]) -> str | None:
    """One step of Heun's method, from time t down to s."""
    x, t, s = torch.tensor([1.0, -2.0]), 0.8, 0.5

    def velocity(x: Tensor, t: float) -> Tensor:
        return x * t + t**2

    h, here = s - t, velocity(x, t)
    ends = velocity(x + h * here, s)
    said, right = answer(velocity, x, t, s), x + h * (here + ends) / 2
    if torch.allclose(said, right, atol=1e-6):
        return None
    named = (
        (x + h * here, "that is Euler's step; take the velocity at its end as well."),
        (x - h * (here + velocity(x - h * here, s)) / 2, "time falls: s - t is negative."),
        (x + h * (here + velocity(x + h * here, t)) / 2, "the second velocity is one of time s."),
        (x + h * (here + velocity(x, s)) / 2, "the second velocity is taken where Euler ends."),
        (x + h * (here + ends), "that adds the velocities; take their mean."),
        (x + h * ends, "that goes with the velocity of the end alone; take the mean of both."),
        (x + h * velocity(x + h / 2 * here, t + h / 2), "that is the midpoint method, not Heun's."),
    )
    for value, sentence in named:
        if torch.allclose(said, value, atol=1e-6):
            return sentence
    return f"from {x.tolist()} it leads to {right.tolist()}, not {said.tolist()}."


def check_3(answer: Callable[[Tensor, Tensor, int, int], Tensor]) -> str | None:
    """The k surest masks of a sequence filled with their most likely units."""
    x_t = torch.tensor([3, 1, 3, 0, 3])
    best, sure = torch.tensor([2, 0, 1, 2, 0]), torch.tensor([1.0, 6.0, 4.0, 5.0, 2.0])
    logits = torch.zeros(5, 3).scatter(1, best[:, None], sure[:, None])
    given = x_t.clone()
    for k, right in ((1, [3, 1, 1, 0, 3]), (2, [3, 1, 1, 0, 0]), (3, [2, 1, 1, 0, 0])):
        said = answer(x_t, logits, 3, k)
        if not torch.equal(x_t, given):
            return "the sequence that was given has changed; work on x_t.clone()."
        if said.tolist() == right:
            continue
        if (said != given)[given != 3].any():
            return "a unit that stood already has changed; only masks are filled."
        shown = int((said != 3).sum() - (given != 3).sum())
        if shown != k:
            return f"with k = {k} it filled {shown} masks; known positions do not count among k."
        if (said[said != given] != best[said != given]).any():
            return "a mask was filled with another unit than its most likely one."
        return f"with k = {k} other masks were surer: {right} was expected, not {said.tolist()}."
    return None


def _all_positions(x_t: Tensor, logits: Tensor, mask: int, k: int) -> Tensor:
    """The k surest of all positions, masked or not."""
    sure, unit = logits.softmax(-1).max(-1)
    filled, best = x_t.clone(), sure.topk(k).indices
    filled[best] = unit[best]
    return filled


# One usual mistake per exercise; a test plants it to see that the sentence helps.
WRONG = {
    1: lambda n, total: 1 / math.comb(total, n),
    2: lambda velocity, x, t, s: x + (s - t) * velocity(x, t),
    3: _all_positions,
}
