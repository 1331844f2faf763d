"""How much a text repeats itself."""

from jaxtyping import Int
from torch import Tensor


def repetition(units: Int[Tensor, "b t"], n: int) -> float:
    """Share of the n-grams of a text that stood in it before, mean over the texts.

    1 - (distinct n-grams) / (all t - n + 1 of them): 0 where nothing comes twice, close to 1 for
    a text that has fallen into a loop. Compare texts of equal length only, as long ones repeat
    more.

    Raises:
        ValueError: n is below 1 or above the length of the texts.

    Source: seq-rep-n of Welleck et al. 2020 (arXiv 1908.04319), section 6.
    """
    length = units.shape[1]
    if not 1 <= n <= length:
        raise ValueError(f"n={n} must lie in 1 … {length}, the length of the texts")
    grams = units.unfold(1, n, 1)
    distinct = [len(set(map(tuple, text.tolist()))) for text in grams]
    return 1 - sum(distinct) / (len(units) * grams.shape[1])
