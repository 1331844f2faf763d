"""Reads a scene back: which objects a picture shows, by fitting templates, without training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.data.scenes import COLOURS, PALETTE, SHAPES, TILT, SceneObject, distance_map

VALID = 0.75  # clean objects score 0.83 or more, two halves of different colours 0.67 or less
_SMALLEST = 0.012  # share of the picture; what is smaller is dust, not an object
_RAMP = 0.5  # width of the band of covers that counts as an edge
_ANGLES = tuple(TILT * k / 3 for k in range(-3, 4))
_GROWTH = (0.95, 1.0, 1.05)
_AREA = {"circle": 3.1416, "square": 2.89, "triangle": 1.8706, "cross": 2.6496}  # at radius 1


@dataclass(frozen=True)
class Seen(SceneObject):
    """An object found in a picture.

    Attributes:
        score: 0..1, how well the object explains the picture's colour: the soft overlap
            (intersection over union) of its outline with the pixels of its colour, times the
            share of all coloured pixels that has a reported colour. Below `VALID` there is no
            such object.
    """

    score: float

    @property
    def label(self) -> int:
        """The number of its class in `scenes.CLASSES`."""
        return SHAPES.index(self.shape) * len(COLOURS) + COLOURS.index(self.colour)


def parse(images: Float[Tensor, "n 3 s s"]) -> list[Seen]:
    """The main object of each picture: the one in the colour that covers most."""
    return [found[0] for found in parse_objects(images, 1)]


def parse_objects(images: Float[Tensor, "n 3 s s"], objects: int = 2) -> list[tuple[Seen, ...]]:
    """The objects of each picture, the largest radius first; one for each of its main colours.

    1. colour: take the grey (mean over channels) from each pixel, give it to the palette colour at
       the smallest angle, and report the colours with most pixels;
    2. cover: how far each pixel of that colour is on the way from grey to the colour, 0..1;
    3. shape: centre and size from the cover's moments, then among all shapes, angles and a few
       sizes the template with the largest sum(min(cover, template)) / sum(max(cover, template)).

    Raises:
        ValueError: `objects` is not 1..6, the number of colours.
    """
    if not 1 <= objects <= len(COLOURS):
        raise ValueError(f"objects={objects} cannot be told apart; ask for 1 to {len(COLOURS)}")
    images = images.detach().float().cpu()
    at_once = max(1, 2**16 // images.shape[-1] ** 2)
    return [found for part in images.split(at_once) for found in _parse(part, objects)]


def parse_all(images: Float[Tensor, "n 3 s s"], threshold: float = VALID) -> list[tuple[Seen, ...]]:
    """Every object of each picture that scores `threshold`, the largest radius first.

    As `parse_objects`, but the cover of each colour is split into its connected pieces (neighbours
    above, below and beside), so that two red circles are two objects; pieces below 1.2% of the
    picture are left out.
    """
    images = images.detach().float().cpu()
    at_once = max(1, 2**16 // images.shape[-1] ** 2)
    parts = images.split(at_once) if len(images) else ()
    return [
        tuple(seen for seen in found if seen.score >= threshold)
        for part in parts
        for found in _parse_all(part)
    ]


def scene_accuracy(
    images: Float[Tensor, "n 3 s s"], labels: Int[Tensor, "n"], threshold: float = VALID
) -> float:
    """The share of pictures whose main object has the label's class and scores `threshold`.

    Raises:
        ValueError: there are no pictures.
    """
    if not len(images):
        raise ValueError("no pictures to score; pass at least one")
    right = [
        seen.label == label and seen.score >= threshold
        for seen, label in zip(parse(images), labels.tolist(), strict=True)
    ]
    return sum(right) / len(right)


def _parse(images: Float[Tensor, "n 3 s s"], objects: int) -> Iterator[tuple[Seen, ...]]:
    cover = _cover(images)
    weight = torch.where(cover > 0.5, cover, 0).sum((2, 3))  # noise on the grey stays below
    colours = weight.topk(objects).indices
    purity = weight.gather(1, colours).sum(1) / weight.sum(1).clamp(min=1e-6)
    rows = torch.arange(len(images))
    fits = [_fit(cover[rows, colours[:, k]]) for k in range(objects)]
    for i in range(len(images)):
        found = []
        for k, (shapes, places, overlap) in enumerate(fits):
            shape, colour = SHAPES[int(shapes[i])], COLOURS[int(colours[i, k])]
            found.append(Seen(shape, colour, *places[i].tolist(), float(overlap[i] * purity[i])))
        yield tuple(sorted(found, key=lambda seen: -seen.radius))


def _parse_all(images: Float[Tensor, "n 3 s s"]) -> list[list[Seen]]:
    cover = _cover(images)
    weight = torch.where(cover > 0.5, cover, 0).sum((2, 3))
    pieces, owners = _pieces(cover)
    found: list[list[Seen]] = [[] for _ in images]
    if not owners:
        return found
    kept = torch.where(pieces > 0.5, pieces, 0).sum((1, 2))
    held = torch.zeros(len(images)).index_add(0, torch.tensor([i for i, _ in owners]), kept)
    purity = (held / weight.sum(1).clamp(min=1e-6)).clamp(max=1)
    windows, corners = _windows(pieces)
    shapes, places, overlap = _fit(windows)
    share = windows.shape[-1] / images.shape[-1]
    places[:, :2] = places[:, :2] * share + corners / images.shape[-1]
    places[:, 2] *= share
    for k, (i, colour) in enumerate(owners):
        score = float(overlap[k] * purity[i])
        kind = SHAPES[int(shapes[k])], COLOURS[colour]
        found[i].append(Seen(*kind, *places[k].tolist(), score))
    return [sorted(seen, key=lambda one: -one.radius) for seen in found]


def _pieces(
    cover: Float[Tensor, "n k s s"],
) -> tuple[Float[Tensor, "p s s"], list[tuple[int, int]]]:
    """The connected pieces of all covers, and the picture and colour each belongs to."""
    from scipy import ndimage

    smallest = _SMALLEST * cover.shape[-1] ** 2
    inside, pieces, owners = (cover > 0.5).numpy(), [], []
    for i, k in (cover.amax((2, 3)) > 0.5).nonzero().tolist():
        numbers, count = ndimage.label(inside[i, k])
        for number in range(1, count + 1):
            if (numbers == number).sum() >= smallest:
                near = ndimage.binary_dilation(numbers == number, np.ones((3, 3)))
                pieces.append(cover[i, k] * torch.from_numpy(near))  # with its soft edge
                owners.append((i, k))
    return torch.stack(pieces) if pieces else cover.new_zeros(0, *cover.shape[2:]), owners


def _windows(pieces: Float[Tensor, "p s s"]) -> tuple[Float[Tensor, "p w w"], Int[Tensor, "p 2"]]:
    """Each piece in a window half as wide again as the widest, and the window's corner (x, y).

    Fitting takes time in proportion to pixels, and finds the same in the window as outside it.
    """
    side = pieces.shape[-1]
    filled = torch.stack([pieces.amax(1), pieces.amax(2)], 1) > 0  # columns, rows
    first, last = filled.int().argmax(2), side - 1 - filled.flip(2).int().argmax(2)
    width = min(side, int(1.5 * (last - first + 1).max()) + 2)
    corners = ((first + last + 1 - width) // 2).clamp(0, side - width)
    windows = [
        piece[y : y + width, x : x + width]
        for piece, (x, y) in zip(pieces, corners.tolist(), strict=True)
    ]
    return torch.stack(windows), corners


def _cover(images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, "n 6 s s"]:
    """How much of each pixel each colour covers; a pixel has at most one colour."""
    palette = torch.tensor(list(PALETTE.values()))
    palette = palette - palette.mean(1, keepdim=True)
    strength = palette.norm(dim=1, keepdim=True)
    hue = images - images.mean(1, keepdim=True)
    along = torch.einsum("nchw,kc->nkhw", hue, palette / strength)
    nearest = torch.zeros_like(along).scatter(1, along.argmax(1, keepdim=True), 1.0)
    cover = along / strength[:, :, None] * nearest
    sure = (cover - 0.3).clamp(min=0)
    shade = (sure * cover).sum((1, 2, 3)) / sure.sum((1, 2, 3)).clamp(min=1e-6)
    return _sharpen(cover / shade.clamp(0.6, 1.2)[:, None, None, None])


def _sharpen(cover: Float[Tensor, "*p"]) -> Float[Tensor, "*p"]:
    """Stretches the covers around one half; noise on the grey and in the colour drops out."""
    return ((cover - 0.5) / _RAMP + 0.5).clamp(0, 1)


def _fit(
    cover: Float[Tensor, "n s s"],
) -> tuple[Int[Tensor, "n"], Float[Tensor, "n 4"], Float[Tensor, "n"]]:
    """The best template of each cover: its shape, its place (x, y, radius, angle), its overlap."""
    n, side = len(cover), cover.shape[-1]
    mass = cover.sum((1, 2)).clamp(min=1e-6)
    centres = (torch.arange(side) + 0.5) / side
    x = (cover.sum(1) * centres).sum(1) / mass
    y = (cover.sum(2) * centres).sum(1) / mass
    grid = torch.cartesian_prod(torch.tensor(_GROWTH), torch.tensor(_ANGLES))
    overlaps, places = [], []
    for shape in SHAPES:
        radius = (mass / _AREA[shape]).sqrt() / side
        columns = (x[:, None], y[:, None], radius[:, None] * grid[:, 0], grid[:, 1])
        place = torch.stack([c.expand(n, len(grid)) for c in columns], -1)
        template = _sharpen(0.5 - distance_map(shape, side, place.flatten(0, 1)) * side)
        template = template.view(n, len(grid), side, side)
        both = torch.minimum(template, cover[:, None]).sum((2, 3))
        overlaps.append(both / (template.sum((2, 3)) + mass[:, None] - both))
        places.append(place)
    overlap, best = torch.cat(overlaps, 1).max(1)
    return best // len(grid), torch.cat(places, 1)[torch.arange(n), best], overlap
