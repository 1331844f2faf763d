"""Shapes and glyphs on a grid of 5 x 5 cells, and the palette that films of them are painted in."""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from arlearn.data.scenes import PALETTE

CELLS = 5
GROUND = {"dark": (0.09, 0.10, 0.13), "dot": (0.24, 0.26, 0.31)}
COLOURS = tuple(PALETTE)  # of objects; colour k is palette entry FIRST + k
FIRST = len(GROUND)
# Every drawing touches all four sides of its box, so that its box says where it is.
DRAWINGS = {
    "circle": ".###. ##### ##### ##### .###.",
    "square": "##### ##### ##### ##### #####",
    "triangle": "..#.. ..#.. .###. .###. #####",
    "cross": "..#.. ..#.. ##### ..#.. ..#..",
    "A": ".###. #...# ##### #...# #...#",
    "E": "##### #.... ####. #.... #####",
    "H": "#...# #...# ##### #...# #...#",
    "T": "##### ..#.. ..#.. ..#.. ..#..",
    "U": "#...# #...# #...# #...# .###.",
    "Z": "##### ...#. ..#.. .#... #####",
}
KINDS = tuple(DRAWINGS)
SHAPES = KINDS[:4]


def palette() -> Float[Tensor, "k 3"]:
    """Red, green and blue of each index: two grounds, then the six colours of the scenes."""
    return torch.tensor([*GROUND.values(), *PALETTE.values()])


def masks(unit: int = 1) -> Float[Tensor, "k s s"]:
    """Each kind as ones on zeros; a cell is `unit` x `unit` pixels."""
    rows = [
        [[float(cell == "#") for cell in row] for row in one.split()] for one in DRAWINGS.values()
    ]
    return torch.tensor(rows).repeat_interleave(unit, 1).repeat_interleave(unit, 2)


def painted(frames: Int[Tensor, "*n h w"] | UInt8[Tensor, "*n h w"]) -> Float[Tensor, "*n 3 h w"]:
    """Indices as colours, 0..1.

    Raises:
        ValueError: an index outside the palette.
    """
    colours = palette().to(frames.device)
    whole = frames.long()
    if whole.numel() and not 0 <= int(whole.min()) <= int(whole.max()) < len(colours):
        raise ValueError(
            f"indices {int(whole.min())}..{int(whole.max())} are outside the palette's "
            f"0..{len(colours) - 1}"
        )
    return colours[whole].movedim(-1, -3)


def indexed(pictures: Float[Tensor, "*n 3 h w"]) -> Int[Tensor, "*n h w"]:
    """The palette entry nearest to each pixel: the inverse of `painted`."""
    colours = palette().to(pictures.device)
    apart = (pictures.movedim(-3, -1).unsqueeze(-2) - colours).square().sum(-1)
    return apart.argmin(-1)
