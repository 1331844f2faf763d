"""A few new positions through a transformer whose keys and values are cached, without the layers.

A pass over few positions does little arithmetic: most of its time goes into module calls, views and
small kernels. Here the sums of `transformer.Block` are written flat, over matrices prepared once a
session; so is what a condition changes, which stays the same while a text grows. For few samples on
a CPU `step_numpy` makes the same sums in calls that cost less than torch's.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from arlearn.nets import step_numpy
from arlearn.nets.attention import Mask, Rotation, causal_tail, query_scale
from arlearn.nets.cache import Cache


@dataclass
class Flat:
    """The weights of a transformer in the order in which a pass needs them.

    Attributes:
        heads: attention heads per layer.
        floor: sqrt(d · eps), which keeps a norm from dividing by nothing.
        root: what a norm's result still has to be multiplied by; see `_norm`.
        matrices: of each block the four matrices, input first, the norms' gains multiplied in and
            the queries divided by sqrt(d/h); and the scales of queries and keys where they are
            normalised instead.
        last: the last norm's gain, where it has one.
        cond, changes: the condition seen last; for it, each block's (scale, shift) of both norms
            and their gates. The last norm's stand behind them.
        arrays: all of this for `step_numpy`, if it was needed.
    """

    heads: int
    floor: Tensor
    root: float
    matrices: list[tuple[Tensor | None, ...]]
    last: Tensor | None
    cond: Tensor | None
    changes: list[tuple[Tensor | None, ...]]
    arrays: step_numpy.Arrays | None = None


def flat_weights(model: nn.Module) -> Flat | None:
    """The weights of a `Transformer`; None where its layers have to be called one by one.

    That is so for layers that read a memory or drop units, and for layers that somebody listens to
    (hooks, by which sharded weights are gathered too).
    """
    if model.memory_width is not None or (model.training and model.blocks[0].dropout.p):
        return None
    if any(part._forward_hooks or part._forward_pre_hooks for part in model.modules()):
        return None
    like, d = model.blocks[0].mlp.out.weight, model.width
    floor = like.new_tensor((d * torch.finfo(like.dtype).eps) ** 0.5)
    root = 1.0 if like.is_cuda else d**0.5
    matrices = []
    for block in model.blocks:
        scale = block.attention.log_scale
        if scale is not None:  # queries are scaled, keys only normalised
            scale = torch.cat([query_scale(scale), torch.ones_like(scale)])[:, :, 0]
        qkv = _behind(block.norm_attention, block.attention.query, root)
        if scale is None:
            qkv[:, :d] *= (d // model.heads) ** -0.5
        layers = (
            qkv,
            block.attention.out.weight.t().contiguous(),
            _behind(block.norm_mlp, block.mlp.gate_up, root),
            block.mlp.out.weight.t().contiguous(),
        )
        matrices.append((*layers, scale))
    last = None if model.norm.weight is None else model.norm.weight * root
    return Flat(model.heads, floor, root, matrices, last, None, [])


def _behind(norm: nn.RMSNorm, layer: nn.Linear, root: float) -> Float[Tensor, "d e"]:
    """The matrix of a layer behind a norm; the norm's gain is part of it, if it has one."""
    weight = layer.weight.t().clone(memory_format=torch.contiguous_format)
    return weight if norm.weight is None else weight.mul_((norm.weight * root)[:, None])


def look_up(flat: Flat, model: nn.Module, cond: Tensor | None) -> None:
    """Fill `flat.changes` for a condition, unless it is the one that was seen last."""
    if flat.changes and flat.cond is cond:
        return
    flat.cond, flat.changes = cond, []
    for part in (*model.blocks, model):
        if cond is None:
            flat.changes.append((None,) * 6)
            continue
        parts = [x[:, 0] for x in part.modulation(cond)]  # shift, scale, gate, and again
        for i in range(1, len(parts), 3):
            parts[i] = (1 + parts[i]) * flat.root
        for i in range(2, len(parts), 3):
            parts[i] = 1 + parts[i]
        flat.changes.append(tuple(parts))


