"""Checkers of chapter 22, NBP."""

from collections.abc import Callable

import torch
from torch import Tensor

from arlearn.nets.next_block import plan


def check_1(answer: Callable[[int, int], Tensor]) -> str | None:
    """The mask of the plain recipe over the N - B positions that are fed."""
    for n, size in ((12, 1), (12, 3), (16, 4)):
        said = answer(n, size)
        if not isinstance(said, Tensor) or said.dtype != torch.bool:
            return "return a tensor of truth values, True where row i may look at column j."
        right = plan(n - size, size).mask()
        if said.shape != right.shape:
            return (
                f"{n} tokens in blocks of {size} feed {n - size} positions: the last block is "
                f"never fed. Yours is {tuple(said.shape)}."
            )
        if torch.equal(said, right):
            continue
        if torch.equal(said, torch.ones_like(right).tril()):
            return "a triangle is right for blocks of one; a position also sees its block's rest."
        if torch.equal(said, right.T):
            return "the other way round: rows look, columns are looked at."
        if torch.equal(said, right.roll(size, 1)) or bool((said & ~right).any()):
            return "a position sees into a later block, which is what it has to predict."
        return f"for N = {n} and B = {size} a position sees its own block and all before; no less."
    return None


def check_2(answer: Callable[[int], int]) -> str | None:
    """The block size, a divisor of N, with the fewest steps B + N/B - 1 of the hybrid recipe."""
    for n in (16, 192, 256, 1280):
        said = answer(n)
        steps = {b: b + n // b - 1 for b in range(1, n + 1) if n % b == 0}
        if said not in steps:
            return f"a block of {said} does not divide {n} tokens; look among its divisors."
        if steps[said] == min(steps.values()):
            continue
        if said == n:
            return (
                "one block is one parallel step, but the hybrid draws that block token by token: "
                f"{n} steps. Count B + N/B - 1."
            )
        return (
            f"for N = {n} a block of {said} takes {steps[said]} steps; there is one that takes "
            f"{min(steps.values())}. Where are B and N/B about equal?"
        )
    return None


def check_3(answer: Callable[[list, int], tuple[list, list]]) -> str | None:
    """Inputs and targets of the hybrid recipe, "start" and "m1", "m2", … for what is no token."""
    for n, size in ((6, 2), (12, 3), (5, 1)):
        z = [10 + i for i in range(n)]
        said = answer(z, size)
        if not isinstance(said, tuple) or len(said) != 2:
            return "return two lists: what is fed, and what is to be predicted there."
        fed, target = (list(part) for part in said)
        if target != z:
            return f"the target is the whole film, {n} tokens in order; yours has {len(target)}."
        fillers = [f"m{k}" for k in range(1, size)]
        right = ["start", *z[:size], *fillers, *z[size : n - size]]
        if fed == right:
            continue
        if len(fed) != n:
            return f"as many inputs as targets, {n}; yours are {len(fed)}. How many fillers?"
        if [x for x in fed if x not in fillers] == [x for x in right if x not in fillers]:
            return "the fillers stand right behind z_B, which is the first of its block of inputs."
        if sum(str(x).startswith("m") for x in fed) != size - 1:
            return f"a block of {size} inputs that begins with z_B has {size - 1} fillers."
        return f"for N = {n} and B = {size} the inputs are {right}."
    return None


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda n, size: torch.ones(n - size, n - size, dtype=torch.bool).tril(),
    2: lambda n: n,
    3: lambda z, size: (["start", *z[:-1]], z),
}
