"""xAR, next-X prediction (Ren et al. 2025, arXiv 2502.20388): what is the unit of prediction?

Tokens: continuous patches. Plan: one unit after the other, where a unit is a patch, a cell of
neighbouring patches, a strided subsample, a scale, or the whole picture. Head: the velocity of
every position, with the time of its own unit (`nets.FlowPlan`). The twist is in what earlier units
look like in training: as noisy as they are trained on themselves. See chapters/03_next_x/02_xar.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from arlearn import plans
from arlearn.metrics.frechet import frechet
from arlearn.nets.flow_plan import FlowPlan
from arlearn.nets.transformer import grid
from arlearn.plans import Plan

UNITS = ("patch", "cell", "subsample", "scale", "whole")


def plan(unit: str, side: int, size: int = 2) -> Plan:
    """The plan of a unit of prediction on a grid of side x side patches.

    Cells are `size` patches wide, a subsample takes every `size`-th patch; so both draw equally
    many patches at once where size² = side. Scales double from 1 up to `side`.

    Raises:
        ValueError: an unknown unit, or a size that does not divide the grid.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is unknown; choose one of {', '.join(UNITS)}")
    return {
        "patch": lambda: plans.raster(side * side),
        "cell": lambda: plans.cells(side, side, size),
        "subsample": lambda: plans.subsamples(side, side, size),
        "scale": lambda: plans.scales(pyramid(side)),
        "whole": lambda: plans.whole(side * side),
    }[unit]()


def pyramid(side: int) -> list[int]:
    """1, 2, 4, … up to the side of the grid.

    Raises:
        ValueError: the side is no power of 2.
    """
    if side < 1 or side & (side - 1):
        raise ValueError(f"a pyramid doubles from 1; a grid of side {side} is none of 1, 2, 4, 8 …")
    return [1 << k for k in range(side.bit_length())]


@dataclass(frozen=True)
class Patches:
    """Pictures as vectors of about unit variance, one for each patch, and back: nothing is lost.

    This stands where the paper has a frozen autoencoder, whose latents it multiplies by a constant.

    Attributes:
        size: pixels along a side of a patch.
        side: patches along a side of the picture.
        mean: of the pixels, subtracted.
        deviations: what each scale is divided by, coarse to fine; the last one is the grid's own.
            One alone: no pyramid.
    """

    size: int
    side: int
    mean: float
    deviations: tuple[float, ...]

    @classmethod
    def of(cls, images: Float[Tensor, "n c h w"], size: int, *, scales: bool = False) -> "Patches":
        """Patches for pictures like these.

        Raises:
            ValueError: patches that do not tile the pictures.
        """
        h, w = images.shape[-2:]
        if h != w or size < 1 or h % size:
            raise ValueError(f"patches of {size} pixels do not tile {h} x {w} pictures")
        plain = cls(size, h // size, float(images.mean()), (1.0,))
        sides = pyramid(plain.side) if scales else [plain.side]
        means = [F.adaptive_avg_pool2d(plain._cut(images), side) for side in sides]
        return cls(size, plain.side, plain.mean, tuple(float(m.std()) for m in means))

    @property
    def sides(self) -> list[int]:
        """Of the scales, the grid's alone where there is no pyramid."""
        return pyramid(self.side) if len(self.deviations) > 1 else [self.side]

    def encode(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n t p"]:
        """Vectors of all patches, row by row; behind all coarser scales where there are scales."""
        cut, parts = self._cut(images), []
        for side, deviation in zip(self.sides, self.deviations, strict=True):
            scale = F.adaptive_avg_pool2d(cut, side) / deviation
            parts.append(rearrange(scale, "n p h w -> n (h w) p"))
        return torch.cat(parts, 1)

    def decode(
        self, units: Float[Tensor, "n t p"], upto: int | None = None
    ) -> Float[Tensor, "n c h w"]:
        """The pictures; of a pyramid its finest scale, or the scale number `upto`, enlarged."""
        last = len(self.sides) if upto is None else upto
        begin = sum(side * side for side in self.sides[: last - 1])
        side = self.sides[last - 1]
        cut = rearrange(units[:, begin : begin + side * side], "n (h w) p -> n p h w", h=side)
        whole = F.interpolate(cut * self.deviations[last - 1], size=(self.side, self.side))
        return F.pixel_shuffle(whole, self.size) + self.mean

    def _cut(self, images: Tensor) -> Float[Tensor, "n p h w"]:
        return F.pixel_unshuffle(images - self.mean, self.size)


def xar(
    unit: str,
    patches: Patches,
    *,
    width: int,
    depth: int,
    classes: int,
    size: int = 2,
    channels: int = 1,
    context: str = "noisy",
) -> FlowPlan:
    """An untrained model of one unit; units differ in the plan and in nothing else.

    Raises:
        ValueError: what `plan` refuses, or patches whose pyramid the unit does not have.
    """
    order = plan(unit, patches.side, size)
    if (unit == "scale") != (len(patches.sides) > 1):
        raise ValueError(f"a {unit} wants Patches.of(…, scales={unit == 'scale'})")
    return FlowPlan(
        order,
        channels * patches.size**2,
        width=width,
        depth=depth,
        classes=classes,
        positions=places(patches.sides),
        context=context,
    )


def places(sides: Sequence[int]) -> Float[Tensor, "t 2"]:
    """Row and column of every position; coarse scales lie over the finest grid."""
    return torch.cat([grid(side, stretch=sides[-1] / side) for side in sides])


def unit_distances(
    order: Plan, drawn: Float[Tensor, "n t p"], real: Float[Tensor, "m t p"]
) -> list[float]:
    """Fréchet distance of each unit's vectors alone, in the order of the chain.

    So drift shows where the distance grows: against the same model's, given true earlier units.
    """
    return [frechet(drawn[:, here].flatten(1), real[:, here].flatten(1)) for here in order.groups()]
