"""The Fréchet distance between two sets of features, as in FID."""

import torch
from jaxtyping import Float
from torch import Tensor


def frechet(a: Float[Tensor, "n d"], b: Float[Tensor, "m e"]) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets of features.

    |μ_a - μ_b|² + tr(Σ_a + Σ_b - 2 (Σ_a^½ Σ_b Σ_a^½)^½), computed in float64. Zero for equal
    sets; two sets drawn from one law stay above zero, by the order of d²/n times the variance of a
    feature, so compare only at equal n and show the distance between two halves of the real data.

    Args:
        a: features of one set, one row a sample (any network's; the distance is only as good).
        b: features of the other set, of the same size.

    Raises:
        ValueError: fewer than 2 samples, features that differ in size, or a value not finite.

    Source: Heusel et al. 2017 (arXiv 1706.08500), equation 6; Dowson & Landau 1982.
    """
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"features of size {a.shape[1]} against size {b.shape[1]}; "
            "take both from the same layer of the same network"
        )
    mean_a, root_a = _moments(a, "a")
    mean_b, root_b = _moments(b, "b")
    # tr (Σ_a^½ Σ_b Σ_a^½)^½ is the sum of the singular values of Σ_a^½ Σ_b^½: no root of a root.
    overlap = torch.linalg.svdvals(root_a @ root_b).sum()
    apart = (mean_a - mean_b).square().sum()
    distance = apart + root_a.square().sum() + root_b.square().sum() - 2 * overlap
    return max(float(distance), 0.0)


def _moments(x: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The mean and the symmetric root of the covariance (its squared norm is the trace)."""
    if len(x) < 2:
        raise ValueError(f"{name} holds {len(x)} sample(s); a covariance needs at least 2")
    x = x.detach().double()
    if not x.isfinite().all():
        raise ValueError(f"{name} holds a feature that is not finite; look at the samples first")
    values, vectors = torch.linalg.eigh(torch.cov(x.T).reshape(x.shape[1], x.shape[1]))
    # Rounding can leave an eigenvalue of a covariance slightly below zero.
    return x.mean(0), (vectors * values.clamp(min=0).sqrt()) @ vectors.T
