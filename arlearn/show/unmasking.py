"""The drafts of an unmasking, one below the other, with a verdict behind each."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.decode.film import Film
from arlearn.show.picture import COLOURS, EMPTY, FAINT, INK, PALETTE, Picture, canvas

CELL, ROW, LEFT, RIGHT, TOP, BELOW = 26, 26, 62, 40, 30, 8  # pixels
SIGNS = {"\n": "↵", " ": "␣"}
RIGHT_SIGN, WRONG_SIGN, BOLT = "✓", "✗", "↯"


def unmasking(
    film: Film,
    marks: Float[Tensor, "s b"],
    decode: Callable[[Tensor], str],
    *,
    sample: int = 0,
    columns: slice = slice(None),
    title: str = "",
    caption: str = "",
) -> Picture:
    """What stood and what was guessed in every step, and whether the whole draft was right.

    A row is a step. Bold letters stood before it; letters on a tint were guessed in it, the deeper
    the surer; a frame is around those that stay. A bolt marks what stood and is hidden again.

    Args:
        film: of `decode.unmask`.
        marks: 1 where the draft of a step is right.
        decode: turns one unit, as a row `[1]`, into its letter.
        columns: the positions that are shown (those of the answer, say).

    Raises:
        ValueError: no such sample, or not one mark for each draft.
    """
    steps, batch, length = film.guesses.shape
    if not 0 <= sample < batch or marks.shape != (steps, batch):
        raise ValueError(
            f"sample={sample} of {batch} with marks of shape {tuple(marks.shape)}; a film of "
            f"{steps} steps needs marks of shape ({steps}, {batch})"
        )
    shown, told = torch.arange(length)[columns].tolist(), []
    with canvas(LEFT + CELL * len(shown) + RIGHT, TOP + ROW * steps + BELOW) as figure:
        axes = _paper(figure, len(shown), steps, title)
        for s, right in enumerate((marks[:, sample] > 0).tolist()):
            small = {"ha": "right", "va": "center", "fontsize": 9, "color": FAINT}
            axes.text(-0.3, s + 0.5, f"step {s + 1}", **small)
            word = [_letter(decode(film.guesses[s, sample, p : p + 1])) for p in shown]
            for k, p in enumerate(shown):
                _cell(axes, film, (s, sample, p), k, word[k])
            sign, colour = (RIGHT_SIGN, COLOURS[2]) if right else (WRONG_SIGN, COLOURS[1])
            large = {"ha": "center", "va": "center", "fontsize": 14, "weight": "bold"}
            axes.text(len(shown) + 0.7, s + 0.5, sign, color=colour, **large)
            told.append(f"step {s + 1} {''.join(word)} {'right' if right else 'wrong'}")
    return Picture(figure, f"{title or 'drafts'}: {'; '.join(told)}", caption, PALETTE)


def _letter(letter: str) -> str:
    return SIGNS.get(letter, letter) or SIGNS["\n"]


def _cell(axes, film: Film, at: tuple[int, int, int], k: int, letter: str) -> None:
    from matplotlib.patches import Rectangle

    s, guessed, taken = at[0], bool(film.hidden[at]), bool(film.taken_back[at])
    stays = s + 1 == len(film) or not film.hidden[(s + 1, *at[1:])]
    face = (COLOURS[0], 0.08 + 0.5 * float(film.confidence[at])) if guessed else EMPTY
    edge = COLOURS[0] if guessed and stays else "none"
    axes.add_patch(Rectangle((k + 0.06, s + 0.08), 0.88, 0.84, facecolor=face, edgecolor=edge))
    style = {"ha": "center", "va": "center", "color": COLOURS[1] if taken else INK}
    weight = "normal" if guessed else "bold"
    axes.text(k + 0.5, s + 0.5, letter, fontsize=10, weight=weight, parse_math=False, **style)
    if taken:
        axes.text(k + 0.84, s + 0.26, BOLT, fontsize=9, weight="bold", **style)


def _paper(figure, across: int, down: int, title: str):
    """Axes in cells, from the top left."""
    figure.set_layout_engine("none")
    width, height = LEFT + CELL * across + RIGHT, TOP + ROW * down + BELOW
    box = LEFT / width, BELOW / height, CELL * across / width, ROW * down / height
    axes = figure.add_axes(box)
    axes.set(xlim=(0, across), ylim=(down, 0))
    axes.axis("off")
    axes.text(0, -0.25, title, ha="left", va="bottom", fontsize=10, color=INK, parse_math=False)
    return axes
