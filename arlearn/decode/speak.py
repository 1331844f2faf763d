"""Sound from a model that speaks: unit after unit until it stops, whole or in chunks."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from arlearn.heads.law import Law
from arlearn.nets.speech import SpeechModel
from arlearn.trace import Trace


@dataclass(frozen=True)
class Spoken:
    """What was said, one row a text.

    Attributes:
        units: of all moments, `b t c`, or codes `b t q`; rows that ended earlier go on with what
            does not count.
        lengths: moments of each row.
        ended: whether a row stopped by itself.
        trace: every moment with the passes through the transformer it took.
    """

    units: Tensor
    lengths: Int[Tensor, "b"]
    ended: Bool[Tensor, "b"]
    trace: Trace

    def row(self, i: int) -> Tensor:
        """The units of one text, `1 t c`, as a tokenizer decodes them."""
        return self.units[i : i + 1, : int(self.lengths[i])]


@torch.no_grad()
def moments(
    model: SpeechModel,
    text: Int[Tensor, "b n"],
    *,
    law: Law | None = None,
    prompt: Tensor | None = None,
    most: int = 64,
    least: int = 2,
    generator: Generator | None = None,
    **options,
) -> Iterator[tuple[Tensor, Bool[Tensor, "b"]]]:
    """The units of each moment as soon as they are drawn, and which rows end there.

    With guidance g = w - 1 two streams of hidden states are kept, one that reads the phones and one
    that reads zeros in their places, in one batch with one cache each; both are fed the *same*
    units. The head mixes their laws. The stop is that of the stream with phones: guided, it would
    exaggerate and end early. A row ends where its stop is more likely than not.

    Args:
        text: rows of `model.spelled`.
        law: temperature and so on; its guidance is w - 1 in CLEAR's writing.
        prompt: the first moments `b p c` of every row, given: the voice to go on in.
        most: moments of a row, the prompt's included.
        least: a row of fewer does not end.
        generator: one of another device lends its seed.
        options: of the head's `sample`, as `steps`.

    Raises:
        ValueError: `most` leaves nothing to draw.
    """
    begun = 0 if prompt is None else prompt.shape[1]
    if most <= begun or least < 1:
        raise ValueError(f"most={most}, least={least}: nothing can be drawn behind {begun} moments")
    law, n = law or Law(), len(text)
    if generator is not None and generator.device.type != text.device.type:
        generator = Generator(text.device).manual_seed(generator.initial_seed())
    twice = law.guidance != 0
    rows = text.repeat(2, 1) if twice else text
    silent = torch.arange(len(rows), device=text.device) >= n
    cache = model.backbone.cache(len(rows), text.shape[1] + most * model.levels)

    def fed(x: Tensor) -> Tensor:
        return model.read(x.repeat(2, 1, 1) if twice and len(x) == n else x, rows, cache)

    h = fed(model.written(rows, silent))
    if prompt is not None:
        h = fed(model.enter(prompt.flatten(1) if model.codes else prompt))
    for k in range(begun, most):
        drawn = []
        for level in range(model.levels):
            unit = _unit(model, h, n, level, law, generator=generator, **options)
            drawn.append(unit)
            h = fed(model.enter(unit[:, None]))
        ends = (model.stop(h[:n])[:, 0] > 0) & (k + 1 >= least)
        yield torch.stack(drawn, 1) if model.codes else drawn[0], ends


def _unit(model: SpeechModel, h: Tensor, n: int, level: int, law: Law, **options) -> Tensor:
    """A unit per text from the states of the first n rows, guided away from those behind them."""
    null = h[n:] if law.guidance else None
    level_of = {"level": level} if model.codes else {}
    return model.head.sample(
        h[:n], null=null, guidance=law.guidance, law=law, **level_of, **options
    )[0]


@torch.no_grad()
def speak(
    model: SpeechModel, text: Int[Tensor, "b n"], *, prompt: Tensor | None = None, **options
) -> Spoken:
    """Say every text, all rows at once, until the last one ends; options as in `moments`.

    A moment costs `levels` passes, twice as many with guidance; the passes over text and prompt
    count to the first.
    """
    said, begun = [], 0 if prompt is None else prompt.shape[1]
    lengths = torch.full((len(text),), -1, device=text.device)
    guidance = options.get("law") is not None and options["law"].guidance != 0
    trace = Trace(options.get("most", 64))
    for units, ends in moments(model, text, prompt=prompt, **options):
        said.append(units)
        lengths = torch.where(ends & (lengths < 0), begun + len(said), lengths)
        passes = model.levels * (1 + guidance) + (1 + guidance) * (len(said) == 1)
        shown = units[:, None].float() if model.codes else units[:, None]
        trace.record(torch.tensor([begun + len(said) - 1]), shown, passes)
        if bool((lengths > 0).all()):
            break
    trace.length = begun + len(said)
    units = torch.stack(said, 1)
    units = units if prompt is None else torch.cat([prompt, units], 1)
    return Spoken(units, lengths.where(lengths > 0, units.shape[1]), lengths > 0, trace)


def chunked(
    units: Iterable[Tensor],
    decode: Callable[[Tensor], Tensor],
    *,
    chunk: int,
    overlap: int,
    context: int = 0,
) -> Iterator[Tensor]:
    """Decode a sequence while it grows: `chunk` units at a time, overlapping by `overlap`.

    Every `chunk` units are decoded together with the `overlap` before them, for which the chunk
    before had an answer too: there the two are faded into each other in a line. What the next chunk
    can still change is held back. So the first sound is out after `chunk` units, however many
    follow. A decoder that looks back further than the overlap does not know what came before a
    chunk; `context` more units are decoded along, and what is made of them is dropped.

    Args:
        units: each `c` or `q`, as they are drawn.
        decode: `n c` units to n · r rows, of frames or of samples.
        chunk, overlap, context: counted in units.

    Raises:
        ValueError: an overlap that is not shorter than a chunk.
    """
    if not 0 <= overlap < chunk:
        raise ValueError(f"overlap={overlap} is outside 0..{chunk - 1}, less than chunk={chunk}")
    seen: list[Tensor] = []
    held, begin = None, 0

    def made_of() -> Tensor:
        first = max(begin - context, 0)
        rows = decode(torch.stack(seen[first:]))
        return faded(held, rows[len(rows) // (len(seen) - first) * (begin - first) :])

    for unit in units:
        seen.append(unit)
        if len(seen) - begin == chunk + overlap * (held is not None):
            made = made_of()
            keep = len(made) // (len(seen) - begin) * overlap
            yield made[: len(made) - keep]
            held, begin = made[len(made) - keep :], len(seen) - overlap
    if held is None or len(seen) > begin + overlap:
        yield made_of()
    elif len(held):
        yield held


def faded(before: Tensor | None, after: Tensor) -> Tensor:
    """`after`, its first rows mixed with those of `before`, which are of the same moments."""
    if before is None or not len(before):
        return after
    share = (torch.arange(len(before), device=after.device) + 1) / (len(before) + 1)
    share = share.view(-1, *[1] * (after.ndim - 1))
    return torch.cat([(1 - share) * before + share * after[: len(before)], after[len(before) :]])
