"""How much of the data samples reach: the part of quality that a classifier does not see."""

import torch
from jaxtyping import Float
from torch import Tensor


def coverage(real: Float[Tensor, "n d"], samples: Float[Tensor, "m e"], k: int = 5) -> float:
    """The share of real points with a sample no farther away than their k-th real neighbour.

    1 means that every part of the data is reached, and bad samples elsewhere do not help; m samples
    of the data's own law reach about 1 - (1 + m/n)^-k of it, so compare at equal numbers.

    Args:
        real: features, one row a picture.
        samples: features of the samples, of the same size.

    Raises:
        ValueError: features of another size, no sample, or not more than k real points.

    Source: Naeem et al. 2020 (arXiv 2002.09797), equation 5.
    """
    if real.shape[1] != samples.shape[1] or not len(samples):
        raise ValueError(
            f"{len(samples)} samples of size {samples.shape[1]} against features of size "
            f"{real.shape[1]}; take at least one, from the same layer"
        )
    if not 0 < k < len(real):
        raise ValueError(f"{len(real)} real points have no {k}-th neighbours; choose 0 < k < n")
    # the nearest of all is the point itself
    radius = torch.cdist(real, real).kthvalue(k + 1, dim=1).values
    nearest = torch.cdist(real, samples).min(1).values
    return float((nearest <= radius).float().mean())
