"""Which examples a training step sees: a pure function of the seed and the step, so no state."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.distributed import Team

Draw = Callable[[int], tuple[Tensor, ...]]


@dataclass(frozen=True, eq=False, init=False)
class Batches:
    """Shuffled epochs of some tensors: `Batches(images, labels, size=64, seed=0)(step)`.

    All tensors count examples along their first axis. Every epoch is a fresh order of all n
    examples, and step s reads places s·size to (s+1)·size of one epoch after the other, so nothing
    is dropped when `size` does not divide n, and a `size` beyond n starts the next epoch inside
    the batch. Step s can be asked at any time: a run that is started again needs no iterator.

    Raises:
        TypeError: something else than tensors was given.
        ValueError: no examples, tensors of different length, or a size below 1.
    """

    tensors: tuple[Tensor, ...]
    size: int
    seed: int
    rank: int
    world: int

    def __init__(self, *tensors, size: int = 64, seed: int = 0, rank: int = 0, world: int = 1):
        if len(tensors) == 1 and isinstance(tensors[0], tuple | list):
            tensors = tensors[0]
        values = (tuple(tensors), size, seed, rank, world)
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)
        self._check()

    def _check(self) -> None:
        odd = [type(x).__name__ for x in self.tensors if not isinstance(x, Tensor)]
        if odd or not self.tensors:
            raise TypeError(
                f"Batches takes tensors, not {', '.join(odd) or 'nothing'}; "
                "write Batches(images, labels, size=64, seed=0)"
            )
        lengths = [len(x) if x.ndim else 0 for x in self.tensors]
        if len(set(lengths)) > 1:
            raise ValueError(f"the tensors hold {lengths} examples; they must hold equally many")
        if lengths[0] < 1:
            raise ValueError("the tensors hold no examples; there is nothing to learn from")
        if self.size < 1:
            raise ValueError(f"a batch has at least 1 example, not size={self.size}")

    def __len__(self) -> int:
        """Examples in one epoch."""
        return len(self.tensors[0])

    def indices(self, step: int) -> Int[Tensor, "b"]:
        """Which examples this rank sees at `step`."""
        share = self.size // self.world
        start = step * self.size + self.rank * share
        epoch, place = divmod(start, len(self))
        parts, missing = [], share
        while missing:
            part = _shuffled(len(self), self.seed, epoch)[place : place + missing]
            parts.append(part)
            epoch, place, missing = epoch + 1, 0, missing - len(part)
        return torch.cat(parts)

    def __call__(self, step: int) -> tuple[Tensor, ...]:
        """The tensors' rows of `step`, in the order in which the tensors were given."""
        index = self.indices(step)
        return tuple(x[index.to(x.device)] for x in self.tensors)

    def shard(self, rank: int, world: int) -> "Batches":
        """The `rank`-th of `world` equal slices of the same batches.

        Raises:
            ValueError: the size does not divide among so many, or the slices are sliced already.
        """
        if self.world > 1:
            raise ValueError(f"these batches are slice {self.rank} of {self.world} already")
        if self.size % world:
            raise ValueError(
                f"batch size {self.size} does not divide among {world} processes; "
                f"choose a multiple of {world}"
            )
        return Batches(*self.tensors, size=self.size, seed=self.seed, rank=rank, world=world)


@dataclass(frozen=True, eq=False)
class Windows:
    """Random windows of a text, `Windows(units, length=256, size=32, seed=0)(step) -> (b t,)`.

    The windows of a step depend on seed and step alone, so that a run can go on in the middle.

    Raises:
        ValueError: the text is shorter than a window, or length or size is below 1.
    """

    units: Int[Tensor, "n"]
    length: int
    size: int = 32
    seed: int = 0

    def __post_init__(self):
        if not 1 <= self.length <= len(self.units):
            raise ValueError(
                f"a window of length={self.length} does not fit a text of {len(self.units)} "
                f"units; choose 1 … {len(self.units)}"
            )
        if self.size < 1:
            raise ValueError(f"a batch has at least 1 window, not size={self.size}")

    def __call__(self, step: int) -> tuple[Int[Tensor, "b t"]]:
        """`size` windows, each from a place drawn evenly over the text."""
        dice = torch.Generator().manual_seed(mixed(self.seed, "windows", step))
        places = torch.randint(len(self.units) - self.length + 1, (self.size, 1), generator=dice)
        return (self.units[places + torch.arange(self.length)],)


