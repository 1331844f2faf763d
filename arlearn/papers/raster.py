"""Raster next-token prediction over image tokens: the baseline most papers of the course meet.

Tokens: any grid of indices. Plan: raster. Head: categorical. As in VQGAN (Esser et al. 2021,
arXiv 2012.09841) and LlamaGen (Sun et al. 2024, arXiv 2406.06525); chapters/03_next_x/18_var.py
sets it beside next-scale prediction.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.heads.categorical import Categorical
from arlearn.nets.plan_model import PlanModel
from arlearn.nets.transformer import Transformer
from arlearn.plans import blocks


class Raster(PlanModel):
    """Each token is predicted from all tokens before it, row by row.

    The first position is fed the class and a learned start vector, position t > 0 the token before
    it; every position adds its place's learned vector. The class also modulates every block.

    Args:
        side: the grid has side x side positions.
        vocab: size of the codebook.
        block: tokens predicted at once, each from the token `block` places back; 1 is next-token
            prediction.
    """

    def __init__(
        self,
        side: int,
        vocab: int,
        *,
        width: int,
        depth: int,
        classes: int,
        heads: int | None = None,
        block: int = 1,
    ):
        backbone = Transformer(width, depth, heads, cond_width=width, rotary=0, qk_norm=True)
        plan = blocks(side * side, block)
        super().__init__(plan, backbone, Categorical(width, vocab), classes=classes)
        self.embed = nn.Embedding(vocab, width)
        self.start = nn.Parameter(torch.randn(block, width) * 0.02)
        self.place = nn.Parameter(torch.randn(side * side, width) * 0.02)
        nn.init.normal_(self.embed.weight, std=0.5)

    def inputs(
        self, units: Int[Tensor, "b t"], s: int, cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b n d"]:
        """The class and the start for step 0, else the tokens of the step before."""
        size = len(self.start)
        here = slice(s * size, (s + 1) * size)
        if s == 0:
            return cond[:, None] + self.start + self.place[here]
        return self.embed(units[:, (s - 1) * size : s * size]) + self.place[here]

    def sequence(
        self, units: Int[Tensor, "b t"], cond: Float[Tensor, "b e"] | None
    ) -> Float[Tensor, "b t d"]:
        """All steps' inputs in one look-up: the tokens, one block to the right."""
        size = len(self.start)
        before = self.embed(units[:, :-size]) + self.place[size:]
        return torch.cat([self.inputs(units, 0, cond), before], dim=1)
