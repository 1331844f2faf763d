"""Letters and digits in the typefaces that matplotlib ships, each a little different every time."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from arlearn.data.cache import Arrays, cached
from arlearn.data.images import Images, split_number

CLASSES = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
TYPEFACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),
)
JITTERS = {"train": 12, "test": 2}
CAP_HEIGHT = 0.66  # of a capital without jitter, as a share of the side
_MASTER = 64  # pixels along the side of the drawing that all jitters of a glyph are made from


def glyphs(split: str = "train", side: int = 16, seed: int = 0) -> Images:
    """A-Z and 0-9 in 21 typefaces: 36 classes, `n 1 side side`, ink is 1.

    Each class in each typeface is shown 12 times to train (9,072 pictures) and 2 more times to
    test (1,512), each time with another size (±10%), shift (±5% of the side), rotation (±0.12
    radians) and weight. Order: class, typeface, jitter.

    Args:
        split: "train" or "test"; their jitters come from separate random streams.
        side: pixels along one side, 16 or 32.
        seed: another seed, other jitters.

    Raises:
        ValueError: `split` or `side` is none of these.
        FileNotFoundError: matplotlib lacks one of the typefaces.
    """
    stream = split_number(split)
    if side not in (16, 32):
        raise ValueError(f"side {side} is not offered; choose 16 or 32")
    options = {"split": split, "side": side, "seed": seed}
    arrays = cached("glyphs", 1, options, lambda: _build(JITTERS[split], side, [seed, stream]))
    images = torch.from_numpy(arrays["images"]).float() / 255
    labels = torch.arange(len(CLASSES)).repeat_interleave(len(images) // len(CLASSES))
    return Images(images, labels, CLASSES)


def _build(jitters: int, side: int, seed: list[int]) -> Arrays:
    masters = torch.stack([_typeface(name) for name in TYPEFACES], 1)  # class, typeface, y, x
    u = np.random.default_rng(seed).random((len(CLASSES), len(TYPEFACES) * jitters, 5))
    masters = F.avg_pool2d(masters, 5, stride=1, padding=2)  # soft edges, to be cut at a weight
    pictures = [
        _jitter(master.repeat_interleave(jitters, 0), torch.from_numpy(row), side)
        for master, row in zip(masters, u, strict=True)
    ]
    return {"images": (torch.cat(pictures) * 255).round().byte().numpy()}


def _typeface(name: str) -> Float[Tensor, "k s s"]:
    """Every class drawn large in one typeface: capitals equally tall, each in the middle."""
    import matplotlib
    from matplotlib.ft2font import FT2Font, LoadFlags

    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"
    if not path.is_file():
        raise FileNotFoundError(
            f"matplotlib {matplotlib.__version__} has no {path.name}; "
            "install the version in constraints.txt"
        )
    font = FT2Font(str(path))

    def draw(letter: str, size: float) -> np.ndarray:
        font.set_size(size, 72)
        font.set_text(letter, 0.0, flags=LoadFlags.NO_HINTING)
        font.draw_glyphs_to_bitmap(antialiased=True)
        ink = np.asarray(font.get_image())
        rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
        return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]

    size = 100 * CAP_HEIGHT * _MASTER / draw("H", 100).shape[0]
    canvas = torch.zeros(len(CLASSES), _MASTER, _MASTER, dtype=torch.float64)
    for k, letter in enumerate(CLASSES):
        ink = draw(letter, size)
        widest = max(ink.shape) / (0.76 * _MASTER)
        ink = draw(letter, size / widest) if widest > 1 else ink
        h, w = ink.shape
        top, left = (_MASTER - h) // 2, (_MASTER - w) // 2
        canvas[k, top : top + h, left : left + w] = torch.from_numpy(ink / 255.0)
    return canvas


def _jitter(
    masters: Float[Tensor, "n s s"], u: Float[Tensor, "n 5"], side: int
) -> Float[Tensor, "n 1 side side"]:
    """Another weight, size, rotation and shift for each drawing, then fewer pixels.

    In float64, so that rounding to 8 bits gives the same picture on every machine.
    """
    u = 2 * u - 1
    size, angle = 1 + 0.10 * u[:, 1], 0.12 * u[:, 2]
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    shift = 2 * 0.05 * u[:, 3:]
    moved = torch.stack(
        [torch.stack([cos, sin, shift[:, 0]], 1), torch.stack([-sin, cos, shift[:, 1]], 1)], 1
    )
    shape = [len(masters), 1, _MASTER, _MASTER]
    grid = F.affine_grid(moved, shape, align_corners=False)
    soft = F.grid_sample(masters[:, None], grid, align_corners=False)
    edge = 0.29 + 0.13 * u[:, 0, None, None, None]  # a lower one makes strokes bolder
    return F.avg_pool2d(((soft - edge) * 4 + 0.5).clamp(0, 1), _MASTER // side)
