"""Attention over any mask: who looks at whom is an argument, never a property of the layer."""

import functools
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from arlearn.nets.cache import Cache
from arlearn.nets.fused import Parts, Rotation
from arlearn.plans import Plan

# None: everybody sees everybody (with a cache: everything read so far and all new positions).
Mask = Literal["causal"] | Bool[Tensor, "q k"] | Bool[Tensor, "b q k"] | BlockMask | None


def rotation(
    positions: Int[Tensor, "*b t"] | Float[Tensor, "*b t 2"], head_width: int, axes: int
) -> Rotation:
    """Cosines and sines of the rotary angles (Su et al. 2021, arXiv 2104.09864).

    Pair f of a head turns by position * 10000^(-f / pairs). With two axes the first half of the
    pairs turns by the row, the second half by the column.

    Returns: two tensors `… t head_width/2`.

    Raises:
        ValueError: the head is too narrow, or the positions have not one number per axis.
    """
    if head_width % (2 * axes):
        raise ValueError(f"a head of width {head_width} has no pairs to turn on {axes} axes")
    places = positions[..., None] if axes == 1 else positions
    if places.shape[-1] != axes:
        raise ValueError(f"rotary on {axes} axes got positions of shape {tuple(positions.shape)}")
    pairs = head_width // 2 // axes
    speeds = 10000.0 ** (-torch.arange(pairs, device=positions.device) / pairs)
    angles = rearrange(places[..., None] * speeds, "... t a f -> ... t (a f)")
    return angles.cos(), angles.sin()


def rotation_of_next(begin: int, n: int, head_width: int, like: Tensor) -> Rotation:
    """`rotation` of the positions begin, begin + 1, …, begin + n - 1, read from a table."""
    size = 1 << max(begin + n - 1, 63).bit_length()  # a text that grows asks for few tables
    cos, sin = _table(size, head_width, like.device)
    return cos[begin : begin + n], sin[begin : begin + n]


@functools.lru_cache(maxsize=8)
def _table(size: int, head_width: int, device: torch.device) -> Rotation:
    with torch.inference_mode(False), torch.no_grad():  # whoever asks first, training may use it
        return rotation(torch.arange(size, device=device), head_width, 1)


def rotate(x: Float[Tensor, "b h t d"], turn: Rotation) -> Float[Tensor, "b h t d"]:
    """Turn each pair (x_f, x_{f + d/2}) by its angle."""
    cos, sin = (part.to(x.dtype) for part in turn)
    if cos.ndim == 3:  # one angle per sample: make room for the heads
        cos, sin = cos[:, None], sin[:, None]
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def attend(
    q: Float[Tensor, "b h q d"],
    k: Float[Tensor, "b h k d"],
    v: Float[Tensor, "b h k d"],
    mask: Mask,
    scale: float | None = None,
) -> Float[Tensor, "b h q d"]:
    """softmax(q kᵀ · scale + mask) v; scale is 1/sqrt(d) unless given."""
    if isinstance(mask, BlockMask):
        attention = _compiled_flex() if q.is_cuda else flex_attention
        return attention(q, k, v, block_mask=mask, scale=scale)
    if isinstance(mask, str):
        if q.shape[2] == k.shape[2] and not _in_products(q, k):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        mask = causal_tail(q.shape[2], k.shape[2], q.device)
    if mask is not None and mask.ndim == 3:
        mask = mask[:, None]
    if _in_products(q, k):
        return _products(q, k, v, mask, scale)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)


def _in_products(q: Tensor, k: Tensor) -> bool:
    """Whether plain products are the faster way: in bf16 on a CPU, where gradients are wanted. The
    fused kernel's way back takes several times as long there, most at few positions."""
    if q.device.type != "cpu" or not torch.is_grad_enabled() or k.shape[2] > 512:
        return False
    return q.dtype == torch.bfloat16 or torch.is_autocast_enabled("cpu")


def _products(q, k, v, mask: Bool[Tensor, "*b q k"] | None, scale: float | None) -> Tensor:
    """The same sum with the probabilities kept for the gradient, `b h q k` of them."""
    b, h, t, d = q.shape
    bias = q.new_zeros(1, 1, 1) if mask is None else q.new_zeros(mask.shape)
    if mask is not None:
        bias = bias.masked_fill_(~mask, -torch.inf)
        if mask.ndim == 4:  # a mask per sample
            bias = bias.expand(b, h, *mask.shape[2:]).reshape(b * h, *mask.shape[2:])
    q, k, v = (x.reshape(b * h, -1, d) for x in (q, k, v))
    scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=d**-0.5 if scale is None else scale)
    return torch.bmm(scores.softmax(-1), v).view(b, h, t, d)


