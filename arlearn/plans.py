"""The order of generation: which positions are predicted together, and what each may look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Int
from torch import Tensor

SCANS = ("row", "column", "row-zigzag", "column-zigzag", "diagonal")


@dataclass(frozen=True, eq=False)
class Plan:
    """An order of generation, as one integer per position: the step that generates it.

    Positions of one step are drawn at once, given all earlier steps. Next-token prediction is
    `arange(t)`, drawing everything at once is `zeros(t)`; every scheme in between is a plan too.

    Raises:
        ValueError: the steps do not count 0, 1, 2, … without a gap.
    """

    step: Int[Tensor, "t"]

    def __post_init__(self):
        used = torch.unique(self.step)
        if not len(used) or not torch.equal(used, torch.arange(len(used), device=used.device)):
            raise ValueError(
                f"a plan's steps must count 0, 1, 2, … without a gap; these are {used.tolist()}"
            )

    def __len__(self) -> int:
        return len(self.step)

    def __eq__(self, other) -> bool:
        return isinstance(other, Plan) and torch.equal(self.step, other.step)

    @cached_property
    def n_steps(self) -> int:
        """Sequential draws one sample costs, `max(step) + 1`."""
        return int(self.step.max()) + 1

    def mask(self) -> Bool[Tensor, "t t"]:
        """mask[i, j]: may position i look at position j?  step[j] <= step[i]."""
        return self.step[None, :] <= self.step[:, None]

    def groups(self) -> list[Int[Tensor, "n"]]:
        """The positions each step generates, in order of the steps."""
        return [torch.nonzero(self.step == s).flatten() for s in range(self.n_steps)]

    def order(self) -> Int[Tensor, "t"]:
        """All positions in the order of generation; the concatenation of `groups()`."""
        return torch.argsort(self.step, stable=True)

    def after(self, n: int) -> "Plan":
        """This plan behind `n` positions that are given (a prompt): they become step 0."""
        if n < 1:
            raise ValueError(f"a prompt has at least 1 position, not {n}")
        return Plan(torch.cat([self.step.new_zeros(n), self.step + 1]))


def raster(t: int) -> Plan:
    """One position after the other: next-token prediction."""
    return Plan(torch.arange(_positive("length", t)))


def whole(t: int) -> Plan:
    """Everything at once: one-shot parallel decoding."""
    return Plan(torch.zeros(_positive("length", t), dtype=torch.long))


def blocks(t: int, size: int, first: int | None = None) -> Plan:
    """`size` neighbours at a time; size 1 is `raster`, size t draws everything at once.

    Args:
        first: length of the first block, which may be shorter; the last one is then what is left.

    Raises:
        ValueError: t is no multiple of the size, or `first` is not in 1 … size.
    """
    if first is not None:
        return Plan(block_steps(t, size, torch.tensor([first]))[0])
    if size < 1 or t % size:
        raise ValueError(
            f"block size {size} does not divide {t} positions; choose one of {_divisors(t)}"
        )
    return Plan(torch.arange(t) // size)


def block_steps(t: int, size: int, first: Int[Tensor, "b"]) -> Int[Tensor, "b t"]:
    """The steps of `blocks(t, size, first[i])` for every sample i: blocks with edges of its own.

    Raises:
        ValueError: t or the size is below 1, or a first block is not 1 … size long.
    """
    _positive("length", t), _positive("block size", size)
    if len(first) and not 1 <= int(first.min()) <= int(first.max()) <= size:
        raise ValueError(
            f"first blocks of {int(first.min())} to {int(first.max())} positions do not fit "
            f"blocks of {size}; a first block has 1 to {size}"
        )
    return (torch.arange(t, device=first.device) + size - first[:, None]) // size


def windows(sizes: Sequence[int]) -> Plan:
    """Neighbours in runs of the given sizes: `[1, 3, 4]` draws 1, then 3, then 4 positions."""
    if not len(sizes) or min(sizes) < 1:
        raise ValueError(f"window sizes must be a list of positive integers, not {sizes}")
    return Plan(torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(list(sizes))))


def scales(sides: Sequence[int]) -> Plan:
    """Whole pictures from coarse to fine (VAR): scale k has `sides[k]`² positions, one step."""
    if not len(sides) or min(sides) < 1 or sorted(set(sides)) != list(sides):
        raise ValueError(f"scale sides must grow, like [1, 2, 4, 8]; got {list(sides)}")
    return windows([side * side for side in sides])


def cells(height: int, width: int, size: int) -> Plan:
    """Square cells of a grid in raster order (xAR); positions are numbered row by row."""
    if size < 1 or height % size or width % size:
        fits = ", ".join(n for n in _divisors(height).split(", ") if width % int(n) == 0)
        raise ValueError(
            f"cell size {size} does not divide a {height} x {width} grid; choose one of {fits}"
        )
    row, column = torch.arange(height)[:, None] // size, torch.arange(width)[None, :] // size
    return Plan((row * (width // size) + column).flatten())


def subsamples(height: int, width: int, stride: int) -> Plan:
    """Every `stride`-th row and column of a grid at once, in raster order of where they begin.

    stride² steps of equally many positions that are spread over the whole grid; a cell is the
    opposite, as many positions side by side. Stride 1 draws everything at once.

    Raises:
        ValueError: the stride does not divide both sides.
    """
    if stride < 1 or height % stride or width % stride:
        fits = ", ".join(n for n in _divisors(height).split(", ") if width % int(n) == 0)
        raise ValueError(
            f"stride {stride} does not divide a {height} x {width} grid; choose one of {fits}"
        )
    row, column = torch.arange(height)[:, None] % stride, torch.arange(width)[None, :] % stride
    return Plan((row * stride + column).flatten())


def frames(n: int, size: int) -> Plan:
    """`n` frames of a video, each of `size` positions drawn at once."""
    return blocks(_positive("number of frames", n) * _positive("frame size", size), size)


def shuffled(t: int, generator: torch.Generator | None = None) -> Plan:
    """One position after the other, in random order."""
    return Plan(torch.randperm(_positive("length", t), generator=generator))


def scan(height: int, width: int, kind: str = "row") -> Plan:
    """One cell of a grid after the other, along rows, columns or diagonals.

    "row" is `raster`; "column" goes down each column. In a zigzag every other line runs backwards,
    so that neighbours in time are neighbours in the picture: "row-zigzag", "column-zigzag", and
    "diagonal", which walks the anti-diagonals as JPEG does.

    Raises:
        ValueError: a side below 1, or an unknown kind.
    """
    _positive("height", height), _positive("width", width)
    if kind not in SCANS:
        raise ValueError(f"scan {kind!r} is unknown; choose one of {', '.join(SCANS)}")
    row, column = torch.arange(height)[:, None], torch.arange(width)[None, :]
    back = kind.endswith("zigzag")
    if kind == "diagonal":
        line, place = row + column, torch.where((row + column) % 2 == 0, column, row)
    elif kind.startswith("row"):
        line, place = row.expand(height, width), torch.where(back & (row % 2 == 1), -column, column)
    else:
        line, place = column.expand(height, width), torch.where(back & (column % 2 == 1), -row, row)
    key = (line * 2 * (height + width) + place).flatten()
    return Plan(key.argsort().argsort())


def two_streams(clean: Plan, noisy: Plan) -> Bool[Tensor, "{2*len(clean)} {2*len(clean)}"]:
    """The mask where each unit stands twice, first all clean, then all noisy.

    Clean i sees clean j iff clean.step[j] <= clean.step[i], and nothing noisy. Noisy i sees clean j
    iff noisy.step[j] < noisy.step[i], and noisy j iff noisy.step[j] == noisy.step[i]. Block
    diffusion, clean-context flow, and draft-and-verify training differ only in the two plans.

    Raises:
        ValueError: the plans differ in length, or a clean position that the noisy stream may read
            depends on units of a later noisy step (the answer would leak through it).
    """
    return streams(clean.step, noisy.step)


def streams(clean: Int[Tensor, "*_ t"], noisy: Int[Tensor, "*_ n"]) -> Bool[Tensor, "*b two two"]:
    """`two_streams` of plans given by their steps, one pair of plans or one for every sample.

    Args:
        clean: steps of the clean stream, `raster(t).step` or `block_steps(…)` for instance.
        noisy: steps of the noisy one.

    Raises:
        ValueError: as `two_streams`.
    """
    if clean.shape[-1] != noisy.shape[-1]:
        raise ValueError(
            f"the clean plan has {clean.shape[-1]} positions, the noisy one {noisy.shape[-1]}"
        )
    clean, noisy = torch.broadcast_tensors(clean, noisy)
    past = noisy[..., None, :] < noisy[..., :, None]
    now = noisy[..., None, :] == noisy[..., :, None]
    seen = clean[..., None, :] <= clean[..., :, None]
    if (past.float() @ seen.float() > 0).logical_and(~past).any():
        raise ValueError(
            "the clean plan looks further ahead than the noisy one: a noisy unit would see itself "
            "through the clean stream; give the clean stream the noisy plan or a finer one"
        )
    top = torch.cat([seen, torch.zeros_like(seen)], dim=-1)
    return torch.cat([top, torch.cat([past, now], dim=-1)], dim=-2)


def _positive(name: str, n: int) -> int:
    if n < 1:
        raise ValueError(f"{name} must be at least 1, not {n}")
    return n


def _divisors(t: int) -> str:
    return ", ".join(str(n) for n in range(1, t + 1) if t % n == 0)
