"""Checkers of chapter 18, VAR."""

from collections.abc import Callable

import torch
from torch import Tensor

from arlearn.papers.var import attention_pairs, known_units


def check_1(answer: Callable[[list[int]], int]) -> str | None:
    """Pairs (query, key) that VAR's mask allows, for given sides."""
    for sides in ([1, 2, 4, 8], [1, 3], [4]):
        said, right = answer(sides), attention_pairs(tuple(sides))
        sizes = [side * side for side in sides]
        if said == right:
            continue
        if said == sum(sizes) ** 2:
            return f"{said} counts every pair; a token may not look at finer scales than its own."
        if said == sum(size * size for size in sizes):
            return f"{said} counts each scale alone; a token also sees all coarser scales."
        if said == sum(sizes) * (sum(sizes) + 1) // 2:
            return f"{said} is the raster triangle; inside a scale all tokens see each other."
        return f"for sides {sides} the mask has {right} pairs, your answer is {said}."
    return None


def check_2(answer: Callable[[Tensor, Tensor, float, int, int], Tensor]) -> str | None:
    """Guided logits at scale k (from 0) of `n_scales`, with VAR's linear ramp."""
    yes, no = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    for k in range(4):
        strength = 1.5 * k / 3
        right = (1 + strength) * yes - strength * no
        said = answer(yes, no, 1.5, k, 4)
        if torch.allclose(said, right, atol=1e-5):
            continue
        if torch.allclose(said, no + strength * (yes - no), atol=1e-5):
            return (
                "that is null + g (cond - null): with g = 0 it ignores the class altogether. "
                "VAR's form is (1 + g) cond - g null."
            )
        if torch.allclose(said, 2.5 * yes - 1.5 * no, atol=1e-5):
            return f"that is full strength everywhere; at scale {k} of 4 it is {strength}."
        return f"at scale {k} of 4 the strength is {strength}; the logits are others."
    return None


def check_3(answer: Callable[[Tensor, int], Tensor]) -> str | None:
    """Which tokens of a scale a kept region covers by more than half, row by row."""
    generator = torch.Generator().manual_seed(0)
    half = torch.zeros(8, 8, dtype=torch.bool)
    half[4:] = True
    for keep in (half, torch.rand(8, 8, generator=generator) < 0.6, ~half.T):
        for side in (1, 2, 4, 8):
            said, right = answer(keep, side), known_units(keep, (side,))
            if said.shape != right.shape:
                return f"side {side} has {side * side} tokens, one flag each; got {said.shape}."
            if torch.equal(said, right):
                continue
            share = keep.float().view(side, 8 // side, side, 8 // side).mean((1, 3)).flatten()
            if torch.equal(said, share >= 0.5):
                return "a token of which exactly half is kept is not kept: more than half counts."
            if torch.equal(said, keep[:: 8 // side, :: 8 // side].flatten()):
                return "that looks at one pixel of each token; take the share of all its pixels."
            return f"side {side}: {int((said != right).sum())} of {side * side} flags differ."
    return None


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda sides: sum(side * side for side in sides) ** 2,
    2: lambda cond, null, guidance, k, n: null + guidance * k / (n - 1) * (cond - null),
    3: lambda keep, side: keep[:: 8 // side, :: 8 // side].flatten(),
}
