"""Base models that chapters start from: how each is made, and weights that can be trusted.

A chapter's minute belongs to its paper's idea, so classifiers, tokenizers and base generators are
trained once and shipped, a byte a number, beside a record of where they came from.
"""

import difflib
import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

from arlearn import home
from arlearn.zoo.entry import Entry
from arlearn.zoo.models import ENTRIES
from arlearn.zoo.record import Provenance, encoded, machine, refuse_strangers, stored, versions
from arlearn.zoo.shortened import unpacked

__all__ = [
    *("Check", "Entry", "Provenance"),
    *("find", "load", "names", "obtain", "provenance", "shipped", "train", "verify"),
]


@dataclass(frozen=True)
class Check:
    """What `verify` found: the recorded metric, the one measured now, and whether it holds.

    `same_recipe` is False where the functions that made the model have changed since.
    """

    name: str
    metric: str
    recorded: float
    measured: float
    holds: bool
    same_recipe: bool


def names() -> list[str]:
    """The models of the zoo."""
    return [entry.name for entry in ENTRIES]


def find(name: str) -> Entry:
    """How a model is made.

    Raises:
        ValueError: the zoo has no such model.
    """
    for entry in ENTRIES:
        if entry.name == name:
            return entry
    near = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names())}"
    raise ValueError(f"the zoo has no {name!r}; {hint}")


def provenance(name: str, folder: Path | None = None) -> Provenance:
    """Where a model's weights came from.

    Raises:
        FileNotFoundError: there are no weights yet.
        ValueError: no such model, or the record is damaged.
    """
    weights, record = _files(find(name).name, folder)
    if not weights.is_file() or not record.is_file():
        raise FileNotFoundError(
            f"{name} has no weights ({weights.name} with {record.name}) in {weights.parent}; "
            f"make them with `arlearn zoo train {name}`"
        )
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        told["metric"] = {**told["metric"], "value": float(told["metric"]["value"])}
        return Provenance(**{field.name: told[field.name] for field in fields(Provenance)})
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{record} is damaged ({error}); make it again with `arlearn zoo train {name}`"
        ) from error


def load(name: str, folder: Path | None = None) -> nn.Module:
    """A trained model on the CPU, in fp32 and eval mode; `folder` None means the shipped weights.

    Raises:
        FileNotFoundError: there are no weights yet.
        ValueError: no such model; the file is not the one that was recorded; its recorded metric
            is outside the bound; or its tensors are not those of the module the recipe builds.
    """
    made, told = find(name), provenance(name, folder)
    path = _files(name, folder)[0]
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    again = f"fetch the file again or make it with `arlearn zoo train {name}`"
    if found != told.sha256:
        raise ValueError(f"{path.name} has sha256 {found}, recorded is {told.sha256}; {again}")
    metric, value = told.metric.get("name"), told.metric["value"]
    if metric != made.metric or not made.holds(value):
        raise ValueError(
            f"{name} is recorded with {metric} {value:.4g}, but its recipe asks for "
            f"{made.metric} {made.bound}; {again}"
        )
    with torch.random.fork_rng(devices=[]):  # the untrained weights must not cost a random draw
        model = made.build()
    tensors = unpacked(safetensors.torch.load(data))
    refuse_strangers(name, model, tensors)
    model.load_state_dict(tensors)
    return model.eval()


def train(name: str, folder: Path | None = None, *, seed: int = 0) -> Path:
    """Make a model from its recipe and save it, if the weights as stored are within its bound.

    Without `folder` they go where shipped weights lie, which takes files of up to 2 MB.

    Returns the file of weights; its provenance lies beside it.

    Raises:
        ValueError: no such model, the file would be too large, the training was interrupted, or the
            metric is outside the bound. Nothing is written then.
    """
    made = find(name)
    with torch.random.fork_rng(devices=_gpus()):
        torch.manual_seed(seed)
        model = made.build().to(home.device())
        trained = {"seed": seed, "parameters": _learned(model)}
        if folder is None:  # too large a file is known before it is trained
            encoded(name, stored(model))
        history = made.train(model, seed)
    if history.interrupted:
        raise ValueError(f"the training of {name} was interrupted; nothing was saved")
    trained |= {"steps": history.steps, "seconds": round(history.seconds, 1), "device": machine()}
    tensors = stored(model)
    model.load_state_dict(unpacked(tensors))
    value = _measured(made, model)
    if not made.holds(value):
        raise ValueError(
            f"{name} was trained to {made.metric} {value:.4g}, its bound is {made.bound}; "
            "nothing was saved: train longer, on another seed, or look at the recipe"
        )
    weights, record = _files(name, folder or home.PACKAGE / "weights")
    data = safetensors.torch.save(tensors)
    with home.replacing(weights) as scratch:
        scratch.write_bytes(data)
    told = Provenance(
        name=name,
        command=f"arlearn zoo train {name}",
        recipe=made.sha256(),
        sha256=hashlib.sha256(data).hexdigest(),
        metric={"name": made.metric, "value": value, "bound": made.bound},
        data=made.data,
        training=trained,
        versions=versions(),
    )
    home.write_json(record, asdict(told))
    return weights


def verify(name: str, folder: Path | None = None) -> Check:
    """Load a model and measure it again.

    Raises:
        FileNotFoundError, ValueError: whatever `load` refuses.
    """
    made, told = find(name), provenance(name, folder)
    value = _measured(made, load(name, folder).to(home.device()))
    same = told.recipe == made.sha256()
    return Check(name, made.metric, told.metric["value"], value, made.holds(value), same)


def obtain(name: str) -> nn.Module:
    """`load`, after training the model here if it has no weights yet (they are kept with the data).

    So the large sizes, whose weights are not shipped, are made once per machine.
    """
    if not _files(name, None)[1].is_file():
        train(name, _kept())
    return load(name)


def shipped(name: str) -> bool:
    """Whether a model's weights come with the course; the large ones are made at the gpu tier.

    Raises:
        ValueError: no such model.
    """
    return find(name).tier != "gpu"


def _kept() -> Path:
    return home.data_folder() / "weights"


def _files(name: str, folder: Path | None) -> tuple[Path, Path]:
    """The file of weights and its record: in `folder`, else shipped, else made here."""
    if folder is None:
        folder = home.PACKAGE / "weights"
        if not (folder / f"{name}.json").is_file() and (_kept() / f"{name}.json").is_file():
            folder = _kept()
    return folder / f"{name}.safetensors", folder / f"{name}.json"


@torch.no_grad()
def _measured(made: Entry, model: nn.Module) -> float:
    """The metric in eval mode; what it draws at random is the same each time."""
    with torch.random.fork_rng(devices=_gpus()):
        torch.manual_seed(0)
        return float(made.measure(model.eval()))


def _learned(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _gpus() -> list[int]:
    return list(range(torch.cuda.device_count()))
