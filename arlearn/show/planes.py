"""Pictures of the plane: points, the cells a quantizer cuts it into, the paths of a flow."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.show.picture import COLOURS, EMPTY, FAINT, PALETTE, Picture, canvas, listed

FINE = 160  # points along a side of the grid on which cells are found
Cells = Callable[[Float[Tensor, "n 2"]], Int[Tensor, "n"]]


@dataclass(frozen=True, eq=False)
class Plane:
    """What one panel shows; all of it may be left out but the points.

    Attributes:
        points: dots, `n 2`.
        marks: crosses on top of them, such as codes.
        paths: the same points at several times, drawn as lines that end in the points.
        cells: tells the cell of each point of the plane; the borders are drawn.
    """

    points: Float[Tensor, "n 2"]
    marks: Float[Tensor, "m 2"] | None = None
    paths: Float[Tensor, "s n 2"] | None = None
    cells: Cells | None = None


def planes(
    panels: Mapping[str, Plane],
    *,
    x: str,
    y: str,
    low: float,
    high: float,
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Panels side by side, each a square of the plane from `low` to `high` on both axes.

    Args:
        panels: the title of each panel and what it shows.
        x, y: labels of the axes, with units.

    Raises:
        ValueError: no panel, a missing label, or `low` not below `high`.
    """
    if not panels or not x.strip() or not y.strip() or not low < high:
        raise ValueError(
            f"planes needs a panel, both labels and low < high; got {len(panels)} panels, "
            f"x={x!r}, y={y!r}, low={low}, high={high}"
        )
    side = min(300, 680 // len(panels))
    with canvas(side * len(panels) + 30, side + 50) as figure:
        row = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, plane) in zip(row, panels.items(), strict=True):
            _panel(axes, plane, low, high)
            axes.set(title=title, xlabel=x, xlim=(low, high), ylim=(low, high), aspect="equal")
        row[0].set_ylabel(y)
    told = alt or f"{y} over {x}, panels {listed(list(panels))}"
    return Picture(figure, told, caption, PALETTE)


def _panel(axes: Any, plane: Plane, low: float, high: float) -> None:
    if plane.cells is not None:
        axes.imshow(
            _borders(plane.cells, low, high), extent=(low, high, low, high), origin="lower",
            cmap=_paper_to_line(), interpolation="bilinear", zorder=0,
        )  # fmt: skip
    if plane.paths is not None:
        for path in plane.paths.cpu().unbind(1):
            axes.plot(*path.T, color=FAINT, linewidth=0.6, alpha=0.7, zorder=1)
    axes.plot(*plane.points.cpu().T, ".", color=COLOURS[0], markersize=3, alpha=0.6, zorder=2)
    if plane.marks is not None:
        axes.plot(*plane.marks.cpu().T, "x", color=COLOURS[1], markersize=7, mew=1.8, zorder=3)


def _borders(cells: Cells, low: float, high: float) -> np.ndarray:
    """1 where a point's right or upper neighbour lies in another cell, else 0."""
    axis = torch.linspace(low, high, FINE)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)
    index = cells(grid.view(-1, 2)).view(FINE, FINE).cpu().numpy()
    border = np.zeros((FINE, FINE))
    border[:, :-1] += index[:, 1:] != index[:, :-1]
    border[:-1] += index[1:] != index[:-1]
    return border.clip(max=1)


def _paper_to_line() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("borders", [EMPTY + "00", FAINT])
