"""What a transformer's heads look at: the attention weights that the fast kernels never keep."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from arlearn.nets.transformer import Transformer


@torch.no_grad()
def attention_maps(
    model: nn.Module, *inputs: Tensor, mask: Bool[Tensor, "q k"] | None = None
) -> Float[Tensor, "layers b h q k"]:
    """softmax(q kᵀ · scale + mask) of every layer and head while `model(*inputs)` runs.

    Args:
        model: anything that holds one `Transformer` and runs it once, without a cache.
        mask: who looks at whom; None is the triangle of a language model.

    Raises:
        ValueError: the model holds no transformer, or more than one, or ran it with a cache.
    """
    found = [part for part in model.modules() if isinstance(part, Transformer)]
    if len(found) != 1:
        raise ValueError(f"the model holds {len(found)} transformers; give one that holds one")
    seen, handles = [], []

    def keep(layer: nn.Module, given: tuple, named: dict) -> None:
        if named.get("cache") is not None:
            raise ValueError("attention is looked at without a cache; run the model on whole texts")
        seen.append(_weights(layer, given[0], named.get("turn"), mask))

    try:
        for block in found[0].blocks:
            handles += [block.attention.register_forward_pre_hook(keep, with_kwargs=True)]
        model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack(seen)


def _weights(layer: nn.Module, x: Tensor, turn: tuple | None, mask: Tensor | None) -> Tensor:
    q, k, _, scale = layer.project(x, None, turn)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    if mask is None:
        mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=x.device).tril()
    scores = (q @ k.transpose(-1, -2) * scale).masked_fill(~mask, -torch.inf)
    return scores.softmax(-1)
