"""Do two sets of samples come from one law? The energy distance, and a test by permutation."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor


@dataclass(frozen=True)
class TwoSample:
    """What a test of two sets of samples found.

    Attributes:
        distance: the energy distance between the sets.
        p_value: share of all ways to deal the same samples into two sets, this one counted, whose
            distance is at least as large. Evenly spread over 0..1 if both have one law.
        null: mean distance of the dealt sets: what two sets of one law have between them.
    """

    distance: float
    p_value: float
    null: float


def energy_distance(a: Float[Tensor, "n d"], b: Float[Tensor, "m e"]) -> float:
    """2 E|a - b| - E|a - a'| - E|b - b'|, over all pairs; 0 for equal sets.

    Of two laws it is 0 only if they are equal, whatever their moments; of two finite sets of one
    law it is above 0, by about E|a - a'| (1/n + 1/m).

    Raises:
        ValueError: fewer than 2 samples in a set, values that are not finite, or unequal sizes d.

    Source: Székely & Rizzo 2013, Journal of Statistical Planning and Inference 143.
    """
    distances, weights = _pairs(a, b)
    return float(-(weights @ distances @ weights))


def two_sample(
    a: Float[Tensor, "n d"],
    b: Float[Tensor, "m e"],
    *,
    groups: Int[Tensor, "k"] | None = None,
    deals: int = 499,
    seed: int = 0,
) -> TwoSample:
    """The permutation test of equal laws with the energy distance: exact at any n, m and d.

    Args:
        groups: what both sets have in common, sample by sample: the i-th of either was drawn for
            class groups[i]. Then only the two are swapped with each other, and the distance is the
            sum of those within the classes: how many there are of a class is no chance.
        deals: how often the samples are dealt anew; the p-value is a multiple of 1 / (deals + 1).

    Raises:
        ValueError: fewer than 1 deal, groups of sets that are not as large as they are, or what
            `energy_distance` refuses.
    """
    if deals < 1:
        raise ValueError(f"a permutation test needs at least 1 deal, not deals={deals}")
    distances, weights = _pairs(a, b)
    dice = Generator().manual_seed(seed)
    if groups is None:
        orders = torch.stack([torch.randperm(len(weights), generator=dice) for _ in range(deals)])
        dealt = weights.cpu()[orders].to(weights)
    else:
        dealt = weights * _swaps(a, b, groups, deals, dice).to(weights)
        both = groups.repeat(2).to(weights.device)
        distances = distances * (both[:, None] == both)
    found = float(-(weights @ distances @ weights))
    others = -((dealt @ distances) * dealt).sum(-1)
    # a deal that is this very one may differ in its last bits
    reached = int((others >= found - 1e-9 * (1 + abs(found))).sum())
    return TwoSample(found, (1 + reached) / (1 + deals), float(others.mean()))


def _swaps(a: Tensor, b: Tensor, groups: Tensor, deals: int, dice: Generator) -> Tensor:
    """+1 or -1 for every sample of both sets, the same for the two of a pair."""
    if not len(a) == len(b) == len(groups):
        raise ValueError(
            f"{len(groups)} groups for sets of {len(a)} and {len(b)} samples; the i-th sample of "
            "both must have been drawn for groups[i]"
        )
    kept = torch.rand(deals, len(a), generator=dice) < 0.5
    return (2.0 * kept - 1).repeat(1, 2)


def _pairs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Distances of all samples, and weights w with -wᵀ D w the energy distance; float64."""
    if a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"sets of shape {tuple(a.shape)} and {tuple(b.shape)}; give two or more samples of "
            "each, one a row, with equally many numbers"
        )
    both = torch.cat([a, b]).double()
    if not math.isfinite(float(both.sum())):
        raise ValueError("a sample is not finite; a law with such samples has no energy distance")
    share = both.new_full((len(a),), 1 / len(a)), both.new_full((len(b),), -1 / len(b))
    return torch.cdist(both, both), torch.cat(share)
