"""One picture under speculation, round by round: which drafts stand, which fall, what is added."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.decode.row_rounds import Rounds
from arlearn.show.picture import COLOURS

DRAFTED, FELL, STOOD, ADDED = COLOURS[4], COLOURS[1], COLOURS[2], COLOURS[0]
EMPTY, TINT = 0.5, 0.45  # grey of what is not drawn; share of the colour in a coloured patch


def patch_drafts(
    rounds: Rounds,
    sample: int,
    picture: Callable[[Tensor], Tensor],
    beside: Float[Tensor, "t c"] | None = None,
) -> tuple[list[Float[Tensor, "3 h w"]], list[str]]:
    """Two frames a round for `show.scrub`: the drafts, then what became of them; and captions.

    Args:
        picture: `picture(units 1 t c) -> 1 1 h w` of units that stand on a square grid.
        beside: units of another sample, drawn one a pass: the target alone, for comparison.

    Raises:
        ValueError: a sample that the rounds do not hold.
    """
    if not 0 <= sample < rounds.batch:
        raise ValueError(f"sample {sample} of {rounds.batch}; choose one of 0 … {rounds.batch - 1}")
    units, frames, told, passes = None, [], [], 0
    for done in rounds.log:
        for i in (done.rows == sample).nonzero()[:, 0].tolist():
            known, k, stands = int(done.known[i]), int(done.limit[i]), int(done.stands[i])
            if units is None:
                units = done.added.new_zeros(rounds.length, done.added.shape[-1])
            other = [] if beside is None else [_shown(beside, passes, {}, picture)]
            if k:
                units[known : known + k] = done.drafts[i, :k]
                tints = {known + j: DRAFTED for j in range(k)}
                frames.append(_joined([_shown(units, known + k, tints, picture), *other]))
                told.append(f"{passes} passes of the target: {k} drafts behind {known} patches")
                tints = {known + j: STOOD if j < stands else FELL for j in range(k)}
                frames.append(_joined([_shown(units, known + k, tints, picture), *other]))
                told.append(f"pass {passes + 1}: {stands} of {k} drafts stand")
            units[known + stands] = done.added[i]
            passes += 1
            tints = {known + j: STOOD for j in range(stands)} | {known + stands: ADDED}
            other = [] if beside is None else [_shown(beside, passes, {}, picture)]
            frames.append(_joined([_shown(units, known + stands + 1, tints, picture), *other]))
            became = "in the place of the one that fell" if stands < k else "one more"
            told.append(f"pass {passes}: the target adds a patch, {became}")
    return frames, told


def _shown(units: Tensor, n: int, tints: dict[int, str], picture: Callable) -> Tensor:
    """The first n units as a picture, the others grey, some of them coloured."""
    grey = picture(units[None])[0, 0].clamp(0, 1).cpu()
    side = round(len(units) ** 0.5)
    size = len(grey) // side
    page = grey.expand(3, -1, -1).clone()
    for place in range(len(units)):
        row, column = size * (place // side), size * (place % side)
        patch = page[:, row : row + size, column : column + size]
        if place >= n:
            patch.fill_(EMPTY)
        elif place in tints:
            code = tints[place].lstrip("#")
            colour = torch.tensor([int(code[k : k + 2], 16) / 255 for k in (0, 2, 4)])
            patch.mul_(1 - TINT).add_(TINT * colour[:, None, None])
    return page


def _joined(pages: list[Tensor]) -> Float[Tensor, "3 h w"]:
    gap = torch.full((3, pages[0].shape[1], 1), EMPTY)
    return torch.cat([part for page in pages for part in (gap, page)][1:], -1)
