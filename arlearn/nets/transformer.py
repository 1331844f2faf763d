"""One transformer for every paper: any mask, any cache, conditioned or not; it knows no paper."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.nets.attention import Attention, BlockMask, Mask, rotation, rotation_of_next
from arlearn.nets.cache import Cache
from arlearn.nets.fused import GatedUnit, Norm
from arlearn.nets.step import Flat, flat_weights, look_up, step

# A pass over so many new positions, and rows of a batch of them, is made without the layers; with
# more there is enough arithmetic in it for the layers' calls not to count.
FEW, ROWS = 64, 256


class SwiGLU(nn.Module):
    """out(silu(gate x) * up x), hidden width 8/3 of the width unless given (arXiv 2002.05202)."""

    def __init__(self, width: int, hidden: int | None = None):
        super().__init__()
        hidden = hidden or -(-width * 8 // 3 // 8) * 8  # a multiple of 8 keeps matmuls aligned
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.out = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Apply to every position on its own."""
        return self.out(GatedUnit.apply(self.gate_up(x)))


class Modulation(nn.Module):
    """adaLN: shifts, scales and gates from a condition (Peebles & Xie 2023, arXiv 2212.09748).

    Starts as the identity (scale 1, shift 0, gate 1), so a conditioned block begins as a plain one.
    """

    def __init__(self, cond_width: int, width: int, parts: int):
        super().__init__()
        self.linear = nn.Linear(cond_width, parts * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.parts = parts

    def forward(self, cond: Float[Tensor, "b e"] | Float[Tensor, "b t e"]) -> tuple[Tensor, ...]:
        """`parts` tensors that broadcast against `b t d`."""
        if cond.ndim == 2:
            cond = cond[:, None]
        return self.linear(F.silu(cond)).chunk(self.parts, dim=-1)


class Block(nn.Module):
    """Pre-norm attention and feed-forward, each optionally modulated by a condition."""

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        hidden: int | None = None,
        cond_width: int | None = None,
        memory_width: int | None = None,
        qk_norm: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        plain = cond_width is None  # a modulated norm needs no gain of its own
        self.norm_attention = Norm(width, elementwise_affine=plain)
        self.attention = Attention(width, heads, qk_norm=qk_norm)
        if memory_width is not None:
            self.norm_memory = Norm(width)
            self.memory = Attention(width, heads, memory_width=memory_width, qk_norm=qk_norm)
        self.norm_mlp = Norm(width, elementwise_affine=plain)
        self.mlp = SwiGLU(width, hidden)
        self.modulation = None if plain else Modulation(cond_width, width, 6)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, *, mask, turn, cond, memory, cache, layer) -> Float[Tensor, "b t d"]:
        """x + gate * attention(norm x), then a memory if there is one, then the feed-forward."""
        look = {"mask": mask, "turn": turn, "cache": cache, "layer": layer}
        if self.modulation is None:
            x = x + self.dropout(self.attention(self.norm_attention(x), **look))
            x = self._read(x, memory)
            return x + self.dropout(self.mlp(self.norm_mlp(x)))
        shift, scale, gate, shift2, scale2, gate2 = self.modulation(cond)
        y = self.attention(self.norm_attention(x) * (1 + scale) + shift, **look)
        x = self._read(x + self.dropout(y) * (1 + gate), memory)
        y = self.mlp(self.norm_mlp(x) * (1 + scale2) + shift2)
        return x + self.dropout(y) * (1 + gate2)

    def _read(self, x: Tensor, memory: Tensor | None) -> Tensor:
        if not hasattr(self, "memory"):
            return x
        return x + self.dropout(self.memory(self.norm_memory(x), memory=memory))


