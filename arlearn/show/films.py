"""Films side by side behind one control: clips of data and of methods, by frame or running."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from arlearn.data.sprites import painted
from arlearn.show.element import Element
from arlearn.show.picture import encode, pixels, size
from arlearn.show.player import COLOURS, players

Clips = Float[Tensor, "n f c h w"] | Int[Tensor, "n f h w"] | UInt8[Tensor, "n f h w"]
GAP = 1  # pixel between clips, before they are enlarged
WIDEST = 640  # CSS pixels


def video(
    clips: Clips | Mapping[str, Clips],
    *,
    label: str,
    names: Sequence[str] = (),
    words: Sequence[str] = (),
    caption: str = "",
    seconds: float = 0.2,
    width: int | None = None,
) -> Element:
    """Clips that run together: one row, or a row for each method, clip i of each below the others.

    It stands still until it is started (a reader who asks for reduced motion sees one run, others
    a loop), can be stepped with keys, and shows four frames where no script runs.

    Args:
        clips: pictures 0..1, or whole numbers: indices into the palette of `moving`.
        label: what is shown, for screen readers and as the name of the slider.
        names: one for each clip of a row, above it.
        words: one for each frame, which follow on "frame 3 of 8" below the clips.
        seconds: how long a frame stays while it runs.
        width: of all clips together in CSS pixels; None: enlarged by whole pixels, at most 640.

    Raises:
        ValueError: no clip, rows of different shapes, not one name for each clip or one word for
            each frame, or what pictures refuse.
    """
    rows = clips if isinstance(clips, Mapping) else {"": clips}
    shots = {name: _pixels(row) for name, row in rows.items()}
    shapes = {shot.shape for shot in shots.values()}
    if len(shapes) != 1:
        told = {name: list(shot.shape[:4]) for name, shot in shots.items()}
        raise ValueError(
            f"rows must have as many clips, frames and pixels each; got {told or 'no row'}"
        )
    n, f = next(iter(shapes))[:2]
    for given, wanted, what in ((names, n, "names"), (words, f, "words")):
        if given and len(given) != wanted:
            raise ValueError(f"{len(given)} {what} for {wanted}; give one for each")
    files = [encode(_page([shot[:, j] for shot in shots.values()]), COLOURS) for j in range(f)]
    captions = [f"frame {j + 1} of {f}" for j in range(f)]
    if words:
        captions = [f"{told}: {word}" for told, word in zip(captions, words, strict=True)]
    across = size(files[0])[0]
    shared = {"captions": captions, "counts": [], "seconds": seconds, "loop": True}
    shared |= {"above": list(names), "beside": [name for name in shots if name]}
    for what, told in (("Rows", shared["beside"]), ("Clips", shared["above"])):
        caption = " ".join(filter(None, (caption, f"{what}: {', '.join(told)}." if told else "")))
    measures = {"width": width or across * max(1, min(6, WIDEST // across)), "columns": 1}
    return players(files, shared, label, caption, measures)


def _pixels(clips: Clips) -> np.ndarray:
    """`n f h w 3` bytes."""
    if clips.ndim == 4 and not clips.is_floating_point():
        clips = painted(clips)
    if clips.ndim != 5 or not clips.numel():
        raise ValueError(
            f"clips are n f c h w (0..1) or n f h w (whole numbers), not {list(clips.shape)}"
        )
    return pixels(clips)


def _page(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of `n h w 3` as one picture, grey between."""
    n, h, w = rows[0].shape[:3]
    page = np.full((len(rows) * (h + GAP) - GAP, n * (w + GAP) - GAP, 3), 128, np.uint8)
    for r, row in enumerate(rows):
        for i, tile in enumerate(row):
            y, x = r * (h + GAP), i * (w + GAP)
            page[y : y + h, x : x + w] = tile
    return page
