"""The trace player: the steps of any generation behind one control, with what they cost so far."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.show import cells, series
from arlearn.show.element import Element
from arlearn.show.panels import Panel
from arlearn.show.picture import (
    Picture,
    captioned,
    embedded,
    encode,
    image_tag,
    pixels,
    size,
)
from arlearn.show.picture import (
    decode as opened,
)
from arlearn.show.pictures import moments, trace_shots
from arlearn.show.sheet import lines, sheet
from arlearn.trace import Trace

STILL = 4  # frames that show where no script runs
SHOTS = 33  # pictures of a long trace
CHANGES = 257  # steps of a long trace whose units are sent, not pictures of them
COLOURS = 128  # of a frame; keeps 33 frames of eight 32-pixel pictures under 150 KB


def scrub(
    frames: Float[Tensor, "n c h w"] | Sequence[Picture | Float[Tensor, "c h w"]],
    captions: Sequence[str],
    *,
    label: str,
    caption: str = "",
    width: int | None = None,
    seconds: float = 0.4,
) -> Element:
    """A player over given frames: pictures of a dataset or model, or `Picture`s (plots, masks).

    Args:
        captions: one per frame, shown below it.
        label: what is played, for screen readers and as the name of the slider.
        caption: what to see, below the player.
        width: how wide a frame is drawn, in CSS pixels; smaller files are enlarged, unblurred.
        seconds: how long a frame stays while playing.

    Raises:
        ValueError: no frame, not one caption per frame, or an empty label (screen readers say it).
    """
    files = [frame.png if isinstance(frame, Picture) else encode(pixels(frame)) for frame in frames]
    if not files or len(captions) != len(files):
        raise ValueError(f"{len(captions)} captions for {len(files)} frames; give one for each")
    widest = max(size(file)[0] for file in files)
    width = width or (widest if widest > 160 else widest * max(1, 320 // widest))
    shared = {"captions": list(captions), "counts": [], "seconds": seconds}
    return players(files, shared, label, caption, {"width": width, "columns": 1})


def play(
    trace: Trace,
    picture: Callable[[Tensor, int], Tensor] | None = None,
    *,
    label: str,
    decode: Callable[[Tensor], str] | None = None,
    prompt: str = "",
    grid: Sequence[int] | Sequence[Sequence[int]] | None = None,
    wave: bool | None = None,
    panels: Sequence[Panel] = (),
    x: tuple[str, float] = ("position", 0),
    samples: int | None = None,
    at: Sequence[int] | None = None,
    captions: Sequence[str] | None = None,
    caption: str = "",
    seconds: float = 0.4,
) -> Element:
    """A player over the steps of one generation, with its network evaluations counted.

    What is seen depends on what is given: pictures (`picture`), a text that fills in (`decode`),
    numbers at their places (`grid`, or nothing), and for continuous units columns of a heat image,
    a wave, or plots of named channels (`panels`). Units that a step drew and did not keep are
    marked, see `cells`.

    Args:
        trace: what the sampler returned.
        picture: `picture(units, step) -> n c h w` draws the units as they stand after `step` steps
            (-1 where there is none yet); `n f c h w` for videos of f frames, which then also run.
        label: what is played, as "VAR drawing eight digits".
        decode: turns units into text, as a tokenizer's `decode` does; `prompt` stands before it.
        grid: (height, width) of the units' places, or a list of such pairs where they form several
            grids (scales, frames); None: rows of 16.
        wave: continuous units as one line, c values a unit; None: where they have one channel.
        panels: continuous units as plots over their positions, each of which names the channels
            that it draws as lines, bands, shares or coloured segments; NaN draws nothing.
        x: what a position of the panels is, as "cycle", and the number of the first.
        samples: how many samples are shown: 8 as pictures side by side (2 videos), else 1; more
            can be chosen from.
        at: which steps; None takes all, or evenly spread ones of a long trace (a page stays small).
        captions: one a step of the trace, instead of its number and cost.

    Raises:
        ValueError: the trace has no steps, a step it has not, samples below 1, a grid of another
            size, `decode` for continuous units, or not one caption a step.
    """
    if samples is not None and samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    at = moments(at, 1, trace.n_steps, SHOTS if picture else CHANGES)
    shared = {"seconds": seconds}
    if picture is not None:
        shots = [shot for _, shot in trace_shots(trace, picture, at)]
        count = samples or (8 if shots[0].ndim == 4 else 2)
        files = [encode(_page(shot[:count]), COLOURS) for shot in shots]
        tile = shots[0].shape[-2]
        columns = 1 if shots[0].ndim == 4 else shots[0].shape[1]
        width = size(files[0])[0]
        measures = {"width": width * max(1, 640 // width), "columns": columns, "tile": tile}
        return players(files, shared | costs(trace, at, captions), label, caption, measures)
    held = min(samples or 1, len(trace.steps[0].units))
    if trace.steps[0].units.is_floating_point() and decode is None:
        at, traits, plain = series.traits(trace, at, held, wave, panels, x)
        picture = series.strip(trace, at, label, traits["size"], panels, x)
        still, name = picture()._repr_mimebundle_()["text/html"], "panels" if panels else "series"
    else:
        traits, still, plain = cells.traits(trace, at, held, decode, prompt, grid)
        picture, name = None, "cells"
    traits |= shared | costs(trace, at, captions)
    return Element(name, label, traits, caption, still, plain, picture)


def costs(
    trace: Trace, at: Sequence[int], captions: Sequence[str] | None = None
) -> dict[str, list]:
    """After each of the steps `at`: network evaluations and standing units so far, and in words.

    Units are the mean over the batch; those that were not kept do not stand. A trace without any
    evaluation is that of a model that is no network, and nothing is counted.

    Raises:
        ValueError: not one of `captions` for each step.
    """
    if captions is not None and len(captions) != trace.n_steps:
        raise ValueError(f"{len(captions)} captions for {trace.n_steps} steps; give one for each")
    if not trace.evaluations:
        told = captions or [f"step {i + 1} of {trace.n_steps}" for i in range(trace.n_steps)]
        return {"captions": [told[i - 1] for i in at], "counts": [], "steps": list(at)}
    evaluations, here, counts = 0, torch.zeros(len(trace.steps[0].units), trace.length), {}
    for i, step in enumerate(trace.steps, 1):
        evaluations += step.evaluations
        here[:, step.positions] = 1.0 if step.kept is None else step.kept.float()
        counts[i] = evaluations, round(float(here.sum(1).mean()), 1)
    told = captions or [
        _told(f"step {i} of {trace.n_steps}", *counts[i]) for i in range(1, trace.n_steps + 1)
    ]
    shown = {"captions": [told[i - 1] for i in at], "counts": [list(counts[i]) for i in at]}
    return shown | {"steps": list(at)}


def _told(step: str, calls: int, units: float) -> str:
    return (
        f"{step}: {calls} network evaluation{'s' * (calls != 1)}, "
        f"{units:g} unit{'s' * (units != 1)}, {units / max(calls, 1):.3g} per evaluation"
    )


def players(files: list[bytes], shared: dict, label: str, caption: str, measures: dict) -> Element:
    """Frames (PNG files) behind a slider; some of them below each other where no script runs.

    `shared` are traits of the widget (captions, counts, seconds), `measures` those of its pictures.
    """
    width, captions = measures["width"], shared["captions"]
    across = size(files[-1])[0]
    measures = {"tile": across, "strip": across, "sharp": across < width} | measures
    figures = []
    for i in moments(None, 0, len(files) - 1, STILL):
        style = f"{'image-rendering:pixelated;' * measures['sharp']}outline:1px solid #8886"
        image = image_tag(files[i], f"{label}: {captions[i]}", f'width="{width}"', style)
        figures.append(f'<figure style="margin:0 0 .6em">{image}{captioned(captions[i])}</figure>')
    traits = {"frames": [embedded(file) for file in files], "size": measures, **shared}
    plain = f"{len(files)} frames, the last: {captions[-1]}"

    def strip() -> Picture:
        at = moments(None, 0, len(files) - 1, STILL)
        tiles = [_thinned(opened(files[i]), 160) for i in at]
        page = lines(tiles, STILL, captions=[str(i) for i in at])
        alt = f"{label}: {len(at)} of its {len(files)} frames"
        return sheet(page, alt=alt, scale=max(1, 160 // tiles[0].shape[1]), caption=caption)

    return Element("pictures", label, traits, caption, "\n".join(figures), plain, strip)


def _page(shot: np.ndarray) -> np.ndarray:
    """`n h w 3` side by side, or `n f h w 3` a row each; one grey pixel between neighbours."""
    if shot.ndim == 4:
        return _joined(shot, 1)
    return _joined([_joined(row, 1) for row in shot], 0)


def _joined(tiles: Iterable[np.ndarray], axis: int) -> np.ndarray:
    tiles = list(tiles)
    line = np.full_like(np.take(tiles[0], [0], axis), 128)
    return np.concatenate([part for tile in tiles for part in (line, tile)][1:], axis=axis)


def _thinned(picture: np.ndarray, widest: int) -> np.ndarray:
    """A picture no wider than `widest`, by averaging."""
    from PIL import Image

    if picture.shape[1] <= widest:
        return picture
    height = max(1, round(picture.shape[0] * widest / picture.shape[1]))
    return np.asarray(Image.fromarray(picture).resize((widest, height), Image.Resampling.BOX))
