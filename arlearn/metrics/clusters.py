"""How well two ways to cut the same things into groups agree."""

import torch
from jaxtyping import Int
from torch import Tensor


def adjusted_rand(found: Int[Tensor, "n"], true: Int[Tensor, "m"]) -> float:
    """The adjusted Rand index: 1 for the same groups under any names, 0 on average by chance.

    With n_ij of both, a_i and b_j of one, and C(n) = n (n - 1) / 2 pairs:
    (Σ C(n_ij) - E) / ((Σ C(a_i) + Σ C(b_j)) / 2 - E), E = Σ C(a_i) Σ C(b_j) / C(n).

    Raises:
        ValueError: the two differ in length, or there are fewer than 2 things.

    Source: Hubert & Arabie 1985, Journal of Classification 2.
    """
    if len(found) != len(true) or len(true) < 2:
        raise ValueError(f"{len(found)} and {len(true)} labels; both must name the same 2 or more")
    _, rows = found.unique(return_inverse=True)
    _, columns = true.unique(return_inverse=True)
    table = torch.zeros(int(rows.max()) + 1, int(columns.max()) + 1, dtype=torch.float64)
    table.index_put_((rows, columns), torch.ones(1, dtype=torch.float64), accumulate=True)
    both, one, other = (_pairs(n) for n in (table, table.sum(1), table.sum(0)))
    chance = one * other / (len(true) * (len(true) - 1) / 2)
    most = (one + other) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def _pairs(n: Tensor) -> float:
    return float((n * (n - 1) / 2).sum())
