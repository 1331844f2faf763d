"""How well a model fills in blocks behind clean text, seen as the sampler sees them."""

import torch
from jaxtyping import Int
from torch import Generator, Tensor

from arlearn.corrupt.masking import Absorbing
from arlearn.decode.blocks import BlockModel, Context


@torch.no_grad()
def block_nats(
    model: BlockModel,
    text: Int[Tensor, "b t"],
    size: int,
    *,
    context: Context = "causal",
    seed: int = 0,
) -> float:
    """Mean nats of the hidden tokens of a block behind clean text, as `blockwise` meets them.

    Blocks of `size` one after the other, each hidden at its own level t ~ U(0, 1), but for its
    first token. The same tokens are hidden whatever the model.

    Args:
        text: as the model reads it, the start token first.
        context: as for `blockwise`.

    Raises:
        ValueError: the size leaves nothing to hide.
    """
    if not 2 <= size <= text.shape[1]:
        raise ValueError(
            f"blocks of size={size} in {text.shape[1]} tokens: a block has at least 2 tokens, of "
            "which the first is known, and fits the text"
        )
    noise, dice = Absorbing(model.mask_token), Generator(text.device).manual_seed(seed)
    cache, total, count = model.new_cache(len(text), text.shape[1]), 0.0, 0
    known = (torch.arange(size, device=text.device) == 0).expand(len(text), -1)
    for begin in range(0, text.shape[1] - size + 1, size):
        block = text[:, begin : begin + size]
        t = torch.rand(len(text), generator=dice, device=text.device)
        noisy = noise.corrupt(block, t, given=known, generator=dice)
        states = model.look(noisy, cache, mask=None, commit=False)
        nats = model.head.loss(states[:, :-1], block[:, 1:])
        hidden = (noisy == noise.mask)[:, 1:]
        total, count = total + float(nats[hidden].sum()), count + int(hidden.sum())
        model.look(block, cache, mask="causal" if context == "causal" else None)
    return total / max(count, 1)
