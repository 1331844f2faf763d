"""A dictionary of patches as a tokenizer: where few occur, nothing is learned and nothing lost."""

from typing import Self

import torch
from einops import rearrange
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from arlearn.tokens.codes import inside


class PatchBook:
    """Films of palette indices as grids of patch numbers, and back, exactly.

    A code is a patch of size x size pixels that occurs in the films the book was made of. It stands
    where a paper has a learned tokenizer whose own errors would be added to those of the model.

    Args:
        patches: the pixels of each code, all different, in the order of their numbers.
        colours: size of the palette.

    Raises:
        ValueError: the patches are not square or not all different.
    """

    def __init__(self, patches: Int[Tensor, "k p"], colours: int):
        self.size = round(patches.shape[1] ** 0.5)
        self.colours, self.patches = colours, patches
        keys = self._keys(patches)
        self.sorted, self.order = keys.sort()
        if self.size**2 != patches.shape[1] or len(keys.unique()) < len(keys):
            raise ValueError(
                f"{len(keys)} patches of {patches.shape[1]} pixels are no dictionary; give "
                "different patches of 1, 4, 9, … pixels"
            )

    @classmethod
    def of(
        cls, frames: Int[Tensor, "n f h w"] | UInt8[Tensor, "n f h w"], size: int, colours: int
    ) -> Self:
        """The book of all patches that occur in some films, ordered by their pixels."""
        return cls(_cut(frames.long(), size).flatten(0, 3).unique(dim=0), colours)

    def __len__(self) -> int:
        return len(self.patches)

    def encode(
        self, frames: Int[Tensor, "n f h w"] | UInt8[Tensor, "n f h w"]
    ) -> Int[Tensor, "n f y x"]:
        """The number of each patch.

        Raises:
            ValueError: a patch that the book does not hold.
        """
        keys = self._keys(_cut(frames.long(), self.size))
        at = torch.searchsorted(self.sorted, keys).clamp(max=len(self) - 1)
        strange = (self.sorted[at] != keys).sum()
        if strange:
            raise ValueError(
                f"{int(strange)} patches are not among the {len(self)} of this book; make it of "
                "films that show everything that occurs"
            )
        return self.order[at]

    def decode(self, units: Int[Tensor, "n f y x"]) -> UInt8[Tensor, "n f h w"]:
        """The films.

        Raises:
            IndexError: a number that is no code of the book.
        """
        pixels = self.patches[inside(units, len(self))]
        form = "n f y x (a b) -> n f (y a) (x b)"
        return rearrange(pixels, form, a=self.size).to(torch.uint8)

    def features(self) -> Float[Tensor, "k pc"]:
        """The vector of each code: its pixels, one of the palette's colours each."""
        return F.one_hot(self.patches, self.colours).flatten(1).float()

    def _keys(self, patches: Int[Tensor, "*n p"]) -> Int[Tensor, "*n"]:
        """The pixels of a patch as the digits of one number."""
        places = self.colours ** torch.arange(patches.shape[-1], device=patches.device)
        return (patches * places).sum(-1)


def _cut(frames: Int[Tensor, "n f h w"], size: int) -> Int[Tensor, "n f y x p"]:
    return rearrange(frames, "n f (y a) (x b) -> n f y x (a b)", a=size, b=size)
