"""fp32 or bf16: decided by what the machine does with the model at hand, not assumed."""

import math
import time
from typing import Literal

import torch
from torch import nn

from arlearn.batches import Draw
from arlearn.distributed import Team

Precision = Literal["fp32", "bf16"]
MEASURED_FROM = 100
GAIN = 1.1


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The context of a forward pass: matrix products in bf16 where that was chosen."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def choose(model: nn.Module, draw: Draw, steps: int, team: Team) -> Precision:
    """bf16 on CUDA that has it; on a CPU if trial passes are 1.1 times as fast; else fp32.

    The trial costs 4 to 8 passes on the first batch, and runs below 100 steps have none. It
    changes neither weights nor buffers. Under torchrun the first process decides for all.
    """
    if team.device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if steps < MEASURED_FROM or team.device.type != "cpu":
        return "fp32"
    gain = _gain(model, draw, repeats=min(3, 1 + steps // 400)) if team.first else 0.0
    return "bf16" if team.mean(gain)[0] * team.world > GAIN else "fp32"


def _gain(model: nn.Module, draw: Draw, repeats: int) -> float:
    """How many times faster a forward and backward pass is in bf16, best of `repeats` each."""
    kept = [(x, x.clone()) for x in model.buffers()]
    best = {"fp32": math.inf, "bf16": math.inf}
    for trial in range(repeats + 1):
        for precision in best:
            batch = draw(0)
            began = time.perf_counter()
            with autocast(batch[0].device, precision):
                loss = model.loss(*batch)
            loss.backward()
            if trial > 0:  # the first pass of each also sets up kernels and memory
                best[precision] = min(best[precision], time.perf_counter() - began)
            model.zero_grad(set_to_none=True)
    for x, before in kept:
        x.copy_(before)
    return best["fp32"] / best["bf16"]
