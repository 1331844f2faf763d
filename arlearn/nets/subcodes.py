"""What a network is fed where one unit is a code made of several sub-codes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.binary import bits_each, split


class SubCodeEmbedding(nn.Module):
    """proj([T_1[c_1]; …; T_m[c_m]]): a table per sub-code, put side by side, one linear layer.

    Args:
        bits: D, of a whole code.
        parts: m, number of sub-codes; each table has 2^(D/m) rows of `width`.
        width: d, of the result.

    Raises:
        ValueError: the parts do not divide the bits.
    """

    def __init__(self, bits: int, parts: int, width: int):
        super().__init__()
        self.bits, self.parts, rows = bits, parts, 2 ** bits_each(bits, parts)
        self.tables = nn.ModuleList(nn.Embedding(rows, width) for _ in range(parts))
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.5)
        self.project = nn.Linear(parts * width, width)

    def forward(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b t d"]:
        """One vector per code."""
        subcodes = split(units, self.parts, self.bits).unbind(-1)
        return self.project(
            torch.cat([T(c) for T, c in zip(self.tables, subcodes, strict=True)], -1)
        )
