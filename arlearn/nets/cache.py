"""Keys and values of positions already read, so that a sampler never reads them twice."""

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
        shape = (depth, batch, heads, capacity, head_width)
        if min(shape) < 1:
            raise ValueError(f"a cache needs positive sizes, not {shape}")
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.length = 0

    @property
    def capacity(self) -> int:
        """Positions there is room for."""
        return self.keys.shape[3]

    def write(
        self, layer: int, keys: Float[Tensor, "b h n d"], values: Float[Tensor, "b h n d"]
    ) -> tuple[Float[Tensor, "b h m d"], Float[Tensor, "b h m d"]]:
        """Put n new positions behind the counted ones; returns all m = length + n of this layer.

        Raises:
            ValueError: no room is left, or the batch differs from the cache's.
        """
        end = self.length + keys.shape[2]
        if end > self.capacity:
            raise ValueError(
                f"{end} positions do not fit a cache for {self.capacity}; reserve a larger one"
            )
        if keys.shape[0] != self.keys.shape[1]:
            raise ValueError(
                f"a batch of {keys.shape[0]} meets a cache for {self.keys.shape[1]}; "
                "reindex the cache or make one for this batch"
            )
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

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
        self.keys[:, :, :, : len(positions)] = self.keys[:, :, :, positions]
        self.values[:, :, :, : len(positions)] = self.values[:, :, :, positions]
        self.length = len(positions)

    def reindex(self, samples: Int[Tensor, "b"]) -> None:
        """Sample i continues what sample `samples[i]` has read (beams; the batch may change)."""
        self.keys = self.keys[:, samples]
        self.values = self.values[:, samples]
