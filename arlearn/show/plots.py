"""Plots of measurements: curves, bars, and points with the power law through them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from arlearn.show.picture import COLOURS, INK, PALETTE, Picture, canvas, listed, titled

Log = Literal["", "x", "y", "xy"]
DASHES = ("-", "--", "-.", ":")  # a second cue beside the colour
MARKS = ("o", "s", "^", "D", "v", "P", "X")


def curves(
    lines: Mapping[str, tuple],
    *,
    x: str,
    y: str,
    log: Log = "",
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Named curves over one axis.

    Args:
        lines: name -> `(x values, y values)`, or with a third list the half-width of a band around
            the curve (a standard deviation over seeds).
        x: label of the x axis with its unit, as "training time (s)".
        y: label of the y axis with its unit, as "loss (nats per token)".
        log: which axes are logarithmic: "", "x", "y" or "xy".

    Raises:
        ValueError: no curve, lists of different lengths, a missing label, or a value that is not
            above 0 on a logarithmic axis.
    """
    if not lines:
        raise ValueError("curves needs at least one curve: {name: (x values, y values)}")
    with _plot(x, y, log, title) as (figure, axes):
        for i, (name, columns) in enumerate(lines.items()):
            across, up, *band = _columns(name, columns, log)
            style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)]}
            axes.plot(across, up, label=name, marker=MARKS[i % 7] * (len(up) <= 12), **style)
            for half in band:
                axes.fill_between(across, up - half, up + half, color=style["color"], alpha=0.18)
        if len(lines) > 1:
            axes.legend()
    described = f"{y} over {x}, curves {listed(list(lines))}"
    return Picture(figure, titled(alt, title, described), caption, PALETTE)


def bars(
    names: Sequence[str],
    values: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    x: str,
    y: str,
    spread: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
    log: Literal["", "y"] = "",
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """One bar per name with its value above it; a mapping of series puts bars side by side.

    Args:
        names: what is compared, along the x axis.
        values: one per name, or method -> one per name.
        x: label of the x axis, as "sampling option".
        y: label of the y axis with its unit, as "Fréchet distance (lower is better)".
        spread: half the length of each error bar, in the form of `values`.

    Raises:
        ValueError: not one value (or spread) per name, a missing label, or a value that is not
            above 0 on a logarithmic axis.
    """
    series = values if isinstance(values, Mapping) else {"": values}
    errors = spread if isinstance(spread, Mapping) else {"": spread}
    place, width = np.arange(len(names)), 0.8 / max(len(series), 1)
    with _plot(x, y, log, title, min(620, 160 + 80 * len(names) * len(series))) as (figure, axes):
        for i, (method, given) in enumerate(series.items()):
            _, up, *error = _columns(method or "bars", (place, given, errors.get(method)), log)
            at = place + (i - (len(series) - 1) / 2) * width
            drawn = axes.bar(
                at, up, width * 0.92, yerr=error[0] if error else None, label=method, capsize=3,
                color=COLOURS[i % len(COLOURS)], ecolor=INK,
            )  # fmt: skip
            axes.bar_label(drawn, [f"{value:.3g}" for value in up], padding=2, fontsize=8)
        axes.set_xticks(place, names)
        axes.margins(y=0.12)
        if len(series) > 1:
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(series))
    told = "; ".join(
        f"{method} " * bool(method)
        + ", ".join(f"{name} {value:.3g}" for name, value in zip(names, given, strict=True))
        for method, given in series.items()
    )
    described = f"{y}: {told}"
    return Picture(figure, titled(alt, title, described), caption, PALETTE)


def scaling(
    points: Mapping[str, tuple],
    laws: Mapping[str, Callable[[float], float]],
    *,
    x: str,
    y: str,
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Measured points on log-log axes, and the power law fitted through each series.

    Args:
        points: name -> `(x values, y values)`.
        laws: name -> `metrics.scaling.PowerLaw` of the series; one without a law is points only.
        x: label of the x axis with its unit, as "parameters".
        y: label of the y axis with its unit.

    Raises:
        ValueError: no points, a law without points, lists of different lengths, a missing label, or
            a value that is not above 0.
    """
    if not points or set(laws) - set(points):
        raise ValueError(
            f"points of {list(points)}, laws of {list(laws)}: give points for every law"
        )
    with _plot(x, y, "xy", title) as (figure, axes):
        for i, (name, columns) in enumerate(points.items()):
            across, up = _columns(name, columns, "xy")[:2]
            colour, law = COLOURS[i % len(COLOURS)], laws.get(name)
            told = f"{name}: {_law(law)}" if law else name
            axes.plot(across, up, MARKS[i % 7], color=colour, label=told)
            if law:
                ends = np.geomspace(across.min(), across.max(), 50)
                axes.plot(ends, [law(end) for end in ends], color=colour, linewidth=1)
        axes.legend()
    described = f"{y} over {x}, log-log: " + "; ".join(
        f"{name} {_law(laws[name])}" if name in laws else name for name in points
    )
    return Picture(figure, titled(alt, title, described), caption, PALETTE)


def _law(law: Any) -> str:
    return f"{law.scale:.3g} · x^{law.exponent:.3f} (r = {law.correlation:.3f})"


@contextmanager
def _plot(x: str, y: str, log: Log, title: str, width: int = 620) -> Iterator[tuple[Any, Any]]:
    if not y.strip() or not x.strip():
        raise ValueError(f"axes labelled x={x!r}, y={y!r}: name both, with their units")
    with canvas(width, 340) as figure:
        axes = figure.add_subplot()
        axes.set(xlabel=x, ylabel=y, title=title)
        axes.grid(axis="y")
        if "x" in log:
            axes.set_xscale("log")
        if "y" in log:
            axes.set_yscale("log")
        yield figure, axes
        for axis in log:
            _readable(getattr(axes, f"{axis}axis"))


def _readable(axis: Any) -> None:
    """Plain numbers at 1, 2 and 5 on a short logarithmic axis; long ones keep powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        if low > 1e-3 and high < 1e5:
            axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def _columns(name: str, columns: tuple, log: Log) -> list[np.ndarray]:
    """The lists of one series as arrays, as long as each other and fit for the axes."""
    arrays = [np.asarray(column, dtype=float) for column in columns if column is not None]
    if len(arrays) not in (2, 3) or len({array.shape for array in arrays}) != 1:
        shapes = " and ".join(str(array.size) for array in arrays)
        raise ValueError(f"{name}: as many y as x are needed (and as many spreads), not {shapes}")
    if arrays[0].ndim != 1 or not arrays[0].size:
        raise ValueError(f"{name}: values must be a list of at least one number")
    for axis, array in zip("xy", arrays[:2], strict=True):
        if axis in log and not (array > 0).all():
            raise ValueError(f"{name}: a logarithmic {axis} axis needs values above 0")
    return arrays
