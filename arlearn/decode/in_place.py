"""A model whose masks say what stands at their own place, read as one whose tokens say the next."""

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from arlearn.nets.two_half import TwoHalf


class InPlace:
    """`decode.blocks.BlockModel` over a model that was taught to answer in place (TiDAR).

    A block sampler reads the guess for place j + 1 from the state at place j. In a text that is
    right; among masks the state at place j + 1 itself is what was taught, so states of a pass that
    may hold masks are moved one place to the left. The last place has no guess then; a sampler
    never asks for it, as the first token of a block comes from the text before.
    """

    def __init__(self, model: TwoHalf):
        self.model, self.mask_token, self.head = model, model.mask_token, model.head

    def new_cache(self, batch: int, capacity: int) -> Any:
        """An empty cache."""
        return self.model.new_cache(batch, capacity)

    def look(
        self, tokens: Int[Tensor, "b n"], cache: Any, *, mask: Any = "causal", **options
    ) -> Float[Tensor, "b n d"]:
        """Hidden states; a causal pass is a text's and stays as it is."""
        states = self.model.look(tokens, cache, mask=mask, **options)
        return states if isinstance(mask, str) else states.roll(-1, 1)
