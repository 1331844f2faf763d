"""Scenes of one to four equal objects: what a model that can count would draw."""

import numpy as np
import torch

from arlearn.data.images import split_number
from arlearn.data.scenes import (
    CLASSES,
    COLOURS,
    DEFAULT_N,
    SHAPES,
    TILT,
    SceneObject,
    Scenes,
    render,
)

NUMBERS = ("a", "two", "three", "four")
_AWAY = 0.26  # a quarter of the picture holds at most one object; this far from the middle
_OUTSIDE = -9.0  # an object that is not there is drawn far outside the picture


def counted_scenes(
    split: str = "train", side: int = 16, n: int | None = None, seed: int = 0, most: int = 4
) -> Scenes:
    """One to `most` objects of the same shape and colour, each in a quarter of its own.

    The caption says how many: "a red circle", "three red circles". Class, number, places, angles
    and brightness are uniform; a radius is 0.15 to 0.17 of the side, and no two objects touch.

    Args:
        split: "train" (8,000 by default) or "test" (2,000), from separate random streams.
        side: pixels along one side, 16 or more.
        n: how many scenes.
        seed: another seed, other scenes.
        most: the largest number of objects, 1 to 4.

    Raises:
        ValueError: an argument is outside its range.
    """
    stream = split_number(split)
    n = DEFAULT_N[split] if n is None else n
    _check(side, n, most)
    u = np.random.default_rng([seed, stream, most]).random((n, 35))
    kinds = np.repeat((u[:, :1] * 24).astype(np.int64), most, 1)
    counts = 1 + (u[:, 1] * most).astype(np.int64)
    quarters = np.argsort(u[:, 2:6], 1)[:, :most]
    x, y, size, turn, shade = u[:, 6:26].reshape(n, 5, 4)[..., :most].transpose(1, 0, 2)
    angle = np.where(kinds // 6 == SHAPES.index("circle"), 0.0, (2 * turn - 1) * TILT)
    x = 0.5 + (2 * (quarters % 2) - 1) * _AWAY + 0.03 * (x - 0.5)
    y = 0.5 + (2 * (quarters // 2) - 1) * _AWAY + 0.03 * (y - 0.5)
    places = np.stack([x, y, 0.15 + 0.02 * size, angle], -1)
    places[np.arange(most) >= counts[:, None], 0] = _OUTSIDE
    images = render(side, kinds, places, 0.85 + 0.15 * shade, u[:, 26:])
    truth = tuple(
        tuple(SceneObject(SHAPES[kind // 6], COLOURS[kind % 6], *at) for at in row[:count])
        for kind, count, row in zip(
            kinds[:, 0].tolist(), counts.tolist(), places.tolist(), strict=True
        )
    )
    captions = tuple(count_caption(objects[0], len(objects)) for objects in truth)
    return Scenes(images, torch.from_numpy(kinds[:, 0].copy()), CLASSES, truth, captions)


def count_caption(item: SceneObject, count: int) -> str:
    """How many there are, in words: "a red circle", "two red crosses".

    Raises:
        ValueError: `count` is not 1 to 4.
    """
    if not 1 <= count <= len(NUMBERS):
        raise ValueError(f"count {count} has no word here; use 1 to {len(NUMBERS)}")
    ending = "" if count == 1 else "es" if item.shape == "cross" else "s"
    return f"{NUMBERS[count - 1]} {item.colour} {item.shape}{ending}"


def _check(side: int, n: int, most: int) -> None:
    if side < 16:
        raise ValueError(f"side {side} is too small to show four shapes; use 16 or more pixels")
    if n < 1:
        raise ValueError(f"n={n} scenes cannot be drawn; ask for at least 1")
    if not 1 <= most <= len(NUMBERS):
        raise ValueError(f"a picture holds 1 to {len(NUMBERS)} counted objects, not {most}")
