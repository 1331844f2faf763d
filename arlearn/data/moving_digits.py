"""Films of handwritten digits that drift and bounce, by the rule of Moving MNIST."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.data.digits import digits
from arlearn.data.images import split_number
from arlearn.data.public import mnist

DEFAULT_N = {"train": 2000, "test": 400}
SOURCES = {"digits": (digits, 24), "mnist": (mnist, 64)}  # the loader and the side of the film
_SPEED = (0.06, 0.12)  # of the room a digit has, a frame


@dataclass(frozen=True, eq=False)
class DigitFilms:
    """Films in grey, 0..1, and the digits in each."""

    videos: Float[Tensor, "n f 1 h w"]
    labels: Int[Tensor, "n o"]

    def __len__(self) -> int:
        return len(self.videos)

    def first(self, n: int) -> "DigitFilms":
        """The first n films (all of them if there are fewer)."""
        return DigitFilms(self.videos[:n], self.labels[:n])


def moving_digits(
    split: str = "train",
    n: int | None = None,
    seed: int = 0,
    *,
    frames: int = 10,
    objects: int = 2,
    source: str = "digits",
) -> DigitFilms:
    """Digits that drift in straight lines, bounce off the border, and pass through each other.

    The rule of Moving MNIST: a digit starts anywhere in a random direction; where it would leave
    the picture its course is mirrored; where digits overlap the brighter pixel is shown. Here the
    digits are the 8 x 8 ones that scikit-learn ships, in 24 x 24 pixels, so nothing is downloaded;
    source="mnist" gives the original 28 x 28 in 64 x 64. Digits of the test split are in no film to
    train on. Positions are whole pixels. Source: Srivastava, Mansimov & Salakhutdinov 2015, arXiv
    1502.04681, section 3.1.

    Args:
        split: "train" (2,000 by default) or "test" (400).
        n: how many films; a smaller n gives the first of them.
        seed: another seed, other films.
        frames: of each film, 2 or more.
        objects: digits in each film, 1 to 4.
        source: "digits" or "mnist".

    Raises:
        ValueError: an argument is outside its range.
        FileNotFoundError, ConnectionError: as `download.fetch`, for MNIST.
    """
    stream = split_number(split)
    n = DEFAULT_N[split] if n is None else n
    if n < 1 or frames < 2 or not 1 <= objects <= 4:
        raise ValueError(
            f"n={n} films of frames={frames} and objects={objects} cannot be made; "
            "ask for at least 1 film, 2 frames and 1 to 4 objects"
        )
    if source not in SOURCES:
        raise ValueError(f"source {source!r} does not exist; choose one of {', '.join(SOURCES)}")
    loader, side = SOURCES[source]
    held = loader(split)
    size = held.images.shape[-1]
    videos = torch.zeros(n, frames, 1, side, side)
    labels = torch.empty(n, objects, dtype=torch.long)
    for i in range(n):
        random = np.random.default_rng([seed, stream, i])
        for k in range(objects):
            which = int(random.integers(len(held)))
            labels[i, k] = held.labels[which]
            for frame, (x, y) in zip(videos[i, :, 0], path(random, frames), strict=True):
                left, top = round(x * (side - size)), round(y * (side - size))
                window = frame[top : top + size, left : left + size]
                window.copy_(torch.maximum(window, held.images[which, 0]))
    return DigitFilms(videos, labels)


def path(random: np.random.Generator, frames: int) -> list[tuple[float, float]]:
    """Places of a point in the unit square that starts anywhere and is mirrored at its border."""
    turn, speed = 2 * math.pi * random.random(), random.uniform(*_SPEED)
    begin, step = random.random(2), speed * np.array([math.cos(turn), math.sin(turn)])
    straight = (begin + np.arange(frames)[:, None] * step) % 2  # a mirror at 0 and at 1
    return [tuple(row) for row in np.where(straight > 1, 2 - straight, straight).tolist()]
