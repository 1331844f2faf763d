"""Quantizers without a learned codebook: every channel is rounded on its own."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.codes import Quantized, check_width, inside, straight_through


class FSQ(nn.Module):
    """Finite scalar quantization (Mentzer et al. 2023, arXiv 2309.15505).

    Channel i is squashed to `levels[i]` values and rounded; the vocabulary is their product, and
    nothing has to be learned or kept alive. The code of a vector is a number in mixed radix, first
    channel most significant.

    Raises:
        ValueError: a channel with fewer than 3 levels.
    """

    def __init__(self, levels: list[int]):
        super().__init__()
        if not levels or min(levels) < 3:
            raise ValueError(
                f"every channel of FSQ needs 3 levels or more, not {list(levels)}; "
                "two levels are one bit, for which there is LFQ"
            )
        self.levels, self.width, self.size = list(levels), len(levels), math.prod(levels)
        radix = [math.prod(levels[i + 1 :]) for i in range(len(levels))]
        self.register_buffer("count", torch.tensor(levels), persistent=False)
        self.register_buffer("radix", torch.tensor(radix), persistent=False)

    def forward(self, z: Float[Tensor, "b t c"]) -> Quantized:
        """Round every channel; the vectors lie in -1..1, the loss is 0.

        Raises:
            ValueError: as many channels as levels are needed.
        """
        check_width(z, self.width)
        bounded = self.bound(z.float())
        level = straight_through(bounded, bounded.round()) + self.count // 2
        vectors = level / (self.count // 2) - 1
        return Quantized(vectors, self.index(vectors), z.new_zeros(()))

    def encode(self, z: Float[Tensor, "b t c"]) -> Int[Tensor, "b t"]:
        """The code of each vector."""
        return self(z).indices

    def bound(self, z: Float[Tensor, "*n c"]) -> Float[Tensor, "*n c"]:
        """tanh to the range whose rounding has `levels[i]` values, -⌊L/2⌋ .. ⌈L/2⌉ - 1."""
        half = (self.count - 1) / 2 + 1e-3  # a little wider, or the outer values are out of reach
        offset = torch.where(self.count % 2 == 0, 0.5, 0.0)
        return torch.tanh(z + torch.atanh(offset / half)) * half - offset

    @torch.no_grad()
    def index(self, vectors: Float[Tensor, "*n c"]) -> Int[Tensor, "*n"]:
        """The code of each quantized vector; undoes `lookup`."""
        level = ((vectors + 1) * (self.count // 2)).round().long()
        return (level * self.radix).sum(-1)

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The quantized vector of each code; undoes `index`.

        Raises:
            IndexError: a code is outside the vocabulary.
        """
        level = inside(indices, self.size)[..., None] // self.radix % self.count
        return level / (self.count // 2) - 1


class LFQ(nn.Module):
    """Lookup-free quantization (Yu et al. 2023, arXiv 2310.05737): each channel's sign is one bit.

    The vocabulary is 2^bits, the code the bits as a number, first channel most significant. The
    entropy term E[H(q)] - H(E[q]) asks for bits that are sure of themselves and balanced over the
    batch, with q(bit = 1 | z) = sigmoid(4 z / temperature); the second entropy is taken bit by bit
    (Zhao et al. 2024, arXiv 2406.07548), which bounds the joint one from above. The weights suit a
    squared error on values 0..1; ten times larger ones fix bits before they mean anything.

    Raises:
        ValueError: `bits` outside 1..24, or a temperature that is not positive.
    """

    def __init__(
        self,
        bits: int,
        *,
        entropy: float = 0.002,
        commitment: float = 0.02,
        temperature: float = 1.0,
    ):
        super().__init__()
        if not 1 <= bits <= 24:
            raise ValueError(f"{bits} bits make no vocabulary one can index; use 1 to 24")
        if temperature <= 0:
            raise ValueError(f"temperature {temperature} must be above 0")
        self.width, self.size = bits, 2**bits
        self.entropy, self.commitment, self.temperature = entropy, commitment, temperature
        radix = 2 ** torch.arange(bits - 1, -1, -1)
        self.register_buffer("radix", radix, persistent=False)

    def forward(self, z: Float[Tensor, "b t c"]) -> Quantized:
        """The sign of every channel as -1 or 1; the loss holds commitment and entropy.

        Raises:
            ValueError: as many channels as bits are needed.
        """
        check_width(z, self.width)
        z = z.float()
        code = torch.where(z > 0, 1.0, -1.0)
        loss = self.commitment * (z - code).square().mean() + self.entropy * self.entropy_term(z)
        return Quantized(straight_through(z, code), self.index(code), loss)

    def encode(self, z: Float[Tensor, "b t c"]) -> Int[Tensor, "b t"]:
        """The code of each vector.

        Raises:
            ValueError: as many channels as bits are needed.
        """
        check_width(z, self.width)
        return self.index(z)

    def entropy_term(self, z: Float[Tensor, "*n c"]) -> Float[Tensor, ""]:
        """E[H(q)] - H(E[q]) in nats a position: 0 at worst, -bits * log 2 at best."""
        p = torch.sigmoid(4 * z / self.temperature).flatten(0, -2)
        return _bit_entropy(p).sum(-1).mean() - _bit_entropy(p.mean(0)).sum()

    def index(self, vectors: Float[Tensor, "*n c"]) -> Int[Tensor, "*n"]:
        """The signs of each vector as a number; undoes `lookup`."""
        return ((vectors > 0) * self.radix).sum(-1)

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The vector of -1 and 1 of each code; undoes `index`.

        Raises:
            IndexError: a code is outside the vocabulary.
        """
        bits = inside(indices, self.size)[..., None] // self.radix % 2
        return bits * 2.0 - 1.0


def _bit_entropy(p: Tensor) -> Tensor:
    p = p.clamp(1e-6, 1 - 1e-6)  # a bit that is certain has entropy 0 but an infinite slope
    return -(p * p.log() + (1 - p) * (1 - p).log())
