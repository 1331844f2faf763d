"""Captioned scenes of coloured objects, whose truth is known exactly, at any resolution."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.data.images import Images, split_number

SHAPES = ("circle", "square", "triangle", "cross")
PALETTE = {
    "red": (0.90, 0.12, 0.12),
    "green": (0.12, 0.72, 0.20),
    "blue": (0.15, 0.28, 0.92),
    "yellow": (0.95, 0.85, 0.12),
    "magenta": (0.88, 0.18, 0.80),
    "cyan": (0.12, 0.80, 0.88),
}
COLOURS = tuple(PALETTE)
CLASSES = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
DEFAULT_N = {"train": 8000, "test": 2000}
TILT = 0.3  # radians an object may be turned to either side
_UNIFORMS = 22  # random numbers one scene is made from


@dataclass(frozen=True)
class SceneObject:
    """One object; lengths are shares of the picture's side, y grows downwards, angle in radians."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float
    angle: float


@dataclass(frozen=True, eq=False)
class Scenes(Images):
    """Labelled pictures and the truth behind them.

    Attributes:
        objects: the objects of each picture; the first is the largest and gives the label.
        captions: "a red circle", or "a red circle left of a blue square".
    """

    objects: tuple[tuple[SceneObject, ...], ...]
    captions: tuple[str, ...]