@lru_cache(maxsize=4)
def _shuffled(n: int, seed: int, epoch: int) -> Int[Tensor, "n"]:
    order = torch.Generator().manual_seed(mixed(seed, "epoch", epoch))
    return torch.randperm(n, generator=order)


def mixed(*parts: int | str) -> int:
    """A seed of 63 bits from several numbers; neighbours (seed, step) give unrelated streams."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def seed_step(team: Team, *parts: int) -> None:
    """Seed torch's generators of the CPU and of this process's GPU, and no others.

    `torch.manual_seed` also files a call, with its traceback, for every accelerator that is not in
    use: a millisecond a step.
    """
    torch.default_generator.manual_seed(mixed(*parts))
    if team.device.type == "cuda":
        torch.cuda.manual_seed(mixed(*parts))


def check_batch(batch: Any) -> tuple[Tensor, ...]:
    """`batch` as it is, or the sentence that says what a step must return.

    Raises:
        TypeError: it is no tuple of tensors.
    """
    if isinstance(batch, tuple | list) and batch and all(isinstance(x, Tensor) for x in batch):
        return tuple(batch)
    raise TypeError(
        f"batches(step) returned {type(batch).__name__}; return a tuple of tensors, "
        "for one tensor (x,), which fit hands on as model.loss(*batch)"
    )


def check_batches(batches: Any) -> None:
    """Refuse what is no function of the step.

    Raises:
        TypeError: an iterator, a DataLoader, tensors, anything that cannot be called with a step.
    """
    if callable(batches) and not isinstance(batches, Tensor | type):
        return
    kind = "an iterator" if isinstance(batches, Iterator) else f"a {type(batches).__name__}"
    raise TypeError(
        f"batches is {kind}, but fit asks for a function step -> tuple of tensors, so that a run "
        "can go on in the middle; wrap the tensors as Batches(x, y, size=64, seed=0), "
        "or write a function that builds the batch of a given step"
    )


def drawer(batches: Draw, seed: int, team: Team) -> Draw:
    """step -> this process's slice of its batch, on its device, with torch's generator seeded.

    The batch must be the same in all processes, so it is drawn under (seed, step); the model's
    noise must not be, so the others then go on from (seed, step, rank).
    """
    whole = team.world == 1 or not hasattr(batches, "shard")
    share = batches if whole else batches.shard(team.rank, team.world)

    def draw(step: int) -> tuple[Tensor, ...]:
        seed_step(team, seed, step)
        batch = check_batch(share(step))
        if whole and team.world > 1:
            batch = slice_of(batch, team.rank, team.world)
        if team.rank:
            seed_step(team, seed, step, team.rank)
        return tuple(x.to(team.device) for x in batch)

    return draw


def slice_of(batch: tuple[Tensor, ...], rank: int, world: int) -> tuple[Tensor, ...]:
    """The `rank`-th of `world` equal slices of a batch along the first axis.

    Raises:
        ValueError: a tensor has no first axis, or its length does not divide.
    """
    for x in batch:
        if not x.ndim or len(x) % world:
            raise ValueError(
                f"a batch tensor of shape {tuple(x.shape)} does not divide among {world} "
                f"processes; its first axis must be a multiple of {world}"
            )
    return tuple(x.chunk(world)[rank] for x in batch)


def fingerprint(batches: Draw, seed: int, team: Team) -> str:
    """A hash of the first batch's shapes, types and bytes: the same data and order, or not."""
    seed_step(team, seed, 0)
    found = hashlib.sha256()
    for x in check_batch(batches(0)):
        found.update(f"{x.dtype}{tuple(x.shape)}".encode())
        found.update(x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
