"""Steps of a block that autograd would take in many small ones, with their gradients by hand.

Autograd makes a tensor for every view it cuts and joins them again on the way back. Where one
tensor is cut into equal parts (queries, keys, values; gate and up), the gradients of the parts are
written straight into the one that is wanted.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

# cos and sin of the angle of every position and pair, `… t f`.
Rotation = tuple[Float[Tensor, "*b t f"], Float[Tensor, "*b t f"]]


class GatedUnit(torch.autograd.Function):
    """silu(gate) · up of a tensor that holds gate and up side by side (SwiGLU's inner step)."""

    @staticmethod
    def forward(ctx: Any, both: Float[Tensor, "*b e"]) -> Float[Tensor, "*b f"]:
        """Half as wide as what is given."""
        gate, up = both.chunk(2, dim=-1)
        opened = F.silu(gate)
        ctx.save_for_backward(both, opened)
        return opened * up

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "*b f"]) -> Float[Tensor, "*b e"]:
        """d up = grad · silu(gate); d gate = grad · up · silu'(gate)."""
        both, opened = ctx.saved_tensors
        gate, up = both.chunk(2, dim=-1)
        back = torch.empty_like(both)
        to_gate, to_up = back.chunk(2, dim=-1)
        torch.mul(grad, opened, out=to_up)
        torch.ops.aten.silu_backward.grad_input(grad * up, gate, grad_input=to_gate)
        return back


class Parts(torch.autograd.Function):
    """Queries, keys and values out of one projection; queries and keys turned by their angle.

    Pair f of a head, (x_f, x_{f + d/2}), turns by its angle (Su et al. 2021, arXiv 2104.09864).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "b t e"], heads: int, turn: Rotation | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Three views `b h t d`."""
        b, t, e = x.shape
        q, k, v = x.view(b, t, 3, heads, e // 3 // heads).unbind(2)
        ctx.turn = None if turn is None else wide(turn, x.dtype)
        if ctx.turn is not None:
            q, k = (rotated(part, *ctx.turn, torch.empty_like(part)) for part in (q, k))
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Float[Tensor, "b h t d"]) -> tuple[Tensor, None, None]:
        """Turned back, each straight into its third of one tensor."""
        b, heads, t, d = grads[0].shape
        back = grads[0].new_empty(b, t, 3, heads, d)
        for i, grad in enumerate(grads):
            if ctx.turn is None or i == 2:  # values are not turned
                back[:, :, i] = grad.transpose(1, 2)
            else:
                cos, sin = ctx.turn
                rotated(grad.transpose(1, 2), cos, -sin, back[:, :, i])
        return back.view(b, t, -1), None, None


def wide(turn: Rotation, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """cos over both halves of a head, and sin, with room for the heads: `… t 1 d`, `… t 1 f`."""
    cos, sin = (part.to(dtype)[..., None, :] for part in turn)
    return torch.cat([cos, cos], dim=-1), sin


def rotated(
    x: Float[Tensor, "*b h d"], cos: Tensor, sin: Tensor, out: Float[Tensor, "*b h d"]
) -> Float[Tensor, "*b h d"]:
    """(first · cos - second · sin, second · cos + first · sin), written to `out`."""
    first, second = x.chunk(2, dim=-1)
    torch.mul(x, cos, out=out)
    to_first, to_second = out.chunk(2, dim=-1)
    to_first.addcmul_(second, sin, value=-1)
    to_second.addcmul_(first, sin)
    return out


class Norm(torch.nn.RMSNorm):
    """x / sqrt(mean x² + eps) · gain, as `nn.RMSNorm`, with LayerNorm's fused way back."""

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Normalise the last axis."""
        mixed = self.weight is not None and self.weight.dtype != x.dtype
        if x.device.type != "cpu" or not torch.is_grad_enabled() or mixed:
            return super().forward(x)
        return Normalised.apply(x.contiguous(), self.weight, self.eps)


class Normalised(torch.autograd.Function):
    """RMSNorm by the kernels of LayerNorm, which are one pass each where RMSNorm's are many."""

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "*b d"], gain: Float[Tensor, "d"] | None, eps: float | None
    ) -> Float[Tensor, "*b d"]:
        """x · r · gain with r = 1 / sqrt(mean x² + eps)."""
        eps = torch.finfo(x.dtype).eps if eps is None else eps
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        root = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, root, gain)
        return x * root if gain is None else (x * root).mul_(gain)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "*b d"]) -> tuple[Tensor, Tensor | None, None]:
        """LayerNorm's gradient for a mean of 0, less the part that moves the mean: that part is
        -r · mean(grad · gain) in every unit."""
        x, root, gain = ctx.saved_tensors
        d = x.shape[-1]
        wanted = (True, gain is not None, False)
        still = torch.zeros_like(root)
        to_x, to_gain, _ = torch.ops.aten.native_layer_norm_backward(
            grad.contiguous(), x, (d,), still, root, gain, None, wanted
        )
        mean = grad.mean(-1) if gain is None else grad.matmul(gain).div_(d)
        return to_x.addcmul_(root, mean[..., None]), to_gain, None
