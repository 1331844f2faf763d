"""The exact maps behind a scene: who is in front, masks, edges, depth, classes of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from arlearn.data.scenes import COLOURS, SHAPES, SceneObject, Scenes, distances


@dataclass(frozen=True, eq=False)
class SceneMaps:
    """What is where, at the middle of each pixel.

    An object lies in front of all that come before it in its picture, since it is drawn over them.

    Attributes:
        masks: the pixels where object k is seen: its middle is inside, and in no object in front.
        segments: 0 for the ground, else 1 + the class number of the object that is seen.
        edges: 1 where a visible outline passes within half a pixel of the middle, else 0. Two
            neighbours (above or beside each other) that show different things never both lack one.
        depth: distance from the viewer in units of the ground's distance, so the ground is 1; the
            object drawn k-th stands at 1 / (k + 2): 1/2, 1/3, 1/4, …
    """

    masks: Bool[Tensor, "n o side side"]
    segments: Int[Tensor, "n side side"]
    edges: Float[Tensor, "n 1 side side"]
    depth: Float[Tensor, "n 1 side side"]


def scene_maps(
    made: Scenes | Sequence[Sequence[SceneObject]], side: int | None = None
) -> SceneMaps:
    """The maps of scenes, or of objects (the truth, or what `oracle.parse_objects` found).

    With d_k the signed distance to object k's outline in pixels, negative inside:
    mask_k = d_k < 0 and no d_j < 0 for j > k; edge = some |d_k| <= 1/2 and no d_j < 0 for j > k.

    Args:
        made: the scenes, or the objects of each picture in the order they are drawn.
        side: pixels along one side, 8 or more; None takes that of the scenes' pictures.

    Raises:
        ValueError: there are no pictures, no side, or one that is too small.
    """
    if isinstance(made, Scenes):
        side = made.images.shape[-1] if side is None else side
        made = made.objects
    if side is None:
        raise ValueError("objects have no resolution; pass side=, pixels along one side")
    if side < 8:
        raise ValueError(f"side {side} is too small to show a shape; use 8 or more pixels")
    if not len(made):
        raise ValueError("no scenes to map; pass at least one")
    kinds, away = _table(made, side)
    edge, label = torch.zeros(len(made), side, side), torch.zeros_like(away[:, 0], dtype=torch.long)
    for k in range(away.shape[1]):
        label[away[:, k] < 0] = k + 1  # in front of all before
        edge[away[:, k] < 0] = 0
        edge[away[:, k].abs() <= 0.5] = 1
    layers = torch.arange(1, away.shape[1] + 1)
    segments = torch.cat([torch.zeros(len(made), 1, dtype=torch.long), kinds + 1], 1)
    return SceneMaps(
        masks=label[:, None] == layers[:, None, None],
        segments=segments.gather(1, label.flatten(1)).view_as(label),
        edges=edge[:, None],
        depth=(1 / (label + 1.0))[:, None],
    )


def _table(
    made: Sequence[Sequence[SceneObject]], side: int
) -> tuple[Int[Tensor, "n o"], Float[Tensor, "n o side side"]]:
    """Class numbers, and signed distances in pixels; where there is no object, infinitely far."""
    most = max(1, *map(len, made))
    kinds = np.zeros((len(made), most), np.int64)
    away = torch.full((len(made), most, side, side), torch.inf)
    for k in range(most):
        rows = [i for i, objects in enumerate(made) if len(objects) > k]
        items = [made[i][k] for i in rows]
        if not items:
            continue
        found = [SHAPES.index(item.shape) * 6 + COLOURS.index(item.colour) for item in items]
        kinds[rows, k] = found
        places = torch.tensor(
            [[item.x, item.y, item.radius, item.angle] for item in items], dtype=torch.float64
        )
        away[rows, k] = (distances(side, kinds[rows, k], places) * side).float()
    return torch.from_numpy(kinds), away
