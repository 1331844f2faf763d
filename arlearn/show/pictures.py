"""Pictures of samples: a grid, methods beside each other, the moments of one generation."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from arlearn.show.picture import Picture, listed, pixels, titled
from arlearn.show.sheet import lines, sheet
from arlearn.trace import Trace


def grid(
    images: Float[Tensor, "n c h w"],
    columns: int | None = None,
    *,
    captions: Sequence[str] = (),
    title: str = "",
    scale: int | None = None,
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Pictures in rows, enlarged by whole pixels, each with its own caption above if there are any.

    Raises:
        ValueError: no picture, odd channels, values that are not finite, columns or scale below 1,
            or not one caption per picture.
    """
    page = lines(list(pixels(images)), columns, captions=captions)
    described = f"{len(images)} pictures, {len(page[0].tiles)} in a row{_captioned(captions)}"
    alt = titled(alt, title, described)
    return sheet(page, alt=alt, title=title, scale=scale, caption=caption)


def compare(
    rows: Mapping[str, Float[Tensor, "n c h w"]],
    *,
    columns: int | None = None,
    captions: Sequence[str] = (),
    title: str = "",
    scale: int | None = None,
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Methods below each other, sample i of each in the same place; nothing is picked or sorted.

    Captions (the labels that were asked for) stand above the first method.

    Raises:
        ValueError: no method, methods with different numbers of pictures, or what `grid` refuses.
    """
    counts = {name: len(images) for name, images in rows.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(
            "compare needs as many pictures of each method, so that nothing is picked; "
            f"got {counts or 'no method'}"
        )
    page = []
    for name, images in rows.items():
        page += lines(list(pixels(images)), columns, name, () if page else captions)
    described = f"{page and next(iter(counts.values()))} samples each of {', '.join(rows)}"
    alt = titled(alt, title, described + _captioned(captions))
    return sheet(page, alt=alt, title=title, scale=scale, caption=caption)


def filmstrip(
    frames: Float[Tensor, "n c h w"] | Trace,
    *,
    picture: Callable[[Tensor, int], Tensor] | None = None,
    at: Sequence[int] | None = None,
    captions: Sequence[str] = (),
    title: str = "",
    scale: int | None = None,
    caption: str = "",
    alt: str = "",
) -> Picture:
    """Moments side by side: given pictures, or a trace after the steps `at`, one row per sample.

    Args:
        frames: pictures in order, or the trace a sampler returned.
        picture: for a trace, `picture(units, step) -> n c h w` draws the units as they stand after
            `step` steps (-1 where there is none yet).
        at: which frames or steps; None takes up to 8, evenly spread, the last included.
        captions: one per moment; if none are given, a trace's network evaluations (NFE).

    Raises:
        ValueError: a trace without `picture`, a moment there is not, or what `grid` refuses.
    """
    if isinstance(frames, Trace):
        shots = trace_shots(frames, picture, moments(at, 1, frames.n_steps, 8))
        captions = captions or [f"NFE {nfe(frames, step)}" for step, _ in shots]
        columns = [shot for _, shot in shots]
    else:
        at = moments(at, 0, len(frames) - 1, 8)
        columns = [pixels(frames[[i]]) for i in at]
        captions = captions or [str(i) for i in at]
    page = [
        lines(row, len(row), captions=() if i else captions)[0]
        for i, row in enumerate(zip(*columns, strict=True))
    ]
    described = f"{len(columns)} moments side by side{_captioned(captions)}"
    alt = titled(alt, title, described)
    return sheet(page, alt=alt, title=title, scale=scale, caption=caption)


def trace_shots(
    trace: Trace, picture: Callable[[Tensor, int], Tensor] | None, at: Sequence[int]
) -> list[tuple[int, np.ndarray]]:
    """The pictures of a trace after each of the steps `at`, `n h w 3` bytes.

    Raises:
        ValueError: no `picture`.
    """
    if picture is None:
        raise ValueError(
            "a trace holds units, not pictures; pass picture=lambda units, step: … that draws them"
        )
    return [(step, pixels(picture(trace.units_after(step), step))) for step in at]


def nfe(trace: Trace, step: int) -> int:
    """Network evaluations of a trace until `step` steps are done."""
    return sum(done.evaluations for done in trace.steps[:step])


def moments(at: Sequence[int] | None, first: int, last: int, most: int) -> list[int]:
    """The moments asked for, or up to `most` from first to last, evenly spread, both included.

    Raises:
        ValueError: there is no moment, or one lies outside first..last.
    """
    if last < first:
        raise ValueError("there is nothing to show: no frame, or a trace without steps")
    chosen = np.linspace(first, last, min(most, last - first + 1)).round().astype(int)
    at = chosen.tolist() if at is None else list(at)
    wrong = [moment for moment in at if not first <= moment <= last]
    if wrong or not at:
        raise ValueError(f"at={at}: moments must lie within {first}..{last}")
    return at


def _captioned(captions: Sequence[str]) -> str:
    return f", captioned {listed(captions)}" if captions else ""
