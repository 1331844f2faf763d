"""Two ways of answering the same problems: how much more one solves, and how sure that is."""

import math
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor


@dataclass(frozen=True)
class Paired:
    """One way against another on equal problems, each solved or not.

    Attributes:
        difference: share solved by the first minus share solved by the second.
        half: half the width of its 95% interval; only problems that one alone solves count.
        first, second: problems that only the first, only the second solves.
        p: McNemar's exact test: how often equal ways differ at least so much.
    """

    difference: float
    half: float
    first: int
    second: int
    p: float

    def __str__(self) -> str:
        return (
            f"{self.difference:+.1%} ± {self.half:.1%} ({self.first} problems only by the first, "
            f"{self.second} only by the second, p = {self.p:.2g})"
        )


def paired(first: Bool[Tensor, "n"], second: Bool[Tensor, "n"]) -> Paired:
    """Compare two ways problem by problem.

    With b and c problems that one alone solves, of n: the difference is (b - c) / n, its variance
    (b + c - (b - c)²/n) / n². Under equal ways, b is binomial of b + c with chance 1/2.

    Raises:
        ValueError: no problems, or not the same ones.

    Source: McNemar 1947, Psychometrika 12.
    """
    if not len(first) or first.shape != second.shape:
        raise ValueError(
            f"{len(first)} and {len(second)} problems cannot be compared one by one; "
            "let both ways answer the same ones"
        )
    n, b = len(first), int((first & ~second).sum())
    c = int((second & ~first).sum())
    variance = (b + c - (b - c) ** 2 / n) / n**2
    low = sum(math.comb(b + c, k) for k in range(min(b, c) + 1))
    p = min(1.0, 2 * low / 2 ** (b + c))
    return Paired((b - c) / n, 1.96 * math.sqrt(max(variance, 0.0)), b, c, p)
