"""Residual quantization: each code says what the codes before it have left over."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.codes import straight_through
from arlearn.tokens.quantize import VectorQuantizer


class ResidualQuantizer(nn.Module):
    """A vector as `levels` codes: r_1 = z, i_j = argmin ||r_j - e_i||, r_(j+1) = r_j - e_(i_j).

    The sum of the codes stands for the vector. Level after level the rest gets smaller, so early
    codes matter more. Each level has a codebook of its own, which follows moving averages.

    Args:
        levels: codes of one vector.
        size: codes of one level.
        width: channels of a vector.
        decay: of the codebooks' moving averages; what a level is left with changes with the levels
            before it, so they are shorter than a single codebook's.

    Raises:
        ValueError: fewer than one level, or a codebook `VectorQuantizer` refuses.

    Source: SoundStream (Zeghidour et al. 2021, arXiv 2107.03312), algorithm 1.
    """

    def __init__(self, levels: int, size: int, width: int, *, decay: float = 0.97):
        super().__init__()
        if levels < 1:
            raise ValueError(f"a residual quantizer needs 1 level or more, not {levels}")
        self.levels, self.size, self.width = levels, size, width
        self.books = nn.ModuleList(VectorQuantizer(size, width, decay=decay) for _ in range(levels))

    def forward(
        self, z: Float[Tensor, "b t c"]
    ) -> tuple[Float[Tensor, "b t c"], Int[Tensor, "b t q"], Float[Tensor, ""]]:
        """The sum of the codes with the gradient of z, the codes, and the commitment's loss.

        In training the codebooks learn from this batch as well.
        """
        rest, indices, loss = z.float(), [], z.new_zeros(())
        for book in self.books:
            found = book(rest)
            rest = rest - book.lookup(found.indices)
            indices.append(found.indices)
            loss = loss + found.loss
        return straight_through(z, z - rest), torch.stack(indices, -1), loss

    @torch.no_grad()
    def encode(self, z: Float[Tensor, "b t c"]) -> Int[Tensor, "b t q"]:
        """The codes of each vector; nothing is learned."""
        rest, indices = z.float(), []
        for book in self.books:
            indices.append(book.encode(rest))
            rest = rest - book.lookup(indices[-1])
        return torch.stack(indices, -1)

    def lookup(self, indices: Int[Tensor, "b t q"]) -> Float[Tensor, "b t c"]:
        """The sum of the codes; fewer levels than there are give a coarser vector.

        Raises:
            IndexError: a code is outside its codebook.
        """
        parts = zip(self.books, indices.unbind(-1), strict=False)
        return torch.stack([book.lookup(codes) for book, codes in parts]).sum(0)
