"""Pictures of plans: who may look at whom, and in which step each cell is drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from arlearn.plans import Plan
from arlearn.show.picture import COLOURS, EMPTY, INK, PALETTE, PAPER, Picture, canvas, titled

MANY = 256  # cells; beyond, they are too small for numbers and the file too large


def mask(
    seen: Plan | Bool[Tensor, "q k"],
    *,
    labels: Sequence[str] = (),
    sections: Mapping[str, int] | None = None,
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """An attention mask: row i is coloured where position i looks, paper where it may not.

    A plan's mask is coloured by the step of the position looked at, early steps dark.

    Args:
        seen: a plan, or the mask itself (rows look at columns).
        labels: a name per column, written along both sides.
        sections: names of runs of columns and their lengths, `{"clean": 64, "noisy": 64}`, with a
            line between them.

    Raises:
        ValueError: labels or sections do not cover the columns.
    """
    allowed = seen.mask() if isinstance(seen, Plan) else seen
    q, k = allowed.shape
    if labels and len(labels) != k:
        raise ValueError(f"{len(labels)} labels for {k} positions; give one for each, or none")
    if sections and sum(sections.values()) != k:
        raise ValueError(f"sections {dict(sections)} do not add up to {k} positions")
    ink = _shades(seen.step) if isinstance(seen, Plan) else np.tile(_rgb(COLOURS[0]), (k, 1))
    cells = np.where(allowed.cpu().numpy()[:, :, None], ink[None, :, :], _rgb(EMPTY))
    side = min(max(16 * max(q, k), 200), 380)
    with canvas(80 + side * k / max(q, k), 70 + side * q / max(q, k)) as figure:
        axes = figure.add_subplot()
        _draw_cells(axes, cells)
        looked_at = "position looked at" + isinstance(seen, Plan) * " (dark: drawn early)"
        axes.set(xlabel=looked_at, ylabel="position that looks", title=title)
        _ticks(axes, labels, sections, q)
    plan = f" of {seen.n_steps} steps" if isinstance(seen, Plan) else ""
    share = f"{allowed.float().mean():.0%} of all pairs may look"
    described = f"attention mask{plan}, {q} positions looking at {k}; {share}"
    return Picture(figure, titled(alt, title, described), caption, PALETTE)


def order(
    plan: Plan, height: int, width: int, *, title: str = "", caption: str = "", alt: str = ""
) -> Picture:
    """The step in which each cell of a `height` x `width` grid is drawn, early steps dark.

    Raises:
        ValueError: the plan has another number of positions than the grid has cells.
    """
    return _orders(plan, [(height, width)], title, caption, alt)


def pyramid(
    plan: Plan, sides: Sequence[int], *, title: str = "", caption: str = "", alt: str = ""
) -> Picture:
    """`order` for a plan over several square grids, `plans.scales([1, 2, 4])`, side by side.

    Raises:
        ValueError: the plan has another number of positions than the grids have cells.
    """
    return _orders(plan, [(side, side) for side in sides], title, caption, alt)


def _orders(
    plan: Plan, shapes: list[tuple[int, int]], title: str, caption: str, alt: str
) -> Picture:
    cells = sum(height * width for height, width in shapes)
    if cells != len(plan):
        grids = ", ".join(f"{height} x {width}" for height, width in shapes)
        raise ValueError(f"the plan has {len(plan)} positions, the grid ({grids}) {cells} cells")
    size = min(34, 640 // sum(width + 1 for _, width in shapes))
    tallest, ratios = max(height for height, _ in shapes), [width for _, width in shapes]
    with canvas(sum(ratios) * size + 16 * len(shapes) + 50, tallest * size + 70) as figure:
        panels = figure.subplots(1, len(shapes), squeeze=False, width_ratios=ratios)[0]
        ends = np.cumsum([height * width for height, width in shapes])
        for axes, (height, width), end in zip(panels, shapes, ends, strict=True):
            here = slice(end - height * width, end)
            step = plan.step[here].reshape(height, width).cpu().numpy()
            _numbered(axes, step, _shades(plan.step)[here].reshape(height, width, 3))
            if len(shapes) > 1:
                axes.set(xlabel=f"{height} x {width}", xticks=[], yticks=[])
            else:
                unnumbered = (len(plan) > MANY) * " (dark: drawn early)"
                axes.set(xlabel="column" + unnumbered, ylabel="row")
        figure.suptitle(title, x=0.02, ha="left", fontsize=11)
    grids = ", ".join(f"{height} by {width}" for height, width in shapes)
    described = f"grid of {grids} cells, each with the step that draws it, 0 to {plan.n_steps - 1}"
    return Picture(figure, titled(alt, title, described), caption, PALETTE)


def _numbered(axes: Any, step: np.ndarray, shades: np.ndarray) -> None:
    height, width = step.shape
    _draw_cells(axes, shades)
    axes.set(xticks=sorted({0, width - 1}), yticks=sorted({0, height - 1}))
    axes.spines[:].set_visible(False)
    if step.size > MANY:
        return
    for row, column in np.ndindex(height, width):
        dark = shades[row, column] @ (0.3, 0.59, 0.11) < 0.5
        axes.text(
            column, row, int(step[row, column]), ha="center", va="center",
            color=PAPER if dark else INK, fontsize=8,
        )  # fmt: skip


def _draw_cells(axes: Any, cells: np.ndarray) -> None:
    """Coloured squares, a thin line between them where they are large enough."""
    axes.imshow(cells)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.yaxis.get_major_locator().set_params(integer=True)
    if max(cells.shape[:2]) <= 40:
        for edges, line in ((cells.shape[1], axes.axvline), (cells.shape[0], axes.axhline)):
            for edge in range(1, edges):
                line(edge - 0.5, color=PAPER, linewidth=0.6)


def _ticks(axes: Any, labels: Sequence[str], sections: Mapping[str, int] | None, q: int) -> None:
    k = int(axes.get_xlim()[1] + 0.5)
    if labels:
        axes.set_xticks(range(k), labels, rotation=90 if max(map(len, labels)) > 2 else 0)
        if q == k:
            axes.set_yticks(range(k), labels)
    elif sections:
        ends = np.cumsum([0, *sections.values()])
        middles = (ends[:-1] + ends[1:] - 1) / 2
        axes.set_xticks(middles, list(sections))
        for end in ends[1:-1]:
            axes.axvline(end - 0.5, color=INK, linewidth=1)
        if q == k:
            axes.set_yticks(middles, list(sections), rotation=90, va="center")
            for end in ends[1:-1]:
                axes.axhline(end - 0.5, color=INK, linewidth=1)


def _shades(step: Tensor) -> np.ndarray:
    """A colour per position, from dark (step 0) to light; cividis reads the same in grey."""
    from matplotlib import colormaps

    part = step.cpu().numpy() / max(int(step.max()), 1)
    return colormaps["cividis"](0.05 + 0.85 * part)[:, :3]


def _rgb(colour: str) -> np.ndarray:
    from matplotlib.colors import to_rgb

    return np.array(to_rgb(colour))
