"""NBP, next block prediction for video (Ren et al. 2025, arXiv 2502.07737).

Tokens: patches of video frames. Plan: blocks of neighbouring tokens, a row for instance. Head:
categorical, one law a token. The twist is two edits of a GPT: who may look at whom (a block sees
all of itself), and how far ahead an output predicts (a block instead of a token). See
chapters/10_time/22_nbp.py.
"""

import torch
from jaxtyping import Int, UInt8
from torch import Generator, Tensor

from arlearn.data.continuations import directions
from arlearn.data.tracker import track
from arlearn.heads.law import Law
from arlearn.nets.layout import Layout, Three
from arlearn.nets.next_block import NextBlock, plan
from arlearn.tokens.patches import PatchBook
from arlearn.trace import Trace

__all__ = ["Layout", "NextBlock", "Three", "continued", "headings", "plan", "rolled", "row_share"]


@torch.no_grad()
def continued(
    model: NextBlock,
    given: Int[Tensor, "b m"],
    labels: Int[Tensor, "b"] | None = None,
    *,
    law: Law | None = None,
    generator: Generator | None = None,
    cached: bool = True,
) -> tuple[Int[Tensor, "b t"], Trace]:
    """Draw the rest of films whose first m tokens are given, block after block.

    What is given is read in the pass that draws the first new block; each later pass reads the
    block drawn last. So a block costs one pass. Each token has a law and a draw of its own.

    Args:
        given: whole blocks, at least one.
        cached: False reads everything again at every step (the same result, slowly).

    Returns: the films' tokens, and the trace of the steps.

    Raises:
        ValueError: a hybrid model, or what is given is no beginning of whole blocks.
    """
    size, (batch, m), whole = model.layout.size, given.shape, len(model.layout)
    if model.hybrid or m % size or not size <= m < whole:
        raise ValueError(
            f"{m} given tokens are no beginning of whole blocks of {size}, or the model begins by "
            "itself (decode.generate); give one block or more, and less than the film"
        )
    units, trace = model.blank(batch), Trace(whole)
    units[:, :m] = given
    cond = model.condition(labels, batch)
    cache = model.backbone.cache(batch, whole) if cached else None
    for end in range(m + size, whole + 1, size):
        begin = end - size if cache is not None and cache.length else size
        states = model.read(units, begin, end, cache, cond)[:, -size:]
        drawn, log_p = model.head.sample(states, law=law, generator=generator)
        units[:, end - size : end] = drawn
        trace.record(torch.arange(end - size, end), drawn, 1, confidence=log_p.exp())
    return units, trace


@torch.no_grad()
def rolled(
    model: NextBlock,
    book: PatchBook,
    frames: UInt8[Tensor, "n g h w"],
    length: int,
    *,
    law: Law | None = None,
    generator: Generator | None = None,
) -> tuple[UInt8[Tensor, "n f h w"], list[Trace]]:
    """Go on from given frames until a film is `length` frames long, window after window.

    The last frames of a window, as many as were given at first, are what the next one is given;
    with them, where the model has classes, goes the direction that the tracker reads in them.

    Returns: the films, with what was given, and the trace of each window.

    Raises:
        ValueError: a length that whole windows do not reach.
    """
    n, given = frames.shape[:2]
    new = model.layout.shape[0] - given
    if new < 1 or length <= given or (length - given) % new:
        raise ValueError(
            f"from {given} frames, windows of {model.layout.shape[0]} do not reach {length}; "
            f"{max(new, 1)} frames come with each"
        )
    traces, where = [], model.place.device
    labels = torch.zeros(n, dtype=torch.long)
    while frames.shape[1] < length:
        begin = frames[:, -given:]
        seen = headings(begin)
        labels = torch.where(seen < 0, labels, seen)  # lost from sight: as it was
        units = model.layout.flatten(_padded(book.encode(begin), model.layout))
        units = units[:, : units.shape[1] * given // model.layout.shape[0]].to(where)
        told = labels.to(where) if model.classes else None
        units, trace = continued(model, units, told, law=law, generator=generator)
        drawn = book.decode(model.layout.unflatten(units).cpu())
        frames, traces = torch.cat([frames, drawn[:, given:]], 1), [*traces, trace]
    return frames, traces


def headings(frames: UInt8[Tensor, "n g h w"]) -> Int[Tensor, "n"]:
    """The direction between the last two frames of the object seen best; -1 where none is."""
    tracks = track(frames[:, -2:])
    best = tracks.scores.sum(1).argmax(1)
    rows = torch.arange(len(frames))
    there = (tracks.kinds[rows, :, best] >= 0).all(1)
    return torch.where(there, directions(tracks.places[rows, :, best])[:, -1], -1)


def row_share(units: Int[Tensor, "n f y x"], known: Int[Tensor, "m g y x"]) -> float:
    """Share of the rows of tokens that occur, as they are, somewhere in known films."""
    found, rows = (x.flatten(0, 2).unique(dim=0, return_inverse=True) for x in (known, units))
    both = torch.cat([found[0], rows[0]]).unique(dim=0, return_inverse=True)[1]
    seen = torch.isin(both[len(found[0]) :], both[: len(found[0])])
    return float(seen[rows[1]].float().mean())


def _padded(units: Int[Tensor, "n g y x"], layout: Layout) -> Int[Tensor, "n f y x"]:
    rest = units.new_zeros(len(units), layout.shape[0] - units.shape[1], *units.shape[2:])
    return torch.cat([units, rest], 1)
