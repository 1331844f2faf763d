"""Keys and values of positions already read, so that a sampler never reads them twice."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Cache:
    """Static room for the keys and values of every layer, filled from the left.

    Writing does not allocate: `capacity` positions are reserved at once, `length` of them count.
    A pass that is not committed leaves its keys beyond `length`, where the next pass overwrites
    them; so a step that refines reads the cache as often as it likes and commits once.

    Raises:
        ValueError: a size is not positive.
    """

    def __init__(
        self,
        depth: int,
        batch: int,
        heads: int,
        head_width: int,
        capacity: int,
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ):
        shape = (depth, 2, batch, heads, capacity, head_width)
        if min(shape) < 1:
            raise ValueError(f"a cache needs positive sizes, not {shape}")
        self.both = torch.zeros(shape, device=device, dtype=dtype)  # of each layer keys and values
        self.length = 0
        self.flat: Any = None  # what its transformer prepared for `nets.step`, once a session

    @property
    def keys(self) -> Float[Tensor, "layers b h n d"]:
        """Keys of every layer, those beyond `length` meaning nothing."""
        return self.both[:, 0]

    @property
    def values(self) -> Float[Tensor, "layers b h n d"]:
        """Values of every layer, as the keys."""
        return self.both[:, 1]

    @property
    def capacity(self) -> int:
        """Positions there is room for."""
        return self.both.shape[4]

    def write(
        self, layer: int, keys: Float[Tensor, "b h n d"], values: Float[Tensor, "b h n d"]
    ) -> tuple[Float[Tensor, "b h m d"], Float[Tensor, "b h m d"]]:
        """Put n new positions behind the counted ones; returns all m = length + n of this layer.

        Raises:
            ValueError: no room is left, or the batch differs from the cache's.
        """
        end = self.end(keys.shape[0], keys.shape[2])
        self.both[layer, 0, :, :, self.length : end] = keys
        self.both[layer, 1, :, :, self.length : end] = values
        return self.both[layer, 0, :, :, :end], self.both[layer, 1, :, :, :end]

    def room(self, batch: int, n: int) -> tuple[tuple[Tensor, ...], ...]:
        """Views for a pass over n positions that fills all layers itself, a tuple over the layers
        of each: where its keys and values go, `2 b h n d`, all keys and all values up to there.

        Raises:
            ValueError: as `write`.
        """
        end = self.end(batch, n)
        new, all_ = self.both[..., self.length : end, :], self.both[..., :end, :]
        return new.unbind(0), all_[:, 0].unbind(0), all_[:, 1].unbind(0)

    def end(self, batch: int, n: int) -> int:
        """Where n new positions of so many samples would end.

        Raises:
            ValueError: as `write`.
        """
        end = self.length + n
        if end > self.capacity:
            raise ValueError(
                f"{end} positions do not fit a cache for {self.capacity}; reserve a larger one"
            )
        if batch != self.both.shape[2]:
            raise ValueError(
                f"a batch of {batch} meets a cache for {self.both.shape[2]}; "
                "reindex the cache or make one for this batch"
            )
        return end

    def advance(self, n: int) -> None:
        """Count the n positions just written."""
        self.length += n

    def crop(self, length: int) -> None:
        """Forget everything from position `length` on (roll back a rejected draft)."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot crop a cache of {self.length} positions to {length}")
        self.length = length

    def keep(self, positions: Int[Tensor, "n"]) -> None:
        """Keep only these positions, in this order (the accepted branch of a draft tree)."""
        if len(positions) and not 0 <= int(positions.min()) <= int(positions.max()) < self.length:
            raise ValueError(f"positions {positions.tolist()} are not all below {self.length}")
        self.both[..., : len(positions), :] = self.both[..., positions, :]
        self.length = len(positions)

    def reindex(self, samples: Int[Tensor, "b"]) -> None:
        """Sample i continues what sample `samples[i]` has read (beams; the batch may change)."""
        self.both = self.both[:, :, samples]
