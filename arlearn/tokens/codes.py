"""What every quantizer returns, and the two moves all of them share."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Quantized:
    """Vectors after quantization.

    Attributes:
        vectors: the codes chosen, with the gradient of the input (`straight_through`).
        indices: which code stands at each position.
        loss: what the quantizer asks of encoder and codebook; 0 where it asks nothing.
    """

    vectors: Float[Tensor, "b t c"]
    indices: Int[Tensor, "b t"]
    loss: Float[Tensor, ""]


def straight_through(z: Float[Tensor, "*n"], code: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The value of `code` with the gradient of `z`: z + sg(code - z) (Bengio et al. 2013)."""
    return z + (code - z).detach()


def inside(indices: Int[Tensor, "*n"], size: int) -> Int[Tensor, "*n"]:
    """`indices` unchanged, if every one is a code of a vocabulary of `size`.

    Raises:
        IndexError: one is not.
    """
    if indices.numel():
        least, most = (int(x) for x in torch.aminmax(indices))
        if least < 0 or most >= size:
            wrong = least if least < 0 else most
            raise IndexError(
                f"code {wrong} is outside a vocabulary of {size}; codes run from 0 to {size - 1}"
            )
    return indices


def check_width(z: Float[Tensor, "*n c"], width: int) -> None:
    """Nothing, if vectors have the width a quantizer was made for.

    Raises:
        ValueError: they do not.
    """
    if z.shape[-1] != width:
        raise ValueError(
            f"this quantizer takes vectors of {width} channels, not {z.shape[-1]}; "
            f"give the encoder {width} latent channels"
        )
