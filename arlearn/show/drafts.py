"""One pass that checks a draft and makes the next: what stood, what fell, which group is used."""

from collections.abc import Sequence
from typing import Any

from arlearn.show.picture import COLOURS, EMPTY, FAINT, INK, PALETTE, PAPER, Picture, canvas

CELL = 30  # pixels
FINAL, FELL, STOOD, USED = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[4]
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "$": r"\$"}


def drafts(
    draft: Sequence[str],
    stands: int,
    added: str,
    groups: Sequence[Sequence[str]],
    *,
    places: int | None = None,
    caption: str = "",
) -> Picture:
    """The places of one pass of a decoder that drafts and checks at once (TiDAR).

    Three kinds of rows over one axis of places: the draft, with what stood and what fell; what was
    written, the drafts that stood and the token added behind them; and the groups of guesses, group
    a from place a on, of which the one that stands behind what was accepted is lit.

    Args:
        draft: its tokens as text, the first of them final before the pass.
        stands: how many of them are in the text after the pass, the first one counted.
        added: the token behind those.
        groups: the best guess at every mask, group by group; `groups[stands - 1]` is used next.
        places: width of the picture in places, twice the draft unless given.

    Raises:
        ValueError: an empty draft, more standing than drafted, or not a group for every draft.
    """
    k = len(draft)
    if not 1 <= stands <= k or len(groups) != k:
        raise ValueError(
            f"a draft of {k} tokens, {stands} of them standing, with {len(groups)} groups: at "
            "least the first stands, and there is a group for every draft"
        )
    places = places or 2 * k
    with canvas(110 + CELL * places, 45 + CELL * (k + 2)) as figure:
        axes = figure.add_subplot()
        for j, word in enumerate(draft):
            colour = FINAL if j == 0 else STOOD if j < stands else FELL
            _cell(axes, j, 0, word, colour, struck=j >= stands)
        for j, word in enumerate([*draft[:stands], added]):
            _cell(axes, j, 1, word, FINAL if j == stands else STOOD if j else FINAL)
        for a, guesses in enumerate(groups, 1):
            for j, word in enumerate(guesses):
                _cell(axes, a + j, a + 1, word, USED if a == stands else None)
        names = ["draft", "written", *(f"group {a}" for a in range(1, k + 1))]
        axes.set(xlim=(-0.6, places - 0.4), ylim=(k + 1.6, -0.6), xlabel="place behind the text")
        axes.set_yticks(range(k + 2), names)
        axes.set_xticks(range(0, places, 1 if places <= 16 else 4))
        axes.set_aspect("equal")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    told = (
        f"draft {''.join(draft)!r}, of which {''.join(draft[:stands])!r} stands; then {added!r}; "
        f"the next draft comes from group {stands}"
    )
    return Picture(figure, told, caption, PALETTE)


def _cell(axes: Any, x: int, y: int, word: str, colour: str | None, struck: bool = False) -> None:
    """A square with a word in it; grey without a colour."""
    from matplotlib.patches import Rectangle

    face, edge = (EMPTY, PAPER) if colour is None else (colour + "40", colour)
    square = Rectangle((x - 0.44, y - 0.44), 0.88, 0.88, facecolor=face, edgecolor=edge)
    axes.add_patch(square)
    ink = FAINT if colour is None else INK
    shown = "".join(VISIBLE.get(letter, letter) for letter in word)
    axes.text(x, y, shown, ha="center", va="center", color=ink, family="DejaVu Sans Mono")
    if struck:
        axes.plot([x - 0.32, x + 0.32], [y, y], color=colour, linewidth=1.5)
