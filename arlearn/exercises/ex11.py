"""Checkers of chapter 11, GigaTok."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from arlearn.papers.gigatok import alignment

Points = Sequence[tuple[float, float]]


def check_1(answer: Callable[[int], list[tuple[int, int]]]) -> str | None:
    """Blocks (down, across) of every group of 2^n pooled queries, coarse to fine."""
    for n in (0, 1, 4, 5, 8):
        said, right = [tuple(map(int, group)) for group in answer(n)], _groups(n)
        if said == right:
            continue
        count = sum(down * across for down, across in said)
        if said == right[1:]:
            return "the global mean stands there twice: once as group 0, once as 1 x 1 blocks."
        if said == [(across, down) for down, across in right]:
            return "the width is halved first; a pair is (down, across), so (1, 2) is the third."
        if count != 2**n:
            return f"for n = {n} that makes {count} queries, not 2^{n} = {2**n}."
        return f"for n = {n} the groups are {right}, and you said {said}."
    return None


def check_2(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """The alignment loss of cells `b n c` and a teacher's vectors `b n c`."""
    generator = torch.Generator().manual_seed(0)
    f, g = (torch.randn(3, 5, 8, generator=generator) for _ in range(2))
    f, g = f * torch.rand(3, 5, 1, generator=generator) * 4, g.requires_grad_()
    said, right = answer(f.requires_grad_(), g), alignment(f, g)
    if said.ndim:
        shape = tuple(said.shape)
        return f"a loss is one number, the mean over pictures and places; yours has shape {shape}."
    if torch.isclose(said, -right, atol=1e-5):
        return "added to the loss, that is made small: the features would learn to point away."
    flat = -torch.cosine_similarity(f.flatten(1), g.flatten(1)).mean()
    if torch.isclose(said, flat, atol=1e-5):
        return "one angle for each place, then the mean; yours is one angle for a whole picture."
    if not torch.isclose(answer(3 * f, g), said, atol=1e-5):
        return "three times as long features give another loss; only their direction should count."
    if not torch.isclose(said, right, atol=1e-5):
        return f"for one pair of maps the loss is {right:.4f}, your answer is {said.item():.4f}."
    (pull,) = torch.autograd.grad(said, g, allow_unused=True)
    if pull is not None and pull.abs().sum() > 0:
        return "the value is right, but it pulls on the teacher too; detach its vectors."
    return None


def check_3(answer: Callable[[Points, float], float]) -> str | None:
    """The least error that mixtures of points (bits, error) reach with some bits a picture."""
    blank, some = (0.0, 1.0), [(10.0, 0.2), (20.0, 0.1), (15.0, 0.5)]
    bent = [blank, (10.0, 0.9), (20.0, 0.1)]
    for points, bits, right in (
        ([blank, *some], 10.0, 0.2),
        ([blank, *some], 5.0, 0.6),
        ([*some, blank], 15.0, 0.15),
        ([blank, *some], 99.0, 0.1),
        (bent, 10.0, 0.55),
    ):
        said = float(answer(points, bits))
        if abs(said - right) < 1e-6:
            continue
        if said == min(error for cost, error in points if cost <= bits):
            return (
                f"{bits:g} bits on the average can be mixed: code some pictures with a dearer "
                f"tokenizer, the others with a cheaper one. That reaches {right:g}, not {said:g}."
            )
        if points is bent:
            return (
                f"with {bits:g} bits of {points} a mixture of the outer two, which passes the one "
                f"between them over, reaches {right:g}; you said {said:g}."
            )
        return f"with {bits:g} bits of {points} the least error is {right:g}; you said {said:g}."
    return None


def _groups(n: int) -> list[tuple[int, int]]:
    cuts = [max(group - 1, 0) for group in range(n + 1)]
    return [(2 ** (cut // 2), 2 ** ((cut + 1) // 2)) for cut in cuts]


# One usual mistake per exercise; tests/exercises plants them to see that each is found.
WRONG = {
    1: lambda n: _groups(n)[1:] or [(1, 1)],
    2: lambda f, g: torch.cosine_similarity(f, g, dim=-1).mean(),
    3: lambda points, bits: min(error for cost, error in points if cost <= bits),
}
