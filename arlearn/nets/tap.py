"""A look inside a network: what a part of it returns, without a switch in the network for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def tapped(part: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what `part` returns while the block runs, one entry a call, gradients and all.

        with tapped(model.backbone.blocks[1]) as seen:
            loss = model.loss(units)
        features = seen[0]

    The network computes exactly what it would have computed without.
    """
    seen: list[Tensor] = []
    handle = part.register_forward_hook(lambda module, given, returned: seen.append(returned))
    try:
        yield seen
    finally:
        handle.remove()