def scenes(
    split: str = "train", side: int = 16, n: int | None = None, seed: int = 0, objects: int = 1
) -> Scenes:
    """Coloured shapes on a greyish gradient: 4 shapes x 6 colours = 24 classes.

    A scene is a row of random numbers and knows nothing of pixels, so the same seed gives the same
    scenes at every side, and a smaller `n` gives the first of them. One object has a radius of
    0.28 to 0.42 of the side and lies near the middle; of two, the first has 0.20 to 0.23, the
    second 0.14 to 0.17 and another colour, and they lie side by side or one above the other.

    Args:
        split: "train" (8,000 by default) or "test" (2,000), from separate random streams.
        side: pixels along one side, 8 or more.
        n: how many scenes.
        seed: another seed, other scenes.
        objects: objects in one scene, 1 or 2.

    Raises:
        ValueError: an argument is outside its range.
    """
    stream = split_number(split)
    n = DEFAULT_N[split] if n is None else n
    _check(side, n, objects)
    u = np.random.default_rng([seed, stream]).random((n, _UNIFORMS))
    kinds, places = _layout(u, objects)
    shades = 0.85 + 0.15 * u[:, [5, 11][:objects]]
    images = render(side, kinds, places, shades, u[:, 13:])
    truth = tuple(
        tuple(SceneObject(SHAPES[k // 6], COLOURS[k % 6], *at) for k, at in zip(*row, strict=True))
        for row in zip(kinds.tolist(), places.tolist(), strict=True)
    )
    labels = torch.from_numpy(kinds[:, 0].copy())
    return Scenes(images, labels, CLASSES, truth, tuple(map(caption, truth)))


def caption(objects: Sequence[SceneObject]) -> str:
    """What a scene shows, in words: "a red circle", or "a red circle above a blue cross"."""
    names = [f"a {item.colour} {item.shape}" for item in objects]
    if len(objects) == 1:
        return names[0]
    return f"{names[0]} {relation(*objects[:2])} {names[1]}"


def relation(first: SceneObject, second: SceneObject) -> str:
    """How the first lies to the second, along the axis on which their centres are further apart."""
    right, below = second.x - first.x, second.y - first.y
    if abs(right) > abs(below):
        return "left of" if right > 0 else "right of"
    return "above" if below > 0 else "below"


def distance_map(
    shape: str, side: int, places: Float[Tensor, "n 4"]
) -> Float[Tensor, "n side side"]:
    """Signed distance of every pixel's middle to the edge of a shape; negative inside.

    `places` holds x, y, radius, angle. Exact along straight edges, where it matters for
    anti-aliasing; a bound from below around corners. Sizes are set so that the shapes look equally
    large: a square's half side is 0.85 radius, a triangle's tips lie 1.2 radius from its centre, a
    cross's arms reach 1.1 radius and are 0.36 radius thick to either side of their middle.
    """
    centres = _centres(side, places.dtype).to(places.device)
    x, y, radius, angle = places.T[:, :, None, None]
    x, y = centres - x, centres[:, None] - y
    if shape == "circle":
        return torch.hypot(x, y) - radius
    cos, sin = torch.cos(angle), torch.sin(angle)
    x, y = cos * x + sin * y, cos * y - sin * x
    if shape == "square":
        return torch.maximum(x.abs(), y.abs()) - 0.85 * radius
    if shape == "triangle":
        return torch.maximum(math.sqrt(0.75) * x.abs() - 0.5 * y, y) - 0.6 * radius
    wide, thin = 1.1 * radius, 0.36 * radius
    lying = torch.maximum(x.abs() - wide, y.abs() - thin)
    standing = torch.maximum(x.abs() - thin, y.abs() - wide)
    return torch.minimum(lying, standing)


def _check(side: int, n: int, objects: int) -> None:
    if side < 8:
        raise ValueError(f"side {side} is too small to show a shape; use 8 or more pixels")
    if n < 1:
        raise ValueError(f"n={n} scenes cannot be drawn; ask for at least 1")
    if objects not in (1, 2):
        raise ValueError(f"a scene holds 1 or 2 objects, not {objects}")


def _layout(u: np.ndarray, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes [n o] and places (x, y, radius, angle) [n o 4] from rows of uniform numbers."""
    first = (u[:, 0] * 24).astype(np.int64)
    angle = (2 * u[:, [4, 10]] - 1) * TILT
    if objects == 1:
        radius = 0.28 + 0.14 * u[:, 1]
        reach = np.maximum(0.5 - 1.2 * radius, 0)  # no tip leaves the picture
        x, y = (0.5 + (2 * u[:, k] - 1) * reach for k in (2, 3))
        places = np.stack([x, y, radius, _still(first, angle[:, 0])], 1)
        return first[:, None], places[:, None]
    pick = (u[:, 6] * 20).astype(np.int64)  # 4 shapes x the 5 other colours
    second = pick // 5 * 6 + (first % 6 + 1 + pick % 5) % 6
    relation = (u[:, 12] * 4).astype(np.int64)  # left of, right of, above, below
    sign, beside = np.where(relation % 2 == 0, 1, -1), relation < 2
    places = []
    for k, kind, smallest, away in ((0, first, 0.20, -0.22), (1, second, 0.14, 0.28)):
        radius, along, across = smallest + 0.03 * u[:, 6 * k + 1], u[:, 6 * k + 2], u[:, 6 * k + 3]
        along = 0.5 + sign * away + 0.03 * (along - 0.5)
        across = 0.5 + 0.3 * (across - 0.5)
        x, y = np.where(beside, along, across), np.where(beside, across, along)
        places.append(np.stack([x, y, radius, _still(kind, angle[:, k])], 1))
    return np.stack([first, second], 1), np.stack(places, 1)


def _still(kinds: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """A circle has no angle."""
    return np.where(kinds // 6 == SHAPES.index("circle"), 0.0, angle)


def render(
    side: int, kinds: np.ndarray, places: np.ndarray, shades: np.ndarray, ground: np.ndarray
) -> Float[Tensor, "n 3 side side"]:
    """Draw objects over a ground, the later ones over the earlier ones.

    A pixel at an edge is covered in proportion to its middle's distance from it.

    Args:
        side: pixels along one side.
        kinds: class numbers [n o].
        places: x, y, radius, angle [n o 4], as in `SceneObject`.
        shades: the brightness [n o] an object's colour is multiplied by.
        ground: nine uniform numbers [n 9] that the gradient is made from.
    """
    parts = np.split(np.arange(len(kinds)), range(256, len(kinds), 256))  # bounds the memory
    rows = ((kinds[part], places[part], shades[part], ground[part]) for part in parts)
    return torch.cat([_drawn(side, *row) for row in rows])


def _drawn(
    side: int, kinds: np.ndarray, places: np.ndarray, shades: np.ndarray, ground: np.ndarray
) -> Float[Tensor, "n 3 side side"]:
    """A part of the scenes, in float64 until it is done."""
    image = _background(side, torch.from_numpy(ground))
    palette = torch.tensor(list(PALETTE.values()), dtype=torch.float64)
    for k in range(kinds.shape[1]):
        edge = distances(side, kinds[:, k], torch.from_numpy(places[:, k]))
        cover = (0.5 - edge * side).clamp(0, 1)[:, None]
        colour = palette[kinds[:, k] % 6] * torch.from_numpy(shades[:, k, None])
        image = image * (1 - cover) + cover * colour[:, :, None, None]
    return image.float()


def distances(
    side: int, kinds: np.ndarray, places: Float[Tensor, "n 4"]
) -> Float[Tensor, "n side side"]:
    """The `distance_map` of one object per picture, whose shape its class number [n] tells."""
    edge = places.new_empty(len(places), side, side)
    for number, shape in enumerate(SHAPES):
        some = torch.from_numpy(kinds // 6 == number)
        edge[some] = distance_map(shape, side, places[some])
    return edge


def _background(side: int, u: Float[Tensor, "n 9"]) -> Float[Tensor, "n 3 side side"]:
    """A gradient in any direction from a dark to a light grey, each with a touch of a hue."""
    centres = _centres(side, u.dtype) - 0.5
    turn = (2 * math.pi * u[:, 0])[:, None, None]
    along = torch.cos(turn) * centres + torch.sin(turn) * centres[:, None]
    light = (0.5 + along / math.sqrt(2))[:, None]
    tint = 0.08 * (u[:, 3:] - 0.5)
    dark_end = (0.20 + 0.20 * u[:, 1:2] + tint[:, :3])[..., None, None]
    light_end = (0.60 + 0.20 * u[:, 2:3] + tint[:, 3:])[..., None, None]
    return dark_end * (1 - light) + light_end * light


def _centres(side: int, dtype: torch.dtype) -> Float[Tensor, "side"]:
    """The middle of each pixel, in shares of the side."""
    return (torch.arange(side, dtype=dtype) + 0.5) / side
