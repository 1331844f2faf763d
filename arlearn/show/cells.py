"""Units at their places, step by step: what the player's text and grids are drawn from."""

import html
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from arlearn.show.pictures import moments
from arlearn.show.texts import ADDED as TARGETS
from arlearn.show.texts import BOX, STANDING, Text
from arlearn.show.texts import DRAFTED as KEPT
from arlearn.show.texts import FALLEN as REFUSED
from arlearn.show.texts import PROMPT as GIVEN
from arlearn.trace import Trace

# What a cell can be, in the order of KINDS in widgets/cells.mjs. Taken back: it stood and is hidden
# again. Refused and taken back are seen for one step, then the place is empty.
EMPTY, STANDS, DRAFTED, FALLEN, ADDED, BACK = range(6)
NOTHING = (-1, -1, EMPTY)
PIECES = {EMPTY: STANDING, STANDS: STANDING, DRAFTED: KEPT, FALLEN: REFUSED, ADDED: TARGETS}
SIGNS = {EMPTY: "·", BACK: "↺"}
ROW = 16  # units in a row where no grid is given

Cell = tuple[int, int, int]  # unit, how sure in percent (-1: unknown), kind


def states(trace: Trace, sample: int = 0) -> Iterator[list[Cell]]:
    """The cells of one sample after each step.

    A trace with steps that cost nothing holds drafts, as `decode.speculative` writes them; then
    what was drawn and not kept was refused. Elsewhere it is a guess that was not shown.
    """
    speculates = any(step.evaluations == 0 for step in trace.steps)
    state = [NOTHING] * trace.length
    for step in trace.steps:
        before = state
        state = [NOTHING if cell[2] in (FALLEN, BACK) else cell for cell in before]
        drawn = step.units[sample].tolist()
        sure = [-1] * len(drawn) if step.confidence is None else _percent(step.confidence[sample])
        kept = [True] * len(drawn) if step.kept is None else step.kept[sample].tolist()
        good = (ADDED if step.evaluations else DRAFTED) if speculates else STANDS
        for p, unit, certain, stays in zip(step.positions.tolist(), drawn, sure, kept, strict=True):
            if stays:
                same = before[p][0] == unit and before[p][2] == good
                state[p] = before[p] if same else (unit, certain, good)
            elif speculates:
                state[p] = (unit, certain, FALLEN)
            else:
                stood = before[p][2] not in (EMPTY, BACK)
                state[p] = (*before[p][:2], BACK) if stood else NOTHING
        yield state


def traits(
    trace: Trace,
    at: Sequence[int],
    samples: int,
    decode: Callable[[Tensor], str] | None,
    prompt: str,
    grid: Sequence | None,
) -> tuple[dict, str, str]:
    """What `widgets/cells.mjs` reads, and what stands for it as HTML and as plain text.

    Each sample is a list of changes, one per shown step: word, sure and kind of the cells that are
    not what they were at the step before, `[position, word, sure, kind, …]`.

    Raises:
        ValueError: continuous units, or a grid that does not hold the trace's positions.
    """
    units = trace.steps[0].units
    if units.is_floating_point():
        raise ValueError("the units are continuous numbers; leave out decode= (or give picture=)")
    grids = [] if decode else _grids(grid, trace.length)
    shown = [_shown(trace, sample, at) for sample in range(samples)]
    used = sorted({cell[0] for frames in shown for state in frames for cell in state} - {-1})
    index = {unit: i for i, unit in enumerate(used)}
    words = [decode(units.new_tensor([unit])) if decode else str(unit) for unit in used]
    held = {
        "length": trace.length,
        "words": words,
        "prompt": prompt,
        "grids": [[width, height * width] for height, width in grids],
        "samples": [_changes(frames, index) for frames in shown],
        "frame": len(at) - 1,
    }
    still = [(at[i], shown[0][i]) for i in moments(None, 0, len(at) - 1, 4)]
    named = dict(zip(used, words, strict=True)) | {-1: ""}
    if decode:
        texts = [(step, _text(state, named, prompt)) for step, state in still]
        page = "".join(f"<p>after step {step}</p>{text._repr_html_()}" for step, text in texts)
        return held, page, repr(texts[-1][1])
    tables = [(step, _table(state, named, grids)) for step, state in still]
    page = "".join(
        f'<div><p>after step {step}</p><pre style="{BOX};font-size:.8em">{html.escape(table)}</pre>'
        "</div>"
        for step, table in tables
    )
    return held, f'<div style="display:flex;flex-wrap:wrap;gap:1em">{page}</div>', tables[-1][1]


def _grids(grid: Sequence | None, length: int) -> list[tuple[int, int]]:
    """The (height, width) of each grid; the last row may be open where none was given.

    Raises:
        ValueError: the grids hold another number of cells than there are positions.
    """
    if grid is None:
        whole, rest = divmod(length, ROW)
        return [(whole, ROW)] * (whole > 0) + [(1, rest)] * (rest > 0)
    pairs = [tuple(grid)] if isinstance(grid[0], int) else [tuple(pair) for pair in grid]
    cells = sum(height * width for height, width in pairs)
    if cells != length:
        told = ", ".join(f"{height} x {width}" for height, width in pairs)
        raise ValueError(f"the trace has {length} positions, the grid ({told}) {cells} cells")
    return pairs


def _shown(trace: Trace, sample: int, at: Sequence[int]) -> list[list[Cell]]:
    every = [[NOTHING] * trace.length, *states(trace, sample)]
    return [every[step] for step in at]


def _changes(frames: list[list[Cell]], index: dict[int, int]) -> list[list[int]]:
    before, changes = [NOTHING] * len(frames[0]), []
    for state in frames:
        flat = []
        for p, (old, new) in enumerate(zip(before, state, strict=True)):
            if old != new:
                flat += [p, index.get(new[0], -1), *new[1:]]
        changes.append(flat)
        before = state
    return changes


def _text(state: list[Cell], named: dict[int, str], prompt: str) -> Text:
    """A text as it stands, neighbours of one kind as one piece."""
    pieces = [[GIVEN, prompt]] if prompt else []
    for unit, _, kind in state:
        piece = PIECES.get(kind, STANDING), SIGNS.get(kind, named[unit])
        if pieces and pieces[-1][0] == piece[0]:
            pieces[-1][1] += piece[1]
        else:
            pieces.append(list(piece))
    return Text(tuple((kind, words) for kind, words in pieces))


def _table(state: list[Cell], named: dict[int, str], grids: list[tuple[int, int]]) -> str:
    """The units at their places in letters, grids below each other."""
    told = [SIGNS.get(kind, named[unit]) for unit, _, kind in state]
    wide, blocks, begin = max(map(len, told)), [], 0
    for height, width in grids:
        rows = [told[begin + i * width : begin + (i + 1) * width] for i in range(height)]
        blocks.append("\n".join(" ".join(word.rjust(wide) for word in row) for row in rows))
        begin += height * width
    return "\n\n".join(blocks)


def _percent(confidence: Tensor) -> list[int]:
    return (100 * confidence).round().clamp(0, 100).long().tolist()
