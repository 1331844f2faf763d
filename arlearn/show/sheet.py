"""Contact sheets: many small pictures on one page, enlarged by whole pixels."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from arlearn.show.picture import FAINT, INK, PAPER, Picture, canvas, enlarged

WIDEST = 700  # pixels; the text column of the book
TILE = 64  # pixels a picture is enlarged to, where the page allows
GAP = 3
LETTER = 6.4  # pixels, the mean width of a letter at the captions' 8 points
LINE = 13  # pixels, the height of a line of a caption
WORDS = 16  # letters in a line of a caption, at most, where the pictures are narrower


SHADES = 128  # colours a sheet keeps: a quarter of the bytes, no difference to the eye


@dataclass(frozen=True, eq=False)
class Line:
    """Pictures side by side (`h w 3` bytes), a name at their left, a caption above each."""

    tiles: Sequence[np.ndarray]
    name: str = ""
    captions: Sequence[str] = ()


def lines(
    tiles: Sequence[np.ndarray], columns: int | None, name: str = "", captions: Sequence[str] = ()
) -> list[Line]:
    """Pictures broken into lines of `columns`; None puts 12 in a line, or fewer that divide them.

    Raises:
        ValueError: columns below 1, or not one caption per picture.
    """
    if columns is not None and columns < 1:
        raise ValueError(f"columns must be at least 1, not {columns}")
    if captions and len(captions) != len(tiles):
        raise ValueError(f"{len(captions)} captions for {len(tiles)} pictures; give one for each")
    if columns is None:
        whole = [c for c in range(12, 7, -1) if len(tiles) % c == 0]
        columns = len(tiles) if len(tiles) <= 12 else (whole or [12])[0]
    return [
        Line(tiles[i : i + columns], name if i == 0 else "", captions[i : i + columns])
        for i in range(0, len(tiles), columns)
    ]


def sheet(
    page: Sequence[Line],
    *,
    alt: str,
    title: str = "",
    scale: int | None = None,
    caption: str = "",
) -> Picture:
    """The lines below each other; `scale` None enlarges to about 64 pixels within the page's width.

    Raises:
        ValueError: scale below 1.
    """
    if scale is not None and scale < 1:
        raise ValueError(f"scale must be at least 1, not {scale}")
    left = max((round(len(line.name) * LETTER) + 14 for line in page if line.name), default=0)
    widest = max(len(line.tiles) for line in page)
    room = (WIDEST - left) // widest - GAP
    drawn = [_enlarged(line, scale, room) for line in page]
    cell = max(tile.shape[1] for line in drawn for tile in line.tiles)
    drawn, cell = _wrapped(drawn, cell, room)
    top = 30 if title else GAP
    heights = [_above(line) + max(map(len, line.tiles)) + GAP for line in drawn]
    height = top + sum(heights)
    width = max(left + widest * (cell + GAP) + GAP, round(len(title) * 8) + 2 * GAP)
    with canvas(width, height) as figure:
        paper = _paper(figure, width, height)
        paper.text(2 * GAP, top / 2, title, fontsize=11, va="center", parse_math=False)
        pixels = np.zeros((height, width, 4), np.uint8)
        for line, y in zip(drawn, np.cumsum([top, *heights[:-1]]), strict=True):
            _place(paper, pixels, line, int(y), left, cell)
        paper.imshow(pixels, extent=(0, width, height, 0), interpolation="nearest", zorder=0)
    return Picture(figure, alt, caption, SHADES)


def _enlarged(line: Line, scale: int | None, room: int) -> Line:
    side = max(tile.shape[1] for tile in line.tiles)
    times = scale or max(1, min(round(TILE / side), room // side))
    return replace(line, tiles=[enlarged(tile, times) for tile in line.tiles])


def _wrapped(page: list[Line], cell: int, room: int) -> tuple[list[Line], int]:
    """Captions broken into lines that fit the page, and the width of a cell that holds them."""
    letters = int(max(cell, min(room, WORDS * LETTER)) / LETTER) or 1
    page = [
        replace(line, captions=["\n".join(textwrap.wrap(c, letters)) for c in line.captions])
        for line in page
    ]
    words = [word for line in page for c in line.captions for word in c.split("\n")]
    return page, max(cell, round(max(map(len, words), default=0) * LETTER))


def _above(line: Line) -> int:
    """The room above a line of pictures: its captions, and some air before a new name."""
    rows = max((caption.count("\n") + 1 for caption in line.captions), default=0)
    return rows * LINE + (GAP if rows else 0) + (2 * GAP if line.name else 0)


def _paper(figure, width: int, height: int):
    """Axes that cover the figure and count its pixels from the top left."""
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), facecolor=PAPER)
    axes.axis("off")
    return axes


def _place(paper, pixels: np.ndarray, line: Line, y: int, left: int, cell: int) -> None:
    y += _above(line)
    middle, small = y + max(map(len, line.tiles)) / 2, {"fontsize": 8, "parse_math": False}
    paper.text(left - 8, middle, line.name, ha="right", va="center", color=INK, **small)
    for i, tile in enumerate(line.tiles):
        x = left + GAP + i * (cell + GAP) + (cell - tile.shape[1]) // 2
        pixels[y : y + tile.shape[0], x : x + tile.shape[1], :3] = tile
        pixels[y : y + tile.shape[0], x : x + tile.shape[1], 3] = 255
        if line.captions:
            centre = x + tile.shape[1] / 2
            paper.text(
                centre, y - 3, line.captions[i], ha="center", va="bottom", color=FAINT, **small
            )
