"""How weights are kept: what a file holds, and a record of where they came from."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from arlearn import home
from arlearn.zoo.shortened import packed

MOST = 2_000_000  # bytes of one file of weights


@dataclass(frozen=True)
class Provenance:
    """Where a file of weights came from; stands beside it as NAME.json.

    Attributes:
        recipe: hash of the functions that made it.
        sha256: hash of the weights' file.
        metric: name, value on the weights as stored, and bound.
        command: what makes it again.
        training: seed, parameters learned, steps, seconds, and the device they took.
    """

    name: str
    command: str
    recipe: str
    sha256: str
    metric: dict[str, Any]
    data: str
    training: dict[str, Any]
    versions: dict[str, str]


def stored(model: nn.Module) -> dict[str, Tensor]:
    """A model's tensors as they are kept: floats shortened, whole numbers and truth values as is.

    All are copies, since safetensors takes no two names for one storage (tied weights).
    """
    kept = {}
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            kept |= packed(name, tensor)
        else:
            kept[name] = tensor.detach().to("cpu", copy=True).contiguous()
    return kept


def encoded(name: str, tensors: dict[str, Tensor]) -> bytes:
    """The bytes of a safetensors file.

    Raises:
        ValueError: there are more of them than the repository takes.
    """
    data = safetensors.torch.save(tensors)
    if len(data) > MOST:
        raise ValueError(
            f"{name} takes {len(data) / 1e6:.1f} MB, a file of the zoo at most {MOST / 1e6:g}; "
            "build a smaller module"
        )
    return data


def refuse_strangers(name: str, model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Do the tensors of a file fit the module its recipe builds?

    Raises:
        ValueError: a tensor is missing, unknown, or of another shape or type, the first few named.
    """
    wanted, faults = model.state_dict(), []
    faults += [f"{key} is missing" for key in sorted(set(wanted) - set(tensors))]
    faults += [f"{key} is unknown" for key in sorted(set(tensors) - set(wanted))]
    for key in sorted(set(wanted) & set(tensors)):
        ours, theirs = wanted[key], tensors[key]
        if ours.shape != theirs.shape:
            faults.append(f"{key} is {list(theirs.shape)}, not {list(ours.shape)}")
        elif _kind(ours) != _kind(theirs):
            faults.append(f"{key} is {theirs.dtype}, not {ours.dtype}")
    if faults:
        more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise ValueError(
            f"{name}'s weights do not fit the module its recipe builds: {'; '.join(faults[:4])}"
            f"{more}; make them again with `arlearn zoo train {name}`"
        )


def _kind(tensor: Tensor) -> torch.dtype:
    """What a tensor holds; all floats count as one, since they are stored shorter."""
    return torch.float32 if tensor.is_floating_point() else tensor.dtype


def machine() -> str:
    """The processor that trains at this tier."""
    if home.device() == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def versions() -> dict[str, str]:
    """Python and the libraries whose numerics matter."""
    found = {name: version(name) for name in ("torch", "numpy", "safetensors")}
    return {"python": platform.python_version(), **found}
