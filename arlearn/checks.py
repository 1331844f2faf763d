"""What models ask of the tensors they are given, said in sentences before anything is computed."""

import torch
from torch import Tensor


def axes(name: str, x: Tensor, wanted: str) -> None:
    """Refuse a tensor that has not the axes `wanted`, as "b c h w".

    Raises:
        ValueError: it has more axes or fewer.
    """
    if x.ndim != len(wanted.split()):
        raise ValueError(
            f"{name} of shape {tuple(x.shape)} have {x.ndim} axes; they need {wanted} "
            f"(for a single one, x[None] adds the batch)"
        )


def floats(name: str, x: Tensor) -> None:
    """Refuse numbers that no layer computes with, such as bytes.

    Raises:
        TypeError: the tensor does not hold floats.
    """
    if not x.is_floating_point():
        raise TypeError(f"{name} are {_kind(x)}; give floats in 0..1, for bytes x.float() / 255")


def indices(name: str, x: Tensor, vocab: int) -> None:
    """Refuse what is no index of a vocabulary.

    Raises:
        TypeError: the tensor holds no integers.
        ValueError: an index lies outside 0 .. vocab - 1.
    """
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"{name} are {_kind(x)}; give int64 indices, x.long()")
    if not x.numel():
        return
    least, most = x.aminmax()
    if least < 0 or most >= vocab:
        raise ValueError(
            f"{name} run from {int(least)} to {int(most)}, the vocabulary from 0 to "
            f"{vocab - 1}; enlarge vocab, or leave these positions out"
        )


def _kind(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
