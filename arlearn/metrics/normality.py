"""Are these numbers standard normal? The largest gap between two distribution functions."""

import torch
from jaxtyping import Float
from torch import Tensor


def normality(values: Float[Tensor, "n"]) -> float:
    """p-value of the hypothesis that independent numbers come from N(0, 1) (Kolmogorov-Smirnov).

    D = max |F_n - Φ|, and the limit law of √n D, which is good from some hundred numbers on.

    Raises:
        ValueError: no numbers, or one that is not finite.

    Source: Kolmogorov 1933; Smirnov 1948, Annals of Mathematical Statistics 19.
    """
    from scipy.special import kolmogorov

    if not len(values) or not values.isfinite().all():
        raise ValueError(f"{len(values)} values; give one or more, all of them finite")
    n = len(values)
    law = torch.special.ndtr(values.double().sort().values)
    steps = torch.arange(n + 1, device=law.device).double() / n
    gap = float(torch.maximum(steps[1:] - law, law - steps[:-1]).max())
    return float(kolmogorov(gap * n**0.5))
