"""A film's grid of tokens: cut into blocks of one shape, and where each token stands."""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

Three = tuple[int, int, int]
FORM = "n (f a) (h b) (w c) -> n (f h w a b c)"


@dataclass(frozen=True)
class Layout:
    """A film of f x h x w tokens, cut into blocks of one shape, one block behind the other.

    Attributes:
        shape: frames, rows and columns of tokens.
        block: the same of a block; (1, 1, 1) is the raster, (1, 1, w) a row, (1, h, w) a frame.

    Raises:
        ValueError: the block does not divide the film.
    """

    shape: Three
    block: Three

    def __post_init__(self):
        if any(b < 1 or n % b for n, b in zip(self.shape, self.block, strict=True)):
            raise ValueError(
                f"blocks of {self.block} do not divide a film of {self.shape} (frames, rows, "
                "columns of tokens); each side of a block must divide the film's"
            )

    @property
    def size(self) -> int:
        """B, tokens of a block."""
        f, h, w = self.block
        return f * h * w

    def __len__(self) -> int:
        f, h, w = self.shape
        return f * h * w

    def flatten(self, film: Int[Tensor, "n f h w"]) -> Int[Tensor, "n t"]:
        """Tokens in the order of generation: block after block, each inside in raster order."""
        return rearrange(film, FORM, **dict(zip("abc", self.block, strict=True)))

    def unflatten(self, units: Int[Tensor, "n t"]) -> Int[Tensor, "n f h w"]:
        """The film again; of a beginning as many frames as it fills."""
        (_, h, w), (a, b, c) = self.shape, self.block
        back = " -> ".join(reversed(FORM.split(" -> ")))
        return rearrange(units, back, h=h // b, w=w // c, a=a, b=b, c=c)

    def places(self) -> Int[Tensor, "t 2"]:
        """Row and column of each token where the frames lie below each other, like a strip."""
        f, h, w = self.shape
        at = torch.stack(torch.meshgrid(torch.arange(f * h), torch.arange(w), indexing="ij"))
        return self.flatten(at.view(2, f, h, w)).T


def waves(places: Int[Tensor, "t 2"], shape: Three) -> Float[Tensor, "t k"]:
    """Sines and cosines of row and column, 1 to 4 half turns, and the frame as one of f."""
    frames, rows, columns = shape
    row, column = (places[:, 0] % rows + 0.5) / rows, (places[:, 1] + 0.5) / columns
    angles = math.pi * torch.arange(1, 5) * torch.stack([row, column])[..., None]
    frame = F.one_hot(places[:, 0] // rows, frames).float()
    return torch.cat([*angles.sin(), *angles.cos(), frame], -1)