class Transformer(nn.Module):
    """A stack of blocks over vectors; embeddings and heads live outside.

    Args:
        width, depth, heads: the usual; heads defaults to one per 32 of the width, at least 2.
        hidden: width inside the feed-forward (default 8/3 of the width).
        cond_width: width of an adaLN condition, one per sequence or per position.
        memory_width: width of a memory that every block reads by cross-attention.
        rotary: axes of the rotary positions: 0 none, 1 a sequence, 2 a grid.
        qk_norm: normalised queries and keys with a learned scale per head.

    Raises:
        ValueError: sizes that do not fit each other.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int | None = None,
        *,
        hidden: int | None = None,
        cond_width: int | None = None,
        memory_width: int | None = None,
        rotary: int = 1,
        qk_norm: bool = False,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.width, self.depth, self.heads = width, depth, heads or max(2, width // 32)
        self.cond_width, self.memory_width, self.rotary = cond_width, memory_width, rotary
        if rotary not in (0, 1, 2):
            raise ValueError(f"rotary positions have 0, 1 or 2 axes, not {rotary}")
        self.blocks = nn.ModuleList(
            Block(
                width,
                self.heads,
                hidden=hidden,
                cond_width=cond_width,
                memory_width=memory_width,
                qk_norm=qk_norm,
                dropout=dropout,
            )
            for _ in range(depth)
        )
        self.norm = Norm(width, elementwise_affine=cond_width is None)
        self.modulation = None if cond_width is None else Modulation(cond_width, width, 2)
        with torch.no_grad():  # the residual stream's variance must not grow with depth
            for block in self.blocks:
                block.attention.out.weight /= (2 * depth) ** 0.5
                block.mlp.out.weight /= (2 * depth) ** 0.5

    def cache(self, batch: int, capacity: int) -> Cache:
        """Empty room for `capacity` positions of `batch` samples, on the model's device."""
        weight = self.blocks[0].mlp.out.weight
        head_width = self.width // self.heads
        return Cache(
            self.depth,
            batch,
            self.heads,
            head_width,
            capacity,
            device=weight.device,
            dtype=weight.dtype,
        )

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        *,
        mask: Mask = None,
        positions: Int[Tensor, "*p"] | Float[Tensor, "*p 2"] | None = None,
        cond: Float[Tensor, "b e"] | Float[Tensor, "b t e"] | None = None,
        memory: Float[Tensor, "b m f"] | None = None,
        cache: Cache | None = None,
        commit: bool = True,
    ) -> Float[Tensor, "b t d"]:
        """Hidden states of x given, with a cache, everything committed to it before.

        `positions` default to 0, 1, 2, … behind what the cache holds. `mask` is over the new
        queries and all keys, cached ones first. Without `commit` the cache is read but not grown.

        Raises:
            ValueError: x has other axes or another width; a condition, memory or positions that the
                model needs or cannot take.
        """
        self._check(x, positions, cond)
        begin = 0 if cache is None else cache.length
        turn, head_width = None, self.width // self.heads
        if self.rotary and positions is None:
            turn = rotation_of_next(begin, x.shape[1], head_width, x)
        elif self.rotary:
            turn = rotation(positions, head_width, self.rotary)
        if cache is not None and (flat := self._flat(x, mask, cond, cache)):
            x = step(x, flat, turn, cache, mask)
            cache.advance(x.shape[1] if commit else 0)
            return x
        for layer, block in enumerate(self.blocks):
            x = block(x, mask=mask, turn=turn, cond=cond, memory=memory, cache=cache, layer=layer)
        if cache is not None and commit:
            cache.advance(x.shape[1])
        x = self.norm(x)
        if self.modulation is None:
            return x
        shift, scale = self.modulation(cond)
        return x * (1 + scale) + shift

    def _check(self, x: Tensor, positions: Tensor | None, cond: Tensor | None) -> None:
        if x.ndim != 3 or x.shape[-1] != self.width:
            raise ValueError(
                f"x of shape {tuple(x.shape)} must be b t d with a width d of {self.width}; "
                "add the batch with x[None], or build the model with another width"
            )
        if (cond is None) != (self.cond_width is None):
            raise ValueError(
                f"condition {'missing' if cond is None else 'given'}, but the model "
                f"was built with cond_width={self.cond_width}"
            )
        if self.rotary == 2 and positions is None:
            raise ValueError("a transformer with rotary=2 needs positions of shape (t, 2)")

    def _flat(self, x: Tensor, mask: Mask, cond: Tensor | None, cache: Cache) -> Flat | None:
        """What `step` needs, where the pass is one it can make: few new positions, one condition
        for all of them."""
        few = x.shape[1] == 1 or (x.shape[1] <= FEW and x.shape[:2].numel() <= ROWS)
        if not few or isinstance(mask, BlockMask) or torch.is_grad_enabled():
            return None
        if cond is not None and x.shape[1] > 1 and (cond.ndim == 3 or len(cond) > 1):
            return None
        if torch.is_autocast_enabled(x.device.type) or x.dtype != cache.both.dtype:
            return None
        if cache.flat is None:
            cache.flat = flat_weights(self)
        if cache.flat:
            look_up(cache.flat, self, cond)
        return cache.flat or None


def grid(side: int, *, stretch: float = 1.0) -> Float[Tensor, "cells 2"]:
    """Row and column of each cell of a square grid, row by row, times `stretch`.

    A coarse scale laid over a finer grid takes stretch = fine side / coarse side; its cells then
    stand at the centres of what they cover.
    """
    axis = (torch.arange(side) + 0.5) * stretch - 0.5
    return rearrange(torch.stack(torch.meshgrid(axis, axis, indexing="ij")), "a r c -> (r c) a")
