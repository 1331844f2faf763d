"""Time in a forward process, from 0 (clean) to 1 (nothing left), and how fast the signal goes."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

Time = float | Float[Tensor, "..."]  # one for all, per sample, or per sample and position (`along`)


@runtime_checkable
class Schedule(Protocol):
    """The share of units (or of signal) that is left at time t: alpha(0) = 1, alpha(1) = 0."""

    def alpha(self, t: Tensor) -> Tensor:
        """What is left at time t."""

    def slope(self, t: Tensor) -> Tensor:
        """Its derivative, at most 0."""


@dataclass(frozen=True)
class Linear:
    """alpha(t) = 1 - t: equally many units are lost in equal times."""

    def alpha(self, t: Tensor) -> Tensor:
        """1 - t."""
        return 1 - t

    def slope(self, t: Tensor) -> Tensor:
        """-1."""
        return -torch.ones_like(t)


@dataclass(frozen=True)
class Cosine:
    """alpha(t) = 1 - sin(πt/2): read backwards, few units are decided early and many late.

    Source: Chang et al. 2022 (MaskGIT, arXiv 2202.04200), section 3.3.
    """

    def alpha(self, t: Tensor) -> Tensor:
        """1 - sin(πt/2)."""
        return 1 - torch.sin(t * (math.pi / 2))

    def slope(self, t: Tensor) -> Tensor:
        """-(π/2) cos(πt/2)."""
        return -(math.pi / 2) * torch.cos(t * (math.pi / 2))


def along(t: Time, x: Tensor) -> Tensor:
    """`t` as a tensor that multiplies `x`: its axes are x's first ones, a number is for all.

    Raises:
        ValueError: a time outside 0..1, or one whose axes are not the first ones of x.
    """
    t = torch.as_tensor(t, dtype=torch.float32)
    if not ((t >= 0) & (t <= 1)).all():
        raise ValueError(f"times run from 0 (clean) to 1 (noise); got {t.min()} to {t.max()}")
    if t.shape != x.shape[: t.ndim]:
        raise ValueError(
            f"times of shape {tuple(t.shape)} do not fit units of shape {tuple(x.shape)}; "
            "give one per sample, one per sample and position, or one number"
        )
    return t.to(x.device).view(*t.shape, *[1] * (x.ndim - t.ndim))


def draw_times(
    n: int,
    *,
    stratified: bool = True,
    generator: Generator | None = None,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "{n}"]:
    """`n` times, each uniform on (0, 1].

    Stratified, one falls in each n-th of the interval, in random order: every one alone is still
    uniform, so means over the batch keep their expectation and lose variance.

    Source: Kingma et al. 2021 (arXiv 2107.00630), appendix I.1.
    """
    if not stratified:
        return 1 - torch.rand(n, generator=generator, device=device)
    first = torch.rand(1, generator=generator, device=device)
    order = torch.randperm(n, generator=generator, device=device)
    return 1 - (first + order / max(n, 1)) % 1


def in_order(t: float, s: float) -> None:
    """Refuse a reverse step that does not go towards the clean end.

    Raises:
        ValueError: unless 0 <= s < t <= 1.
    """
    if not 0 <= s < t <= 1:
        raise ValueError(f"a reverse step goes from t down to s with 0 <= s < t <= 1; got {t}, {s}")
