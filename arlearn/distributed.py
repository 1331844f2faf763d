"""Several processes train one model: what `fit` needs to know about them under torchrun."""

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

Parallel = Literal["ddp", "fsdp"]


@dataclass(frozen=True)
class Team:
    """The processes that share one run: this one's rank among `world`, and its device."""

    device: torch.device
    kind: Parallel | None = None
    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Is this the process that prints and writes?"""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> Callable[..., Tensor]:
        """`model.loss`, with the gradients (ddp) or the parameters too (fsdp) shared."""
        if self.kind == "ddp":
            on = [self.device.index] if self.device.type == "cuda" else None
            return nn.parallel.DistributedDataParallel(_Loss(model), device_ids=on)
        if self.kind == "fsdp":
            _shard(model)
        return model.loss

    def mean(self, *values: Tensor | float) -> list[float]:
        """Each value's mean over the processes; the one moment a step waits for its device."""
        numbers = torch.stack(
            [torch.as_tensor(whole(v), device=self.device).detach().float() for v in values]
        )
        if self.kind:
            dist.all_reduce(numbers)
        return (numbers / self.world).tolist()

    def wait(self) -> None:
        """Until every process is here."""
        if self.kind:
            dist.barrier()


class _Loss(nn.Module):
    """DistributedDataParallel shares the gradients of a `forward`; ours is called `loss`."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, *batch: Tensor) -> Tensor:
        return self.model.loss(*batch)


def join(parallel: str | None, model: nn.Module) -> Team:
    """The team of this process: alone, or the one torchrun started (DDP unless told otherwise).

    Under torchrun on CUDA the model is moved to this process's own GPU.

    Raises:
        ValueError: `parallel` is unknown, lacks torchrun, or is "fsdp" without CUDA.
    """
    if parallel not in (None, "ddp", "fsdp"):
        raise ValueError(f'parallel={parallel!r} is unknown; choose None, "ddp" or "fsdp"')
    device = next(model.parameters()).device
    world = int(os.environ.get("WORLD_SIZE", 0))
    if parallel is None and world < 2:
        return Team(device)
    if not world:
        raise ValueError(
            f'parallel="{parallel}" needs several processes; start the script as '
            "`torchrun --nproc-per-node 2 script.py`, or leave parallel=None"
        )
    if parallel == "fsdp" and device.type != "cuda":
        raise ValueError(
            f'parallel="fsdp" shards a model over GPUs, but this one is on {device}; '
            'move it to CUDA, or use parallel="ddp"'
        )
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
        model.to(device)
    if not dist.is_initialized():
        own = device if device.type == "cuda" else None
        dist.init_process_group("nccl" if own else "gloo", device_id=own)
        atexit.register(dist.destroy_process_group)
    return Team(device, parallel or "ddp", dist.get_rank(), dist.get_world_size())


def _shard(model: nn.Module) -> None:
    """FSDP2 (`fully_shard`): the blocks of every nn.ModuleList one by one, then the rest.

    A block's weights are whole only while it computes, so blocks must be called, not read from.
    """
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    for stack in reversed([m for m in model.modules() if isinstance(m, nn.ModuleList)]):
        for block in stack:
            if any(True for _ in block.parameters()):
                fully_shard(block)
    fully_shard(model)
    register_fsdp_forward_method(model, "loss")


def whole(value: Tensor | float) -> Tensor | float:
    """A sharded tensor gathered from all processes (every one must ask); others as they are."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def fill(target: Tensor, value: Tensor) -> Tensor:
    """`target` after copying a whole tensor into it, or into this process's part of it."""
    if hasattr(target, "full_tensor"):
        from torch.distributed.tensor import distribute_tensor

        value = distribute_tensor(
            value.to(target.device), target.device_mesh, target.placements, src_data_rank=None
        )
    with torch.no_grad():
        return target.copy_(value)
