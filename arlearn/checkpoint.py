"""Checkpoints: one safetensors file per run, never half written, refused where it does not fit."""

import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from arlearn.distributed import fill, whole
from arlearn.home import replacing

FORMAT = "arlearn run 1"
FIRST = "first batch"
AFRESH = "name another checkpoint=, or delete the file to start afresh"


@dataclass
class State:
    """Everything a run needs to go on: where it stands is the number of its losses."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, as whole tensors on the CPU; under torchrun every process must ask."""
        found = {f"weights/{name}": x for name, x in lasting(self.model).items()}
        for name, parameter in self.model.named_parameters():
            for key, x in self.optimizer.state.get(parameter, {}).items():
                found[f"optimizer/{key}/{name}"] = x
        found |= {f"average/{name}": x for name, x in self.average.items()}
        found = {k: whole(x.detach()).to("cpu", copy=True).contiguous() for k, x in found.items()}
        return found | {"losses": torch.tensor(self.losses, dtype=torch.float64)}

    def restore(self, path: Path, tensors: dict[str, Tensor]) -> None:
        """Go back to what `tensors` holds, in place.

        Raises:
            ValueError: the tensors are another model's; the first difference is named.
        """
        weights = lasting(self.model)
        saved = {name[8:]: x for name, x in tensors.items() if name.startswith("weights/")}
        _same_parameters(path, saved, weights)
        for name, x in weights.items():
            fill(x, saved[name])
        for name, parameter in self.model.named_parameters():
            moments = self.optimizer.state[parameter] if parameter.requires_grad else {}
            for key in ("exp_avg", "exp_avg_sq"):
                if (x := tensors.get(f"optimizer/{key}/{name}")) is not None:
                    moments[key] = fill(torch.zeros_like(parameter, requires_grad=False), x)
            if (x := tensors.get(f"optimizer/step/{name}")) is not None:
                moments["step"] = x.to(parameter.device)
            if (x := tensors.get(f"average/{name}")) is not None:
                self.average[name] = fill(parameter.detach().float().clone(), x)
        self.losses = tensors["losses"].tolist()


def lasting(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers by name, a tied one once.

    Raises:
        TypeError: the model's state holds something that is no tensor.
    """
    found: dict[int, tuple[str, Tensor]] = {}
    for name, x in model.state_dict(keep_vars=True).items():
        if not isinstance(x, Tensor):
            raise TypeError(
                f"the model keeps {name} as {type(x).__name__}; make it a buffer (register_buffer)"
            )
        found.setdefault(id(x), (name, x))
    return dict(found.values())


def save(path: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a checkpoint; the one before stays whole until the new one is complete.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    described = {"format": FORMAT, "facts": json.dumps(facts)}
    try:
        with replacing(path) as scratch:
            save_file(tensors, scratch, described)
    except (OSError, SafetensorError) as error:
        raise OSError(
            f"checkpoint {path} could not be written ({error}); free some space or name another "
            "checkpoint=; what stood there before is untouched"
        ) from error


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a checkpoint and the facts of its run.

    Raises:
        ValueError: the file is truncated, or no checkpoint of `fit`.
    """
    try:
        with safe_open(path, framework="pt") as file:
            described = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"checkpoint {path} is truncated or no safetensors file ({error}); {AFRESH}"
        ) from error
    if described.get("format") != FORMAT:
        raise ValueError(f"{path} holds tensors but no run of fit; {AFRESH}")
    return tensors, json.loads(described["facts"])


def same_run(path: Path, saved: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Refuse a checkpoint of a run that was asked for differently.

    Raises:
        ValueError: steps, recipe or first batch differ; the first difference is named.
    """
    for name, value in wanted.items():
        if saved.get(name) == value:
            continue
        if name == FIRST:
            said = "was trained on other batches: the data, their order, size or seed differ"
        else:
            said = f"was made with {name}={saved.get(name)}, this run asks for {name}={value}"
        raise ValueError(f"checkpoint {path} {said}; go back to what it was, or {AFRESH}")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The checkpoint is this run's alone inside the block.

    A killed process lets go by itself; its half-written scratch files are swept away here.

    Raises:
        BlockingIOError: another run holds it.
        OSError: the folder cannot be written.
    """
    lock = path.with_name(path.name + ".lock")
    handle = _locked(path, lock)
    try:
        for scratch in glob.glob(f".{glob.escape(path.name)}.*.tmp*", root_dir=path.parent):
            (path.parent / scratch).unlink(missing_ok=True)
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path, lock: Path) -> int:
    import fcntl

    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OSError(
                f"checkpoint {path} cannot be written ({error.strerror}); "
                "name a checkpoint= in a folder you may write"
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if lock.exists() and os.path.samestat(os.fstat(handle), lock.stat()):
                return handle
        except BlockingIOError as error:
            os.close(handle)
            raise BlockingIOError(
                f"checkpoint {path} is being written by another run; wait until it ends, stop it, "
                "or name another checkpoint="
            ) from error
        # The one who held the lock removed its file between our opening and locking it: once more.
        os.close(handle)


def _same_parameters(path: Path, saved: dict[str, Tensor], model: dict[str, Tensor]) -> None:
    for name in [*model, *saved]:
        there, here = _kind(saved.get(name)), _kind(model.get(name))
        if there != here:
            raise ValueError(
                f"checkpoint {path} is another model's: {name} is {there} in the file and {here} "
                f"in this model; build the model it was made with, or {AFRESH}"
            )


def _kind(x: Tensor | None) -> str:
    return "missing" if x is None else f"{str(x.dtype)[6:]} {tuple(x.shape)}"