def causal_tail(queries: int, keys: int, device: torch.device | str) -> Bool[Tensor, "q k"]:
    """The causal mask of the last `queries` of `keys` positions (the others are cached)."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def block_mask(clean: Plan, noisy: Plan | None = None) -> BlockMask:
    """The mask of a plan (or of two streams) as blocks that flex attention can skip on CUDA.

    The same law as `Plan.mask` and `plans.two_streams`, said per pair of positions.
    """
    step, t, device = clean.step, len(clean), str(clean.step.device)
    if noisy is None:
        return create_block_mask(
            lambda batch, head, i, j: step[j] <= step[i], None, None, t, t, device=device
        )
    late, both = noisy.step, torch.cat([clean.step, noisy.step])
    return create_block_mask(
        lambda batch, head, i, j: (
            ((i < t) & (j < t) & (both[j] <= both[i]))
            | ((i >= t) & (j < t) & (late[j % t] < late[i % t]))
            | ((i >= t) & (j >= t) & (late[j % t] == late[i % t]))
        ),
        *(None, None, 2 * t, 2 * t),
        device=device,
    )


def query_scale(log_scale: Float[Tensor, "h 1 1"]) -> Float[Tensor, "h 1 1"]:
    """exp of the learned scale, at most 100 as in VAR: a long training must not make the softmax a
    switch."""
    return log_scale.clamp(max=4.605).exp()


@functools.cache
def _compiled_flex():
    return torch.compile(flex_attention)


class Attention(nn.Module):
    """Multi-head attention; over itself, or over a memory of width `memory_width`.

    With `qk_norm` queries and keys have length 1 and a learned scale per head stands in for
    1/sqrt(d) (Henry et al. 2020, arXiv 2010.04245; VAR's form, starting at 4).
    """

    def __init__(
        self, width: int, heads: int, *, memory_width: int | None = None, qk_norm: bool = False
    ):
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads do not divide width {width}")
        self.heads, self.cross = heads, memory_width is not None
        self.query = nn.Linear(width, width if self.cross else 3 * width, bias=False)
        self.memory = nn.Linear(memory_width, 2 * width, bias=False) if self.cross else None
        self.out = nn.Linear(width, width, bias=False)
        self.log_scale = nn.Parameter(torch.full((heads, 1, 1), 4.0).log()) if qk_norm else None

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        *,
        mask: Mask = None,
        turn: Rotation | None = None,
        memory: Float[Tensor, "b m e"] | None = None,
        cache: Cache | None = None,
        layer: int = 0,
    ) -> Float[Tensor, "b t d"]:
        """Attend; a cache (never for a memory) is written at `layer` and read as a whole."""
        q, k, v, scale = self.project(x, memory, turn)
        if cache is not None:
            k, v = cache.write(layer, k, v)
        y = attend(q, k, v, mask, scale)
        return self.out(rearrange(y, "b h t d -> b t (h d)"))

    def project(
        self, x: Float[Tensor, "b t d"], memory: Tensor | None, turn: Rotation | None
    ) -> tuple[Tensor, Tensor, Tensor, float | None]:
        """Queries, keys and values `b h t d` as `attend` takes them, and the scale it is to use."""
        q, k, v = self._parts(x, memory, turn)
        if self.log_scale is None:
            return q, k, v, None
        q = F.normalize(q, dim=-1) * query_scale(self.log_scale).to(q.dtype)
        return q, F.normalize(k, dim=-1), v, 1.0

    def _parts(self, x: Tensor, memory: Tensor | None, turn: Rotation | None):
        """Queries, keys, values. Turning keeps lengths, so it may come before normalising."""
        if not self.cross:
            return Parts.apply(self.query(x), self.heads, turn)
        if memory is None:
            raise ValueError("this attention reads a memory; pass memory=")
        q = rearrange(self.query(x), "b t (h d) -> b h t d", h=self.heads)
        k, v = rearrange(self.memory(memory), "b m (n h d) -> n b h m d", n=2, h=self.heads)
        return q, k, v
