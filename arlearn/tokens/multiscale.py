"""VAR's tokenizer: a picture as a pyramid of token maps, each correcting all coarser ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.codebook import Codebook
from arlearn.tokens.codes import straight_through


@dataclass(frozen=True)
class MultiScale:
    """A feature map after multi-scale residual quantization.

    Attributes:
        fhat: the sum of all scales, with the gradient of the input (straight-through).
        indices: all token maps, each row by row, coarse to fine.
        loss: mean over the scales of the codebook and commitment losses.
        partial: the sum of the first 1, 2, … scales, without gradient.
    """

    fhat: Float[Tensor, "b c h h"]
    indices: Int[Tensor, "b l"]
    loss: Float[Tensor, ""]
    partial: Float[Tensor, "s b c h h"]


class Scale(NamedTuple):
    """One scale of the pyramid: what it saw, what it chose, and what remains."""

    seen: Float[Tensor, "b c s s"]
    indices: Int[Tensor, "b s*s"]
    fhat: Float[Tensor, "b c h h"]
    rest: Float[Tensor, "b c h h"]


class Phi(nn.Conv2d):
    """0.5 h + 0.5 conv3x3(h): repairs what up-sampling blurs."""

    def __init__(self, width: int):
        super().__init__(width, width, 3, padding=1)

    def forward(self, h: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return 0.5 * h + 0.5 * super().forward(h)


class MultiScaleQuantizer(nn.Module):
    """Multi-scale residual VQ (Tian et al. 2024, arXiv 2404.02905, algorithms 1 and 2).

    With rest = f and fhat = 0, scale k of side s_k does
        r_k = nearest code of area_down(rest, s_k)
        h   = phi_k(bicubic_up(codebook[r_k]))
        fhat <- fhat + h,   rest <- rest - h
    One codebook serves all scales. The last scale has the map's own size: nothing is resized.

    Loss: mean over k of mse(fhat_k, sg(f)) + commitment * mse(sg(fhat_k), f): every partial sum is
    asked to be a good reconstruction. The first term reaches the phis, and the codebook where it
    learns by gradient; the second reaches the encoder.

    Args:
        size: number of codes.
        width: channels of a vector.
        sides: side of each scale, growing; the last is the side of the feature map.
        phis: convolutions shared by neighbouring scales (at most one per scale is used).
        method: how the codebook learns, "ema" or "gradient".
        commitment: weight of the encoder's part.
        decay: of the moving averages.
        revive: restart codes that nearly nobody chooses at vectors of the batch.

    Raises:
        ValueError: the sides do not grow, or a size is out of range.
    """

    def __init__(
        self,
        size: int,
        width: int,
        sides: list[int],
        *,
        phis: int = 4,
        method: str = "ema",
        commitment: float = 0.25,
        decay: float = 0.99,
        revive: bool = True,
    ):
        super().__init__()
        if not sides or min(sides) < 1 or sorted(set(sides)) != list(sides):
            raise ValueError(f"scale sides must grow, like [1, 2, 4, 8]; got {list(sides)}")
        if phis < 1:
            raise ValueError(f"phis counts shared convolutions and must be at least 1, not {phis}")
        self.codebook = Codebook(size, width, method=method, decay=decay, revive=revive)
        self.phis = nn.ModuleList(Phi(width) for _ in range(phis))
        self.size, self.width, self.commitment = size, width, commitment
        self.sides, self.side = list(sides), sides[-1]
        self.lengths = [side * side for side in sides]
        self.length = sum(self.lengths)

    def forward(self, f: Float[Tensor, "b c h h"]) -> MultiScale:
        """Quantize a feature map; in training the codebook learns from this batch as well.

        Raises:
            ValueError: the map has another size than the last scale, or other channels.
        """
        f = f.float()
        with torch.autocast(f.device.type, enabled=False):
            scales = list(self.peel(f))
            target = f.detach()
            loss = torch.stack([
                F.mse_loss(scale.fhat, target)
                + self.commitment * F.mse_loss(scale.fhat.detach(), f)
                for scale in scales
            ]).mean()  # fmt: skip
        indices = torch.cat([scale.indices for scale in scales], dim=1)
        if self.training:
            seen = torch.cat([scale.seen.flatten(2) for scale in scales], dim=2)
            self.codebook.observe(seen.transpose(1, 2).flatten(0, 1), indices.flatten())
        return MultiScale(
            fhat=straight_through(f, scales[-1].fhat),
            indices=indices,
            loss=loss,
            partial=torch.stack([scale.fhat.detach() for scale in scales]),
        )

    def peel(self, f: Float[Tensor, "b c h h"]) -> Iterator[Scale]:
        """The scales one after the other, each taking its part off the rest.

        Raises:
            ValueError: the map has another size than the last scale, or other channels.
        """
        wanted = (self.width, self.side, self.side)
        if tuple(f.shape[1:]) != wanted:
            raise ValueError(
                f"these scales take feature maps of {wanted} (channels, height, width), "
                f"not {tuple(f.shape[1:])}; the last side must be the encoder's grid"
            )
        rest, fhat = f.detach(), torch.zeros_like(f)
        for k, side in enumerate(self.sides):
            seen = self.down(rest, side)
            indices = self.codebook.nearest(seen.permute(0, 2, 3, 1)).flatten(1)
            h = self.part(indices, k)
            fhat, rest = fhat + h, rest - h.detach()
            yield Scale(seen, indices, fhat, rest)

    @torch.no_grad()
    def encode(self, f: Float[Tensor, "b c h h"]) -> Int[Tensor, "b l"]:
        """All token maps of a feature map, coarse to fine; nothing is learned.

        Raises:
            ValueError: the map has another size than the last scale, or other channels.
        """
        with torch.autocast(f.device.type, enabled=False):
            return torch.cat([scale.indices for scale in self.peel(f.float())], dim=1)

    def part(self, indices: Int[Tensor, "b n"], k: int) -> Float[Tensor, "b c h h"]:
        """What scale k adds at full resolution: phi_k(bicubic_up(codebook[indices])).

        Raises:
            ValueError: scale k has another number of tokens.
            IndexError: a code is outside the vocabulary.
        """
        if indices.shape[1] != self.lengths[k]:
            raise ValueError(
                f"scale {k} has {self.lengths[k]} tokens, not {indices.shape[1]}; "
                f"the sides are {self.sides}"
            )
        side = self.sides[k]
        h = self.codebook.lookup(indices).transpose(1, 2).unflatten(2, (side, side)).contiguous()
        with torch.autocast(h.device.type, enabled=False):
            if side != self.side:
                h = F.interpolate(h, size=(self.side, self.side), mode="bicubic")
            return self.phi(k)(h)

    def add(
        self, fhat: Float[Tensor, "b c h h"], indices: Int[Tensor, "b n"], k: int
    ) -> Float[Tensor, "b c h h"]:
        """The picture so far with scale k on top; what a sampler does after drawing a scale.

        Raises:
            ValueError: scale k has another number of tokens.
        """
        return fhat + self.part(indices, k)

    def picture(
        self, indices: Int[Tensor, "b n"], upto: int | None = None
    ) -> Float[Tensor, "b c h h"]:
        """fhat after the first `upto` scales (None: all), from the tokens of at least those.

        Raises:
            ValueError: there are fewer tokens than these scales have, or no such scale.
        """
        upto = len(self.sides) if upto is None else upto
        if not 0 <= upto <= len(self.sides):
            raise ValueError(f"upto {upto} is no number of scales; there are {len(self.sides)}")
        if indices.shape[1] < sum(self.lengths[:upto]):
            raise ValueError(
                f"the first {upto} scales have {sum(self.lengths[:upto])} tokens, "
                f"but only {indices.shape[1]} are given"
            )
        fhat = self.codebook.codes.new_zeros(len(indices), self.width, self.side, self.side)
        for k, tokens in enumerate(self.split(indices)[:upto]):
            fhat = self.add(fhat, tokens, k)
        return fhat

    def next_input(self, fhat: Float[Tensor, "b c h h"], k: int) -> Float[Tensor, "b n c"]:
        """What scale k is fed: the picture so far at its own size, one vector per token."""
        return self.down(fhat, self.sides[k]).flatten(2).transpose(1, 2)

    def split(self, indices: Int[Tensor, "b n"]) -> list[Int[Tensor, "b _"]]:
        """Tokens cut into scales; a sequence that ends early gives fewer or shorter ones."""
        ends = torch.tensor(self.lengths).cumsum(0).tolist()
        starts = [0, *ends[:-1]]
        return [indices[:, a:b] for a, b in zip(starts, ends, strict=True) if a < indices.shape[1]]

    def phi(self, k: int) -> Phi:
        """The convolution of scale k, the same in encoding, decoding, and building inputs."""
        return self.phis[nearest_tick(k, len(self.sides), len(self.phis))]

    def down(self, x: Float[Tensor, "b c h h"], side: int) -> Float[Tensor, "b c s s"]:
        """The mean over areas; bicubic is for the way up only, mixing them breaks the pyramid."""
        return x if side == self.side else F.interpolate(x, size=(side, side), mode="area")

    def usage(self) -> float:
        """Share of the codes in use, by their moving counts."""
        return self.codebook.usage()


def nearest_tick(k: int, scales: int, phis: int) -> int:
    """Which of `phis` ticks, spread evenly from 1/(3n) to 1 - 1/(3n), is nearest to k / (K - 1).

    In fractions: the paper's ten scales and four phis have a tie at 2/9, which floats would decide
    differently from machine to machine.
    """
    at = Fraction(k, max(scales - 1, 1))
    gap = Fraction(3 * phis - 2, 3 * phis * max(phis - 1, 1))
    return min(range(phis), key=lambda j: abs(Fraction(1, 3 * phis) + j * gap - at))
