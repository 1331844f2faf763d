"""A codebook as it would be had it collapsed, to see what a measure makes of that."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.tokens.statistics import unigram


class Merged:
    """A tokenizer of whose codes a few stand for all.

    The `kept` codes most frequent in `units` stay, every other one becomes the kept code with the
    nearest vector; `vocab` and `length` stay what they were.

    Args:
        tokenizer: one of pictures, with `encode`, `decode`, `vectors`, `vocab` and `length`.

    Raises:
        ValueError: more codes are to be kept than there are, or none.
    """

    def __init__(self, tokenizer: nn.Module, units: Int[Tensor, "n t"], kept: int):
        if not 1 <= kept <= tokenizer.vocab:
            raise ValueError(f"{kept} of {tokenizer.vocab} codes cannot be kept; keep 1 to all")
        self.tokenizer, self.vocab, self.length = tokenizer, tokenizer.vocab, tokenizer.length
        frequent = unigram(units, self.vocab).argsort(descending=True, stable=True)[:kept]
        with torch.no_grad():
            vectors = tokenizer.vectors(torch.arange(self.vocab, device=units.device)[None])[0]
            self.becomes = frequent[torch.cdist(vectors, vectors[frequent]).argmin(1)]

    def encode(self, images: Float[Tensor, "b c h w"]) -> Int[Tensor, "b t"]:
        """The units, those of lost codes replaced."""
        return self.becomes[self.tokenizer.encode(images)]

    def decode(self, units: Int[Tensor, "b t"]) -> Float[Tensor, "b c h w"]:
        """What the tokenizer makes of them."""
        return self.tokenizer.decode(units)