def step(
    x: Float[Tensor, "b n d"], flat: Flat, turn: Rotation | None, cache: Cache, mask: Mask = None
) -> Float[Tensor, "b n d"]:
    """Hidden states of n new positions per sample; their keys and values stand in the cache.

    `Block.forward` without a gradient: x + gate · out(attention(norm x)), then
    x + gate · mlp(norm x). The mask is as in `Transformer.forward`, but no BlockMask.
    """
    seen = _seen(mask, x, cache)
    if step_numpy.possible(x):
        if flat.arrays is None:
            flat.arrays = step_numpy.Arrays(flat.heads, flat.floor, flat.matrices, flat.last)
        return step_numpy.step(x, flat.arrays, flat.changes, turn, cache, seen)
    (b, n, d), heads, floor = x.shape, flat.heads, flat.floor
    x, width = x.reshape(b * n, d), d // heads
    turn = None if turn is None else _of_all_three(turn, x.dtype, b, n)
    rows = zip(flat.matrices, flat.changes[:-1], *cache.room(b, n), strict=True)
    for (qkv, out, gate_up, down, scale), change, new, keys, values in rows:
        shift, gain, gate, shift_mlp, gain_mlp, gate_mlp = change
        y = torch.mm(_norm(x, floor, gain, shift), qkv)
        if scale is not None:
            qk = F.normalize(y[:, : 2 * d].view(b * n, 2 * heads, width), dim=-1) * scale
            y = torch.cat([qk.view(b * n, 2 * d), y[:, 2 * d :]], dim=1)
        if turn is not None:  # (first, second) · cos + (second, first) · (-sin, sin)
            y = y.view(b * n, 3, heads, 2, width // 2)
            y = torch.addcmul(y * turn[0], y.flip(3), turn[1])
        y = y.view(b, n, 3, heads, width).permute(2, 0, 3, 1, 4)
        new.copy_(y[1:])
        y = F.scaled_dot_product_attention(y[0], keys, values, seen, scale=1.0)
        x = _add(x, y.transpose(1, 2).reshape(b * n, d), out, gate)
        up, y = torch.mm(_norm(x, floor, gain_mlp, shift_mlp), gate_up).chunk(2, dim=1)
        x = _add(x, F.silu(up).mul_(y), down, gate_mlp)
    shift, gain = flat.changes[-1][:2]
    x = _norm(x, floor, gain, shift)
    return (x if gain is not None else x * flat.last).view(b, n, d)


def _seen(mask: Mask, x: Tensor, cache: Cache) -> Bool[Tensor, "#b 1 n m"] | None:
    """Which keys each new position looks at; None for all."""
    n = x.shape[1]
    if isinstance(mask, str):
        mask = None if n == 1 else causal_tail(n, cache.length + n, x.device)
    if mask is None:
        return None
    if mask.shape[-2:] != (n, cache.length + n):
        raise ValueError(
            f"a mask of shape {tuple(mask.shape)} over {n} new positions behind {cache.length} "
            f"cached ones; its last axes must be {n} and {cache.length + n}"
        )
    return mask[None, None] if mask.ndim == 2 else mask[:, None]


def _norm(
    x: Float[Tensor, "b d"], floor: Tensor, gain: Tensor | None, shift: Tensor | None
) -> Float[Tensor, "b d"]:
    """x / sqrt(mean x² + eps), then gain and shift if there are any.

    On a CPU torch composes it of six kernels; three give x / sqrt(Σ x² + d · eps), and the missing
    sqrt(d) is part of what it is multiplied by.
    """
    if x.is_cuda:
        y = F.rms_norm(x, x.shape[1:])
    else:
        y = x / torch.hypot(torch.linalg.vector_norm(x, dim=1, keepdim=True), floor)
    return y if gain is None else torch.addcmul(shift, y, gain)


def _of_all_three(turn: Rotation, dtype: torch.dtype, b: int, n: int) -> tuple[Tensor, Tensor]:
    """cos and (-sin, sin) of b n rows, for queries, keys, and values, which are not turned; one
    row stands for all where all are alike."""
    cos, sin = (part.to(dtype)[..., None, None, None, :] for part in turn)
    sin = torch.cat([-sin, sin], dim=-2)
    cos = torch.cat([cos, cos, torch.ones_like(cos)], dim=-4)
    sin = torch.cat([sin, sin, torch.zeros_like(sin)], dim=-4)
    if n > 1 or cos.ndim == 6:  # positions of each row, written out
        cos, sin = (x.expand(b, n, *x.shape[-4:]).reshape(b * n, *x.shape[-4:]) for x in (cos, sin))
    return cos, sin


def _add(x: Tensor, y: Tensor, weight: Tensor, gate: Tensor | None) -> Float[Tensor, "b d"]:
    """x + gate · (y weight)."""
    if gate is None:
        return torch.addmm(x, y, weight)
    return torch.addcmul(x, torch.mm(y, weight), gate)
