"""CLEAR (Wu et al. 2025, arXiv 2508.19098): speech as few continuous latents, one flow for each.

Tokens: latents of a causal variational autoencoder (`tokens.sound`), whose changes of rate have
parameter-free shortcuts (`nets.sound`). Plan: raster, behind the phones (`nets.speech`). Head: a
rectified flow per latent that also minds the direction of its velocity (`heads.directed`). Sampling
with two streams, whole or in chunks: `decode.speak`. The baselines have the same transformer and
other units or heads. See chapters/09_sound/06_clear.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from arlearn.data.mel import Mel
from arlearn.decode.speak import Spoken, chunked, moments
from arlearn.heads.deep import Deep, LevelHead, Trunk
from arlearn.heads.directed import DirectedFlow
from arlearn.heads.gaussian import GaussianHead
from arlearn.heads.law import Law
from arlearn.nets.speech import SpeechModel

ARMS = ("flow", "codes", "mel", "squares")


@dataclass(frozen=True)
class Sizes:
    """The sizes that all arms share, and those of their units.

    Attributes:
        width, depth: of the transformer.
        hidden: width of every head's blocks; their number makes the heads about equally large.
        latent: numbers of a latent.
        codes, size: codes of a moment, and how many there are to choose from.
        bins: of a mel frame.
        draws: noise draws per latent in the flow's loss.
    """

    width: int = 64
    depth: int = 3
    hidden: int = 72
    latent: int = 8
    codes: int = 4
    size: int = 256
    bins: int = 40
    draws: int = 4


def arm(kind: str, phones: Sequence[str], sizes: Sizes) -> SpeechModel:
    """One of the compared models, untrained: one transformer, other units and heads.

    - flow: CLEAR, a rectified flow for each latent;
    - squares: the same latents, and a head that says their mean;
    - codes: codes of a residual quantizer, one softmax after the other (as VALL-E, flattened);
    - mel: frames under a Gaussian of fixed deviation (as MELLE, arXiv 2407.08551).

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in ARMS:
        raise ValueError(f"arm {kind!r} is unknown; choose one of {', '.join(ARMS)}")
    width, hidden = sizes.width, sizes.hidden
    units: dict[str, int] = {"channels": sizes.bins if kind == "mel" else sizes.latent}
    if kind == "flow":
        head = DirectedFlow(width, sizes.latent, hidden, 3, noise_draws=sizes.draws)
    elif kind == "codes":
        head = Deep(Trunk(width, hidden, 3), LevelHead(hidden, sizes.codes, sizes.size))
        units = {"codes": sizes.codes * sizes.size, "levels": sizes.codes}
    else:
        deviation = 1.0 if kind == "squares" else 0.3
        law = GaussianHead(hidden, units["channels"], deviation=deviation)
        head = Deep(Trunk(width, hidden, 9), law, weight=1 / units["channels"])
    return SpeechModel(phones, head, width=width, depth=sizes.depth, **units)


def weighted(w: float, temperature: float = 1.0) -> Law:
    """The law of guidance in CLEAR's writing: w · conditional + (1 - w) · unconditional."""
    return Law(guidance=w - 1, temperature=temperature)


def heard(tokens: nn.Module, spoken: Spoken) -> list[Float[Tensor, "_ k"]]:
    """The log-mel frames of every text."""
    here = next((buffer.device for buffer in tokens.buffers()), spoken.units.device)
    return [tokens.decode(spoken.row(i).to(here))[0] for i in range(len(spoken.lengths))]


def waves(mel: Mel, frames: Float[Tensor, "n k"]) -> Float[Tensor, "t"]:
    """A waveform of n hop samples, so that chunks fit together; `Mel.sound` ends a hop early."""
    return mel.sound(torch.cat([frames, frames[-1:]]))


def stream(
    model: SpeechModel,
    tokens: nn.Module,
    text: Int[Tensor, "1 n"],
    *,
    chunk: int = 4,
    overlap: int = 1,
    context: int = 10,
    mel: Mel | None = None,
    **options,
) -> Iterator[Tensor]:
    """Say a text chunk by chunk: each is decoded while the next latents are not yet drawn.

    Yields log-mel frames `n k`, or with `mel` samples `t`. Options are those of `decode.moments`.
    """

    def decode(units: Tensor) -> Tensor:
        frames = tokens.decode(units[None])[0]
        return frames if mel is None else waves(mel, frames)

    def drawn() -> Iterator[Tensor]:
        for units, ends in moments(model, text, **options):
            yield units[0]
            if bool(ends[0]):
                return

    yield from chunked(drawn(), decode, chunk=chunk, overlap=overlap, context=context)
