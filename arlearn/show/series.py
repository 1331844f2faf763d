"""Continuous units step by step: what the player's heat image, wave and panels are drawn from."""

from base64 import b64encode
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from arlearn.show.panels import Panel, check, described, extent, tracks
from arlearn.show.picture import EMPTY, FAINT, PALETTE, Picture, canvas
from arlearn.show.pictures import moments
from arlearn.trace import Trace

BYTES = 60_000  # of all columns that are sent; a third more as text
Bound = float | list[float]  # of all channels, or of each


def traits(
    trace: Trace,
    at: Sequence[int],
    samples: int,
    wave: bool | None,
    panels: Sequence[Panel] = (),
    x: tuple[str, float] = ("position", 0),
) -> tuple[list[int], dict, str]:
    """The steps shown, what `widgets/series.mjs` reads, and what stands for it as plain text.

    A value is a byte: 0 where nothing stands, else 1 (the lowest drawn) to 255 (the highest; of its
    channel where there are panels). A frame is a list of columns and the bytes of those that
    changed. Steps are left out evenly where all of them would be too much for a page.

    Raises:
        ValueError: units that are not `b n c`, or panels that draw a channel there is not.
    """
    units = trace.steps[0].units
    if units.ndim != 3:
        raise ValueError(f"continuous units must be b n c, not {list(units.shape)}")
    rows, columns = units.shape[2], trace.length
    more: dict = {}
    if panels:
        check(panels, rows, x[0])
        drawn = [step.units[:samples].reshape(-1, rows).double() for step in trace.steps]
        low, high = extent(np.concatenate(drawn))
        more["panels"] = [described(panel, low, high) for panel in panels]
        more["x"] = list(x)
    else:
        low, high = _range(trace, samples)
    at, frames = list(at), _frames(trace, at, samples, low, high)
    while len(at) > 2 and sum(len(held) for one in frames for _, held in one) > BYTES:
        at = [at[i] for i in moments(None, 0, len(at) - 1, (len(at) + 1) // 2)]
        frames = _frames(trace, at, samples, low, high)
    if panels:
        more["now"] = [int(trace.steps[step - 1].positions[0]) for step in at]
    kind = "wave" if (rows == 1 if wave is None else wave) else "heat"
    packed = [[[where, b64encode(held).decode("ascii")] for where, held in one] for one in frames]
    measures = {"rows": rows, "columns": columns, "kind": "panels" if panels else kind}
    span = "" if panels else f" from {low:.3g} to {high:.3g}"
    plain = f"{columns} units of {rows} values{span}, {len(at)} moments"
    traits = {"size": measures | {"low": low, "high": high}, "samples": packed, **more}
    return at, traits | {"frame": len(at) - 1}, plain


def strip(
    trace: Trace,
    at: Sequence[int],
    label: str,
    measures: dict,
    panels: Sequence[Panel] = (),
    x: tuple[str, float] = ("position", 0),
) -> Callable[[], Picture]:
    """The first sample, drawn when it is asked for: panels as they fill, or four moments."""

    def plotted() -> Picture:
        middle = at[(2 * len(at)) // 3]
        values = trace.units_after(middle, float("nan"))[0]
        alt = f"{label}: after {middle} of its {trace.n_steps} steps"
        return tracks(values, panels, x=x[0], first=x[1], alt=alt)

    def drawn() -> Picture:
        chosen = [at[i] for i in moments(None, 0, len(at) - 1, 4)]
        values = [trace.units_after(step, float("nan"))[0].numpy() for step in chosen]
        low, high = measures["low"], measures["high"]
        with canvas(680, 150) as figure:
            panels = figure.subplots(1, len(chosen), squeeze=False, sharey=True)[0]
            for axes, step, value in zip(panels, chosen, values, strict=True):
                axes.set(title=f"step {step}", facecolor=EMPTY, xticks=[])
                if measures["kind"] == "wave":
                    axes.plot(value.flatten(), linewidth=0.8)
                    axes.set(ylim=(low, high), xlim=(0, value.size))
                else:
                    image = {"aspect": "auto", "origin": "lower", "vmin": low, "vmax": high}
                    axes.imshow(value.T, cmap="cividis", interpolation="nearest", **image)
                axes.tick_params(colors=FAINT)
        alt = f"{label}: {len(chosen)} of its {trace.n_steps} steps"
        return Picture(figure, alt, colours=PALETTE)

    return plotted if panels else drawn


def _range(trace: Trace, samples: int) -> tuple[float, float]:
    """The lowest and the highest value drawn in any step.

    Raises:
        ValueError: a value is not finite.
    """
    values = [step.units[:samples] for step in trace.steps if step.units.numel()]
    if not all(bool(value.isfinite().all()) for value in values):
        raise ValueError("a unit is infinite or no number; look at the model that drew it")
    low = min(float(value.min()) for value in values)
    high = max(float(value.max()) for value in values)
    return low, high if high > low else low + 1.0


def _frames(
    trace: Trace, at: Sequence[int], samples: int, low: Bound, high: Bound
) -> list[list[tuple[list[int], bytes]]]:
    """For each sample and step: the columns that changed since the step before, and their bytes."""
    bytes_at = [_bytes(trace.units_after(step, float("nan"))[:samples], low, high) for step in at]
    found = []
    for sample in range(samples):
        before, frames = np.zeros_like(bytes_at[0][sample]), []
        for state in (held[sample] for held in bytes_at):
            changed = np.nonzero((state != before).any(1))[0]
            frames.append((changed.tolist(), state[changed].tobytes()))
            before = state
        found.append(frames)
    return found


def _bytes(units: Tensor, low: Bound, high: Bound) -> np.ndarray:
    """1 .. 255 for low .. high, 0 for nothing."""
    least, most = torch.as_tensor(low), torch.as_tensor(high)
    scaled = 1 + (254 * (units.float() - least) / (most - least)).round()
    return scaled.nan_to_num(0.0).clamp(0, 255).byte().numpy()
