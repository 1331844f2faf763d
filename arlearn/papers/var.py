"""VAR, next-scale prediction (Tian et al. 2024, arXiv 2404.02905); chapters/03_next_x/18_var.py.

Tokens: a multi-scale residual code. Plan: scales, coarse to fine. Head: categorical. The twist: the
unit of prediction is a whole token map, and each scale is fed the picture so far at its own size.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from arlearn.heads.categorical import Categorical
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.transformer import Transformer
from arlearn.plans import scales
from arlearn.tokens.multiscale import MultiScaleQuantizer


class VAR(PlanModel):
    """P(r_1 … r_K | c) = Π_k P(r_k | r_1 … r_{k-1}, c), the tokens of a scale independent.

    Scale 1 is fed the class and a learned start vector. Scale k > 1 is fed area_down(f̂_{k-1}, s_k),
    the *accumulated* reconstruction of all coarser scales at its own size, so no shift is needed:
    position p of scale k predicts r_k[p]. Every position adds its place's and its scale's vector.

    Args:
        quantizer: the frozen multi-scale quantizer whose tokens are modelled; its codebook and
            filters build the inputs and are stored with the weights.
        width, depth, heads: of the transformer (adaLN from the class, normalised queries and keys,
            learned places instead of rotary ones, as in the paper).
    """

    def __init__(
        self,
        quantizer: MultiScaleQuantizer,
        *,
        width: int,
        depth: int,
        classes: int,
        heads: int | None = None,
    ):
        backbone = Transformer(width, depth, heads, cond_width=width, rotary=0, qk_norm=True)
        plan = scales(quantizer.sides)
        super().__init__(plan, backbone, Categorical(width, quantizer.size), classes=classes)
        self.quantizer = quantizer.requires_grad_(False)
        self.sides = tuple(quantizer.sides)
        self.project = nn.Linear(quantizer.width, width)
        self.start = nn.Parameter(torch.randn(1, width) * 0.02)
        self.place = nn.Parameter(torch.randn(len(plan), width) * 0.02)
        self.level = nn.Parameter(torch.randn(len(self.sides), width) * 0.02)

    def train(self, mode: bool = True) -> "VAR":
        """Training mode for everything but the quantizer, whose codebook must not move."""
        super().train(mode)
        self.quantizer.eval()
        return self

    def inputs(
        self, units: Int[Tensor, "b t"], s: int, cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b n d"]:
        """The class for the first scale, else the picture so far at the size of scale s."""
        if s == 0:
            return cond[:, None] + self.start + self._where(0)
        picture = self.quantizer.picture(units, upto=s)
        return self.project(self.quantizer.next_input(picture, s)) + self._where(s)

    def sequence(
        self, units: Int[Tensor, "b t"], cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b t d"]:
        """All scales' inputs, adding one scale to the picture at a time."""
        parts, picture = [self.inputs(units, 0, cond)], self.quantizer.picture(units, upto=0)
        for s, tokens in enumerate(self.quantizer.split(units)[:-1], start=1):
            picture = self.quantizer.add(picture, tokens, s - 1)
            parts.append(self.project(self.quantizer.next_input(picture, s)) + self._where(s))
        return torch.cat(parts, dim=1)

    def _where(self, s: int) -> Float[Tensor, "n d"]:
        begin = sum(side * side for side in self.sides[:s])
        return self.place[begin : begin + self.sides[s] ** 2] + self.level[s]


def known_units(
    keep: Bool[Tensor, "h w"] | Bool[Tensor, "b h w"], sides: tuple[int, ...]
) -> Bool[Tensor, "t"] | Bool[Tensor, "b t"]:
    """Which units of every scale a kept region covers by more than half (zero-shot editing).

    Pass the result as `known=` to `decode.generate`, with the tokens of the given picture as
    `given=`: after each scale, kept tokens replace drawn ones, and finer scales see them. A single
    side gives the kept units of a raster model.

    Raises:
        ValueError: the region is smaller than a scale.
    """
    if keep.shape[-1] < max(sides):
        raise ValueError(f"a region of side {keep.shape[-1]} cannot mask a grid of {max(sides)}")
    share = keep.float()[None] if keep.ndim == 2 else keep.float()[:, None]
    covered = [
        F.interpolate(share.view(-1, 1, *keep.shape[-2:]), size=(s, s), mode="area") > 0.5
        for s in sides
    ]
    units = torch.cat([rearrange(c, "b 1 h w -> b (h w)") for c in covered], dim=1)
    return units[0] if keep.ndim == 2 else units


def attention_pairs(sides: tuple[int, ...]) -> int:
    """Pairs (query, key) of the block-causal mask: Σ_k s_k² Σ_{j ≤ k} s_j²."""
    sizes = torch.tensor([side * side for side in sides])
    return int((sizes * sizes.cumsum(0)).sum())
