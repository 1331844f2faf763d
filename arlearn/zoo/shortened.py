"""Weights at a byte a number: a matrix is kept as 8-bit rows, each with a scale of its own.

A row w is kept as q = round(w / s) in -127 … 127 with s = max|w| / 127, so that it is read as
q · s, off by at most s / 2. It halves what bf16 takes, and what a network of this course measures
moves by less than a seed does (`zoo.verify` measures it again). In the file, `NAME.scale` stands
beside `NAME`: any reader of safetensors can put the two together.
"""

import torch
from torch import Tensor, nn

SCALE = ".scale"
FEW = 8  # with fewer columns a scale costs more than the shorter numbers save


def packed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """A float tensor as it is kept: 8-bit rows and their scales, or bf16 where rows are short.

    Tensors of more than two axes count as rows by their first axis, as convolutions do.
    """
    tensor = tensor.detach().to("cpu", torch.float32)
    if tensor.ndim < 2 or tensor[0].numel() < FEW or not tensor.isfinite().all():
        return {name: tensor.to(torch.bfloat16, copy=True).contiguous()}
    rows = tensor.flatten(1)
    scale = rows.abs().amax(1) / 127
    # 16 significant bits, so that q · s is exact and a shortened row is shortened to itself
    scale = ((scale.view(torch.int32) + 0x80) & ~0xFF).view(torch.float32)
    steps = (rows / scale.clamp_min(1e-38)[:, None]).round().to(torch.int8)
    return {name: steps.view(tensor.shape).contiguous(), name + SCALE: scale}


def unpacked(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file as a module takes them, every row in place of its steps and scale."""
    whole = dict(tensors)
    for name, scale in tensors.items():
        steps = tensors.get(name.removesuffix(SCALE))
        if name.endswith(SCALE) and steps is not None and steps.dtype == torch.int8:
            whole[name.removesuffix(SCALE)] = steps * scale.view(-1, *[1] * (steps.ndim - 1))
            del whole[name]
    return whole


@torch.no_grad()
def shorten(module: nn.Module) -> None:
    """Round a module's floats, in place, to what a file would keep of them."""
    for x in (*module.parameters(), *module.buffers()):
        if x.is_floating_point():
            x.copy_(unpacked(packed("x", x))["x"])
