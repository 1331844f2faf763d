"""Vectors to indices and back: a learned codebook, and the two quantizers that need none."""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.codebook import Codebook
from arlearn.tokens.codes import Quantized, straight_through
from arlearn.tokens.scalar import FSQ, LFQ

__all__ = ["FSQ", "LFQ", "Quantized", "VectorQuantizer"]


class VectorQuantizer(nn.Module):
    """Each vector becomes the nearest of `size` codes (VQ-VAE, van den Oord et al. 2017).

    Loss: commitment * ||z - sg(e)||², and ||sg(z) - e||² as well where the codebook learns by
    gradient; with `ema` it follows moving averages instead. sg stops the gradient.

    Args:
        size: number of codes.
        width: channels of a vector.
        method: how the codebook learns, "ema" or "gradient".
        commitment: weight of the encoder's part.
        decay: of the moving averages.
        revive: restart codes that nearly nobody chooses at vectors of the batch.
        floor: how much of an even share counts as nearly nobody.

    Raises:
        ValueError: a size or `decay` is out of range, or `method` unknown.
    """

    def __init__(
        self,
        size: int,
        width: int,
        *,
        method: str = "ema",
        commitment: float = 0.25,
        decay: float = 0.99,
        revive: bool = True,
        floor: float = 0.1,
    ):
        super().__init__()
        self.codebook = Codebook(
            size, width, method=method, decay=decay, revive=revive, floor=floor
        )
        self.size, self.width, self.commitment = size, width, commitment

    def forward(self, z: Float[Tensor, "b t c"]) -> Quantized:
        """Nearest codes; in training the codebook learns from this batch as well.

        Raises:
            ValueError: vectors of another width.
        """
        z = z.float()
        indices = self.codebook.nearest(z)
        codes = self.codebook.lookup(indices)
        loss = self.commitment * F.mse_loss(z, codes.detach())
        if self.codebook.method == "gradient":
            loss = loss + F.mse_loss(codes, z.detach())
        if self.training:
            self.codebook.observe(z.flatten(0, 1), indices.flatten())
        return Quantized(straight_through(z, codes), indices, loss)

    def encode(self, z: Float[Tensor, "b t c"]) -> Int[Tensor, "b t"]:
        """The nearest codes; nothing is learned."""
        return self.codebook.nearest(z)

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The vectors of given codes.

        Raises:
            IndexError: a code is outside the vocabulary.
        """
        return self.codebook.lookup(indices)

    def usage(self) -> float:
        """Share of the codes in use, by their moving counts."""
        return self.codebook.usage()
