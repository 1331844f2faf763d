"""What every image dataset returns: pictures, labels, and the names of the labels."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

SPLITS = ("train", "test")


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled pictures.

    Attributes:
        images: values 0..1, float32.
        labels: the class of each picture, int64.
        classes: the name of each class; `classes[labels[i]]` says what picture i shows.
    """

    images: Float[Tensor, "n c h w"]
    labels: Int[Tensor, "n"]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def first(self, n: int) -> "Images":
        """The first n pictures (all of them if there are fewer), with their labels."""
        return Images(self.images[:n], self.labels[:n], self.classes)

    def to(self, device: str | torch.device) -> Self:
        """The same pictures with both tensors on `device`."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))


def split_number(split: str) -> int:
    """0 for train, 1 for test.

    Raises:
        ValueError: `split` is neither.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} does not exist; choose one of {', '.join(SPLITS)}")
    return SPLITS.index(split)
