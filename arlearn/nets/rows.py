"""A cache whose rows advance on their own: samples of a batch that have come unequally far."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.nets.cache import Cache


class RowCache(Cache):
    """The key of position i stands in slot i, whatever the row; each row has its own length.

    Where every draft of one sample stands and the first of another falls, their texts go on at
    different places. Here a pass writes n positions of each row behind that row's own length, and
    `mask` says what they may look at. Rolling back is `crop` to one length per row: slots behind
    it are seen by nobody and will be written again.

    Each read goes through the layers, not through `nets.step`, which writes one place for all.

    Args: as for `Cache`; `capacity` must leave room behind the longest row for a whole pass.
    """

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        batch, device = self.both.shape[2], self.both.device
        self.lengths: Int[Tensor, b] = torch.zeros(batch, dtype=torch.long, device=device)
        self.flat = False

    @classmethod
    def of(cls, model, batch: int, capacity: int) -> "RowCache":
        """Empty room for a `Transformer`, as its own `cache` would make it."""
        weight = model.blocks[0].mlp.out.weight
        made = {"device": weight.device, "dtype": weight.dtype}
        return cls(model.depth, batch, model.heads, model.width // model.heads, capacity, **made)

    def places(self, n: int) -> Int[Tensor, "b n"]:
        """Positions of the next n units of every row."""
        return self.lengths[:, None] + torch.arange(n, device=self.lengths.device)

    def mask(self, n: int) -> Bool[Tensor, "b n k"]:
        """What the next n positions of every row may look at: positions up to their own."""
        slots = torch.arange(int(self.lengths.max()) + n, device=self.lengths.device)
        return slots <= self.places(n)[..., None]

    def write(
        self, layer: int, keys: Float[Tensor, "b h n d"], values: Float[Tensor, "b h n d"]
    ) -> tuple[Float[Tensor, "b h m d"], Float[Tensor, "b h m d"]]:
        """Put n new positions behind each row's own; returns the slots up to the furthest row.

        Raises:
            ValueError: no room is left, or the batch differs from the cache's.
        """
        n = keys.shape[2]
        self.length = int(self.lengths.max())
        end = self.end(keys.shape[0], n)
        at = self.places(n)[:, None, :, None].expand_as(keys)
        self.both[layer, 0].scatter_(2, at, keys)
        self.both[layer, 1].scatter_(2, at, values)
        return self.both[layer, 0, :, :, :end], self.both[layer, 1, :, :, :end]

    def advance(self, n: int) -> None:
        """Count n positions in every row."""
        self.lengths = self.lengths + n

    def crop(self, lengths: Int[Tensor, "b"]) -> None:
        """Forget everything of each row from its position `lengths` on.

        Raises:
            ValueError: a length beyond what the row holds, or not one per row.
        """
        if lengths.shape != self.lengths.shape or (lengths > self.lengths).any():
            raise ValueError(
                f"rows of {self.lengths.tolist()} positions cannot be cropped to "
                f"{lengths.tolist()}; give one length per row, none beyond what it holds"
            )
        if int(lengths.min()) < 0:
            raise ValueError(f"lengths {lengths.tolist()} must be at least 0")
        self.lengths = lengths.clone()

    def reindex(self, samples: Int[Tensor, "b"]) -> None:
        """Row i continues what row `samples[i]` has read; leave rows out to drop them."""
        self.both = self.both[:, :, samples]
        self.lengths = self.lengths[samples]
