"""Two Gaussians that differ in their means: when one's draw may stand for the other's, and what
replaces it where it may not."""

import math

import torch
from jaxtyping import Float
from torch import Generator, Tensor


def log_ratio(
    x: Float[Tensor, "*b c"],
    p: Float[Tensor, "*b c"],
    q: Float[Tensor, "*b c"],
    sigma: float,
) -> Float[Tensor, "*b"]:
    """log N(x; p, σ²) - log N(x; q, σ²) = (|x - q|² - |x - p|²) / 2σ², without the densities.

    Raises:
        ValueError: a deviation that is not above 0: without noise there is no density to compare.
    """
    _noisy(sigma)
    return ((x - q).square().sum(-1) - (x - p).square().sum(-1)) / (2 * sigma**2)


def overlap(
    p: Float[Tensor, "*b c"], q: Float[Tensor, "*b c"], sigma: float
) -> Float[Tensor, "*b"]:
    """∫ min(N(p, σ²), N(q, σ²)) = 2Φ(-|p - q| / 2σ): the chance that a draft of q stands for p.

    Raises:
        ValueError: a deviation that is not above 0.
    """
    _noisy(sigma)
    return torch.special.erfc((p - q).norm(dim=-1) / (2 * math.sqrt(2) * sigma))


def reflect(
    x: Float[Tensor, "*b c"], p: Float[Tensor, "*b c"], q: Float[Tensor, "*b c"]
) -> Float[Tensor, "*b c"]:
    """A draw of norm([N(p, σ²) - N(q, σ²)]₊) out of a draft x of q that fell: its mirror image.

    y = p + (1 - 2eeᵀ)(x - q) with e = (p - q)/|p - q|, the reflection at the plane in the middle
    between the means. It carries q's density onto p's, so the share of q's draws that falls is
    carried onto what p lacks: exact in one shot, for any σ that both have in common. The reflection
    coupling of two Gaussians, as in Bou-Rabee et al. 2020 (arXiv 1805.00452), section 2.
    """
    apart = p - q
    e = apart / apart.norm(dim=-1, keepdim=True).clamp_min(1e-30)
    away = x - q
    return p + away - 2 * e * (e * away).sum(-1, keepdim=True)


def propose(
    p: Float[Tensor, "n c"],
    q: Float[Tensor, "n c"],
    sigma: float,
    *,
    most: int = 100,
    generator: Generator | None = None,
) -> tuple[Float[Tensor, "n c"], Tensor]:
    """Draws of norm([N(p, σ²) - N(q, σ²)]₊) by proposals from p, and how many each took.

    y ~ N(p, σ²) is taken with probability max(0, 1 - q(y)/p(y)). Where p and q are close this may
    take long, so after `most` proposals a row is given up (NaN) and its count is most + 1: what
    stands in for it is the caller's to say, and zeros or the last proposal would be a bias.

    Raises:
        ValueError: a deviation that is not above 0, or fewer than 1 proposal.

    Source: CSpD (Wang et al. 2024, arXiv 2411.11925), acceptance-rejection sampling, S = 1.
    """
    if most < 1:
        raise ValueError(f"at least 1 proposal is needed, not most={most}")
    found, open_ = torch.full_like(p, math.nan), torch.arange(len(p), device=p.device)
    tries = torch.full_like(open_, most + 1)
    for k in range(1, most + 1):
        if not len(open_):
            break
        y = p[open_] + sigma * _normal(p[open_], generator)
        keep = -torch.expm1(-log_ratio(y, p[open_], q[open_], sigma))
        chance = torch.rand(len(open_), generator=generator, device=p.device)
        took = chance < keep
        found[open_[took]], tries[open_[took]] = y[took], k
        open_ = open_[~took]
    return found, tries


def _normal(like: Tensor, generator: Generator | None) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


def _noisy(sigma: float) -> None:
    if not sigma > 0:
        raise ValueError(
            f"deviation {sigma} leaves no density to compare; give the last step some noise, "
            "as DiffusionHead(last=0.25)"
        )
