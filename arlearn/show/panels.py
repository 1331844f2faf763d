"""Series over one axis of positions: lines, bands, stacked shares and coloured segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from arlearn.show.picture import COLOURS, FAINT, INK, Picture, canvas, listed, titled
from arlearn.show.plots import DASHES

TINTS = 40  # colours of the PNG: areas are flat, and fewer than a plot's keep files small


@dataclass(frozen=True)
class Panel:
    """One plot over the positions of a series; what is drawn names channels of its units.

    A channel that is NaN at a position draws nothing there.

    Attributes:
        label: of the y axis with its unit, as "remaining life (cycles)".
        lines: name -> channel.
        bands: name -> (channel of the lower edge, channel of the upper edge).
        shares: name -> channel, stacked from 0 to 1: probabilities that add up to 1.
        segments: the channel whose whole numbers 0, 1, 2, … colour the ground.
        levels: name -> height of a horizontal line.
        height: in CSS pixels.

    Raises:
        ValueError: no label, or nothing to draw.
    """

    label: str
    lines: Mapping[str, int] = field(default_factory=dict)
    bands: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    segments: int | None = None
    levels: Mapping[str, float] = field(default_factory=dict)
    height: int = 150

    def __post_init__(self):
        if not self.label.strip() or not self.channels():
            raise ValueError(
                f"panel {self.label!r}: name the y axis with its unit, and give lines, bands, "
                "shares or segments to draw"
            )

    def channels(self) -> list[int]:
        """Every channel that is drawn, in the order of the fields."""
        bands = [channel for edges in self.bands.values() for channel in edges]
        ground = [] if self.segments is None else [self.segments]
        return [*self.lines.values(), *bands, *self.shares.values(), *ground]

    def edges(self, low: Sequence[float], high: Sequence[float]) -> tuple[float, float]:
        """The range of the y axis, from the lowest and the highest value of each channel."""
        if self.shares:
            return 0.0, 1.0
        drawn = self.channels()[: len(self.lines) + 2 * len(self.bands)]
        values = [*self.levels.values(), *(low[c] for c in drawn), *(high[c] for c in drawn)]
        least, most = (min(values), max(values)) if values else (0.0, 1.0)
        room = 0.04 * (most - least) or 0.5
        return least - room, most + room


def tracks(
    values: Float[Tensor, "t c"],
    panels: Sequence[Panel],
    *,
    x: str,
    first: float = 0,
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """A series as a picture, panels below each other over one axis; `play` runs the same panels.

    Args:
        values: channels of every position; NaN where nothing stands.
        x: what a position is, as "cycle".
        first: the number of the first position.

    Raises:
        ValueError: no panel, no name of the x axis, or a panel that draws a channel there is not.
    """
    check(panels, values.shape[1], x)
    numbers = values.detach().double().cpu().numpy()
    low, high = extent(numbers)
    across = first + np.arange(len(numbers))
    heights = [panel.height for panel in panels]
    with canvas(620, sum(heights) + 12 * len(heights) + 40) as figure:
        rows = figure.subplots(len(panels), 1, squeeze=False, sharex=True, height_ratios=heights)
        for axes, panel in zip(rows[:, 0], panels, strict=True):
            _draw(axes, panel, across, numbers)
            axes.set(ylim=panel.edges(low, high), xlim=(across[0], across[-1]))
            if not (panel.lines or panel.bands or panel.shares):
                axes.set_yticks([])
            axes.set_title(panel.label, fontsize=9)  # above: a low panel has no room beside it
        if title:
            figure.suptitle(title, fontsize=11)
        rows[-1, 0].set(xlabel=x)
    told = f"{listed([panel.label for panel in panels])} over {x}"
    return Picture(figure, titled(alt, title, told), caption, TINTS)


def check(panels: Sequence[Panel], channels: int, x: str) -> None:
    """Refuse panels that cannot be drawn over so many channels."""
    if not panels or not x.strip():
        raise ValueError(f"{len(panels)} panels over x={x!r}: give one or more, and name the axis")
    for panel in panels:
        if not 0 <= min(panel.channels()) <= max(panel.channels()) < channels:
            raise ValueError(f"panel {panel.label!r} draws channels {panel.channels()}; the units "
                             f"have {channels}, counted from 0")  # fmt: skip


def extent(values: np.ndarray) -> tuple[list[float], list[float]]:
    """The lowest and highest value of each channel (last axis), 0 and 1 where there is none.

    Raises:
        ValueError: a value is infinite.
    """
    if np.isinf(values).any():
        raise ValueError("a value is infinite; leave it out with NaN")
    flat = values.reshape(-1, values.shape[-1])
    there = ~np.isnan(flat)
    low = np.where(there, flat, np.inf).min(0, initial=np.inf)
    high = np.where(there, flat, -np.inf).max(0, initial=-np.inf)
    low, high = np.where(there.any(0), low, 0.0), np.where(there.any(0), high, 1.0)
    return low.tolist(), np.where(high > low, high, low + 1.0).tolist()


def described(panel: Panel, low: Sequence[float], high: Sequence[float]) -> dict[str, Any]:
    """A panel as the traits that `widgets/panels.mjs` reads."""
    return {
        "label": panel.label,
        "lines": [list(item) for item in panel.lines.items()],
        "bands": [[name, *edges] for name, edges in panel.bands.items()],
        "shares": [list(item) for item in panel.shares.items()],
        "segments": panel.segments,
        "levels": [list(item) for item in panel.levels.items()],
        "edges": list(panel.edges(low, high)),
        "height": panel.height,
    }


def runs(values: np.ndarray) -> list[tuple[int, int, int]]:
    """(begin, end, value) of each run of the same whole number; NaN belongs to none."""
    found: list[tuple[int, int, int]] = []
    for i, value in enumerate(values):
        if np.isnan(value):
            continue
        if found and found[-1][1:] == (i, int(value)):
            found[-1] = (found[-1][0], i + 1, int(value))
        else:
            found.append((i, i + 1, int(value)))
    return found


def _draw(axes: Any, panel: Panel, across: np.ndarray, values: np.ndarray) -> None:
    if panel.segments is not None:
        for begin, end, state in runs(values[:, panel.segments]):
            left = across[begin]
            colour = COLOURS[state % len(COLOURS)]
            axes.axvspan(left - 0.5, left + end - begin - 0.5, color=colour, alpha=0.22, lw=0)
            if end - begin > len(across) / 25:
                place = {"transform": axes.get_xaxis_transform(), "color": INK, "fontsize": 8}
                axes.text(left + (end - begin) / 2, 0.97, state, va="top", ha="center", **place)
    if panel.shares:
        stack = np.cumsum([values[:, c] for c in panel.shares.values()], 0)
        floor = np.zeros(len(across))
        for i, (name, top) in enumerate(zip(panel.shares, stack, strict=True)):
            axes.fill_between(across, floor, top, color=COLOURS[i % 7], alpha=0.6, lw=0, label=name)
            floor = top
    for i, (name, (lower, upper)) in enumerate(panel.bands.items()):
        colour = COLOURS[i % len(COLOURS)]
        axes.fill_between(across, values[:, lower], values[:, upper], color=colour, alpha=0.2,
                          lw=0, label=name)  # fmt: skip
    for i, (name, channel) in enumerate(panel.lines.items()):
        style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
        axes.plot(across, values[:, channel], linewidth=1.3, label=name, **style)
    for name, height in panel.levels.items():
        axes.axhline(height, color=FAINT, linestyle=":", linewidth=1.2, label=name)
    if len(axes.get_legend_handles_labels()[0]) > 1 or panel.levels:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
