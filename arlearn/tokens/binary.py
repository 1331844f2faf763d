"""The binary autoencoder's code: bits drawn from the encoder's odds, decoded as a sum."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from arlearn.tokens.codes import Quantized, check_width, inside, straight_through


class BinaryQuantizer(nn.Module):
    """D Bernoulli bits a position, b_n ~ Bernoulli(p_n) with p = sigmoid(z) (ELM's BAE).

    The decoder is given the sum of b_n E_n, where E is a learned D x c matrix: the 2^D codes are
    never written down as a list, so none of them can die. The index of a code is its bits as a
    number, first channel most significant. In training bits are drawn (with torch's global
    generator, which `fit` seeds step by step) and the gradient passes straight through:
    b + p - sg(p). In eval mode, and in `encode`, a bit is p > 1/2. It asks nothing of the encoder:
    the loss is 0.

    Args:
        bits: D, channels of the encoder.
        width: c, channels the decoder takes.
        stochastic: draw bits in training; False thresholds there too (the paper's variant).

    Raises:
        ValueError: `bits` outside 1..24, or a width below 1.

    Source: Wang et al. 2023 (binary latent diffusion, arXiv 2304.04820), section 3.1; ELM (arXiv
    2410.16257), section 3.1.
    """

    def __init__(self, bits: int, width: int, *, stochastic: bool = True):
        super().__init__()
        if not 1 <= bits <= 24:
            raise ValueError(f"{bits} bits make no vocabulary one can index; use 1 to 24")
        if width < 1:
            raise ValueError(f"a code of {width} channels holds nothing; use 1 or more")
        self.bits, self.width, self.size, self.stochastic = bits, width, 2**bits, stochastic
        self.codes = nn.Parameter(torch.randn(bits, width) * 2 / bits**0.5)

    def chances(self, z: Float[Tensor, "b t c"]) -> Float[Tensor, "b t c"]:
        """p(bit = 1) of every bit.

        Raises:
            ValueError: as many channels as bits are needed.
        """
        check_width(z, self.bits)
        return torch.sigmoid(z.float())

    def forward(self, z: Float[Tensor, "b t c"]) -> Quantized:
        """Draw every bit (training) or take the likelier value, and add up what they stand for.

        Raises:
            ValueError: as many channels as bits are needed.
        """
        p = self.chances(z)
        noisy = self.training and self.stochastic
        bits = torch.bernoulli(p.detach()) if noisy else (p > 0.5).float()
        return Quantized(straight_through(p, bits) @ self.codes, to_index(bits), z.new_zeros(()))

    def encode(self, z: Float[Tensor, "b t c"]) -> Int[Tensor, "b t"]:
        """The likeliest code of each position."""
        return to_index(self.chances(z) > 0.5)

    def lookup(self, indices: Int[Tensor, "*n"]) -> Float[Tensor, "*n c"]:
        """The sum of the vectors whose bits are set.

        Raises:
            IndexError: a code is outside the vocabulary.
        """
        return to_bits(indices, self.bits).float() @ self.codes


def draw_codes(
    chances: Float[Tensor, "*n c"], generator: Generator | None = None
) -> Int[Tensor, "*n"]:
    """A fresh code of each position from the odds of its bits, each bit with a draw of its own."""
    return to_index(torch.rand(chances.shape, generator=generator, device=chances.device) < chances)


def to_index(bits: Tensor) -> Int[Tensor, "*n"]:
    """Bits along the last axis as a number, the first one most significant."""
    count = bits.shape[-1]
    radix = 2 ** torch.arange(count - 1, -1, -1, device=bits.device)
    return (bits.long() * radix).sum(-1)


def to_bits(indices: Int[Tensor, "*n"], bits: int) -> Int[Tensor, "*n {bits}"]:
    """The bits of each number, most significant first; undoes `to_index`.

    Raises:
        IndexError: a number has more bits.
    """
    places = torch.arange(bits - 1, -1, -1, device=indices.device)
    return inside(indices, 2**bits)[..., None] >> places & 1


def split(indices: Int[Tensor, "*n"], parts: int, bits: int) -> Int[Tensor, "*n {parts}"]:
    """Each code of `bits` bits as `parts` sub-codes of bits/parts bits, the first bits first.

    Raises:
        ValueError: the parts do not divide the bits.
        IndexError: a code has more bits.
    """
    each = bits_each(bits, parts)
    places = each * torch.arange(parts - 1, -1, -1, device=indices.device)
    return inside(indices, 2**bits)[..., None] >> places & 2**each - 1


def join(subcodes: Int[Tensor, "*n m"], bits: int) -> Int[Tensor, "*n"]:
    """The code whose sub-codes these are; undoes `split`.

    Raises:
        ValueError: so many sub-codes do not divide the bits.
        IndexError: a sub-code is outside its vocabulary.
    """
    parts = subcodes.shape[-1]
    each = bits_each(bits, parts)
    places = each * torch.arange(parts - 1, -1, -1, device=subcodes.device)
    return (inside(subcodes, 2**each) << places).sum(-1)


def bits_each(bits: int, parts: int) -> int:
    """Bits of one of `parts` equal sub-codes.

    Raises:
        ValueError: the parts do not divide the bits.
    """
    if parts < 1 or bits % parts:
        fits = ", ".join(str(n) for n in range(1, bits + 1) if bits % n == 0)
        raise ValueError(f"{parts} sub-codes do not divide {bits} bits; choose one of {fits}")
    return bits // parts
