"""A model that counts what a sampler asks of it."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from arlearn.decode.blocks import BlockModel


@dataclass
class Counted:
    """A block model whose passes are counted, and the positions they read.

    Attributes:
        passes: network evaluations so far.
        positions: new positions read in them, a sample; where a machine is busy with arithmetic,
            and not with waiting, these are the price.
    """

    model: BlockModel
    passes: int = 0
    positions: int = 0

    @property
    def mask_token(self) -> int:
        """As the model's."""
        return self.model.mask_token

    @property
    def head(self) -> Any:
        """As the model's."""
        return self.model.head

    def new_cache(self, batch: int, capacity: int) -> Any:
        """As the model's."""
        return self.model.new_cache(batch, capacity)

    def look(self, tokens: Int[Tensor, "b n"], cache: Any, **how) -> Float[Tensor, "b n d"]:
        """As the model's, and counted."""
        self.passes += 1
        self.positions += tokens.shape[1]
        return self.model.look(tokens, cache, **how)
