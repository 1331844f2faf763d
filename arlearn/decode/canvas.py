"""A model that sees the whole text in every pass, in the place of one that has a cache."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass
class Canvas:
    """What `decode.blockwise` asks of a model, for one without a causal half to cache.

    A pass reads all of the text at its final length: what stands, the active block, and masks
    behind it. So blocks are filled from left to right in the way of LLaDA (Nie et al. 2025, arXiv
    2502.09992), one network evaluation a pass, every one of them over the whole canvas.

    Attributes:
        states: the network, from a whole text with masks to states that predict the token behind.
        head: from states to logits.
        mask_token: what stands where nothing is known.
        tokens, length: the canvas, and how many of its tokens stand.
    """

    states: Callable[[Int[Tensor, "b t"]], Float[Tensor, "b t d"]]
    head: Any
    mask_token: int
    tokens: Int[Tensor, "b t"] | None = None
    length: int = 0

    def new_cache(self, batch: int, capacity: int) -> Self:
        """A canvas with nothing but masks."""
        return replace(self, tokens=torch.full((batch, capacity), self.mask_token), length=0)

    def crop(self, length: int) -> None:
        """Count fewer tokens as standing."""
        self.length = length

    def look(
        self, tokens: Int[Tensor, "b n"], cache: Self, *, commit: bool = True, **_
    ) -> Float[Tensor, "b n d"]:
        """States of n tokens between what stands and the masks behind, whatever the mask."""
        begin, end = cache.length, cache.length + tokens.shape[1]
        canvas = cache.tokens.to(tokens.device, copy=True)
        canvas[:, begin:end] = tokens
        if commit:
            cache.tokens, cache.length = canvas, end
        return self.states(canvas)[:, begin:end]
