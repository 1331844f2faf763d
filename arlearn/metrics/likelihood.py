"""Nats in other units: bits, bits per dimension, perplexity."""

import math

import torch
from torch import Tensor


def bits(nats: float | Tensor) -> float | Tensor:
    """Nats as bits: divided by ln 2."""
    return nats / math.log(2)


def nats_per_unit(nats: float | Tensor, units: int) -> float | Tensor:
    """The nats of a whole sample, shared among its units (tokens, characters, positions).

    Raises:
        ValueError: there is no unit to share among.
    """
    return nats / _counted("units", units)


def bits_per_unit(nats: float | Tensor, units: int = 1) -> float | Tensor:
    """Bits per unit of a sample of `units` units that costs `nats` in all.

    With one unit, the default, `nats` are per unit already and only their name changes. For text
    whose units are characters these are bits per character.

    Raises:
        ValueError: there is no unit to share among.
    """
    return bits(nats_per_unit(nats, units))


def bits_per_dimension(
    nats: float | Tensor, dimensions: int, *, bin_width: float = 1.0
) -> float | Tensor:
    """Bits per dimension of a sample of `dimensions` numbers that costs `nats` in all.

    (nats / dimensions - ln bin_width) / ln 2

    Args:
        nats: -log p of the whole sample; a density for continuous data.
        dimensions: numbers in a sample, e.g. height * width * channels.
        bin_width: for a density over data that came in bins (an 8-bit picture scaled to 0..1 has
            bins of 1/256): turns the density into the probability of a bin, which alone can be
            compared with a discrete model's.

    Raises:
        ValueError: `dimensions` or `bin_width` is not positive.

    Source: Theis et al. 2016 (arXiv 1511.01844), section 3.1.
    """
    if not bin_width > 0:
        raise ValueError(f"bin_width {bin_width} must be above 0; 1 means no correction")
    return bits(nats / _counted("dimensions", dimensions) - math.log(bin_width))


def perplexity(nats: float | Tensor) -> float | Tensor:
    """exp(nats) of the mean nats per unit: the size of a uniform law that costs as much."""
    return torch.exp(nats) if isinstance(nats, Tensor) else math.exp(nats)


def _counted(name: str, n: int) -> int:
    if n < 1:
        raise ValueError(f"{name} must be at least 1, not {n}")
    return n
