"""One form for all that is looked at: a figure, its caption, a text that describes it."""

import html
import io
import textwrap
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from arlearn import home

DPI = 96  # one pixel of the file is one CSS pixel, so pixel art stays sharp
PAPER, INK, FAINT, EMPTY = "#fbfaf7", "#24292f", "#6b7280", "#e4e2dc"
# Okabe & Ito's colours, told apart by colour-blind eyes; the palest (yellow) is left out
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#24292f")
PALETTE = 48  # colours of a plot's PNG; text and lines look the same as with all of them
STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.grid": False,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.constrained_layout.h_pad": 0.09,  # inches
    "figure.constrained_layout.w_pad": 0.09,
    "figure.dpi": DPI,
    "figure.facecolor": PAPER,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": EMPTY,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, what to see in it, and what it looks like to somebody who cannot see it.

    A notebook shows it as an HTML figure that holds the PNG once: JupyterLab (trusted or not), the
    book and GitHub's preview draw that, and unlike a bare image it carries the alternative text. A
    plain script shows nothing. The figure belongs to no pyplot state: it is shown once and needs no
    closing.

    Attributes:
        figure: the matplotlib Figure; `figure.axes` may be drawn on until the picture is shown.
        alt: the description, one sentence.
        caption: what to see, shown below; may be empty.
        colours: the PNG keeps that many colours, which makes a plot's file three times smaller;
            None keeps all, as pictures of data and samples must.
    """

    figure: Any
    alt: str
    caption: str = ""
    colours: int | None = None

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file of 96 dots per inch."""
        import matplotlib

        file = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.figure.savefig(file, format="png", dpi=DPI)
        return smallest(file.getvalue(), self.colours)

    def save(self, path: Path) -> None:
        """Write the PNG to `path`, never half."""
        with home.replacing(path) as scratch:
            scratch.write_bytes(self.png)

    def __repr__(self) -> str:
        return " ".join(part for part in (f"[picture: {self.alt}]", self.caption) if part)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        width, height = size(self.png)
        image = image_tag(self.png, self.alt, f'width="{width}" height="{height}"')
        begin = '<figure class="arlearn-picture" style="margin:0.6em 0;text-align:left">'
        page = f"{begin}{image}{captioned(self.caption)}</figure>"
        return {"text/html": page, "text/plain": repr(self)}


@contextmanager
def canvas(width: float, height: float) -> Iterator[Any]:
    """A matplotlib Figure of `width` x `height` pixels, in the course's style while it is drawn."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        yield Figure(figsize=(width / DPI, height / DPI), dpi=DPI, layout="constrained")


def pixels(images: Float[Tensor, "*n c h w"]) -> np.ndarray:
    """Pictures as bytes, `... h w 3`; values outside 0..1 (a decoder's overshoot) are clamped.

    Raises:
        ValueError: no picture, a number of channels other than 1 or 3, or a value that is not
            finite.
    """
    if images.ndim < 3 or not images.numel():
        raise ValueError(f"pictures must be n c h w with n of 1 or more, not {list(images.shape)}")
    if images.shape[-3] not in (1, 3):
        raise ValueError(
            f"pictures have 1 channel (grey) or 3 (red, green, blue), not {images.shape[-3]}; "
            "the order of the axes is n c h w"
        )
    values = images.detach().float().cpu()
    if not values.isfinite().all():
        raise ValueError(
            "a picture holds values that are not finite; look at the model that drew it"
        )
    channels_last = values.clamp(0, 1).mul(255).round().byte().movedim(-3, -1)
    return np.ascontiguousarray(np.broadcast_to(channels_last, (*channels_last.shape[:-1], 3)))


def enlarged(picture: np.ndarray, scale: int) -> np.ndarray:
    """Each pixel as a square of `scale` x `scale` pixels (nearest neighbour)."""
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def encode(picture: np.ndarray, colours: int | None = None) -> bytes:
    """An `h w 3` array of bytes as a small PNG file, see `smallest`."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="png")
    return smallest(file.getvalue(), colours)


def decode(png: bytes) -> np.ndarray:
    """A PNG file as an `h w 3` array of bytes."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def smallest(png: bytes, colours: int | None = None) -> bytes:
    """The picture in fewer bytes: without alpha, and as a palette of at most `colours` colours.

    No pixel changes where that many colours do, nor where `colours` is None. Colours are merged by
    an octree, in which a rare one is kept as well as a common one.
    """
    from PIL import Image

    picture = decode(png)
    image = Image.fromarray(picture)
    if image.getcolors(colours or 256) is not None:
        kept, index = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True)
        image = Image.fromarray(index.reshape(picture.shape[:2]).astype(np.uint8))
        image.putpalette(kept.tobytes())
    elif colours is not None:
        image = image.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    file = io.BytesIO()
    image.save(file, format="png", optimize=True)
    return file.getvalue()


def size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG file, in pixels, from its header."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def image_tag(png: bytes, alt: str, attributes: str, style: str = "") -> str:
    """The file within an HTML image, so that a page needs no other file.

    The class and the padding undo what the book's dark theme does to pictures: it greys them.
    """
    return (
        f'<img class="dark-light" alt="{html.escape(alt)}" {attributes} style="max-width:100%;'
        f'height:auto;padding:0;border-radius:6px;{style}"'
        f' src="{embedded(png)}">'
    )


def embedded(png: bytes) -> str:
    """A PNG file as an address that holds it whole."""
    return f"data:image/png;base64,{b64encode(png).decode('ascii')}"


def titled(alt: str, title: str, said: str) -> str:
    """The alternative text of a figure: the caller's, or the title and what is drawn."""
    return alt or ": ".join(filter(None, (title, said)))


def captioned(words: str) -> str:
    """A caption below a picture, in the colour of the text around it; nothing for no words."""
    style = "color:inherit;font-weight:inherit;text-align:left"
    return f'<figcaption style="{style}">{html.escape(words)}</figcaption>' if words else ""


def listed(names: Sequence[str], width: int = 160) -> str:
    """Names as one phrase for an alternative text, cut short where there are too many."""
    return textwrap.shorten(", ".join(names), width, placeholder=" …")
