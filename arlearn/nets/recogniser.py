"""Listens: log-mel frames to letters and phones, and to a vector that tells who speaks."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

LETTERS = " abcdefghijklmnopqrstuvwxyz"
_MEAN, _SPREAD = -3.0, 3.0  # of log-mel frames of speech, about


class Listener(nn.Module):
    """Frames to half as many hidden vectors, each of which sees a second or two around it.

    A strided convolution, then blocks of a depthwise convolution over time and a two-layer network
    over channels, x + W2 gelu(W1 norm(conv(x))): the one-dimensional form of ConvNeXt (Liu et al.
    2022, arXiv 2201.03545). What lies beyond an utterance's end is zero in every layer, so that an
    utterance is heard alike in any batch.

    Args:
        bins: mel bins of a frame.
        width: channels of a hidden vector.
        depth: blocks; their convolutions reach 3, 6, 12, 3, … vectors to either side.
    """

    def __init__(self, bins: int, width: int, depth: int):
        super().__init__()
        self.enter = nn.Conv1d(bins, width, 5, stride=2, padding=2)
        self.blocks = nn.ModuleList(_Block(width, 2 ** (i % 3)) for i in range(depth))
        self.leave = nn.LayerNorm(width)

    def forward(
        self, frames: Float[Tensor, "b n k"], lengths: Int[Tensor, "b"]
    ) -> Float[Tensor, "b t d"]:
        """Hidden vectors, t = ceil(n / 2); `lengths` frames of each row count."""
        there = _there(lengths, frames.shape[1])[..., None]
        x = ((frames - _MEAN) / _SPREAD * there).transpose(1, 2)
        kept = _there(halved(lengths), halved(frames.shape[1]))[:, None]
        x = self.enter(x) * kept
        for block in self.blocks:
            x = block(x, kept)
        return self.leave(x.transpose(1, 2)) * kept.transpose(1, 2)


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int):
        super().__init__()
        self.mix = nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.change = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(
        self, x: Float[Tensor, "b d t"], kept: Float[Tensor, "b 1 t"]
    ) -> Float[Tensor, "b d t"]:
        mixed = self.norm(self.mix(x).transpose(1, 2))
        return x + self.change(mixed).transpose(1, 2) * kept


class Recogniser(nn.Module):
    """Writes down what is said, and knows the phone of every second frame.

    Letters come by connectionist temporal classification (Graves et al. 2006): each hidden vector
    gives a law over letters and a blank, and a text is what is left when equal neighbours are one
    and blanks are gone. Phones are learned frame by frame, from times that are known.

    Args:
        phones: the names of the phones; others are not learned.
        bins, width, depth: as in `Listener`.
    """

    def __init__(self, phones: Sequence[str], bins: int = 40, width: int = 96, depth: int = 8):
        super().__init__()
        self.phones = tuple(phones)
        self.listener = Listener(bins, width, depth)
        self.letters = nn.Linear(width, 1 + len(LETTERS))  # 0 is the blank
        self.sounds = nn.Linear(width, len(phones))

    def loss(
        self,
        frames: Float[Tensor, "b n k"],
        lengths: Int[Tensor, "b"],
        texts: Int[Tensor, "b c"],
        phones: Int[Tensor, "b t"],
    ) -> Float[Tensor, ""]:
        """Nats per letter plus nats per phone; `texts` end with zeros, phones of -1 do not count.

        Texts are numbers of letters from 1, see `spelled`; phones one for every second frame.
        """
        hidden = self.listener(frames, lengths)
        written = (texts > 0).sum(1)
        law = self.letters(hidden).log_softmax(-1).transpose(0, 1)
        letters = F.ctc_loss(law, texts, halved(lengths), written, zero_infinity=True)
        sounds = F.cross_entropy(self.sounds(hidden).transpose(1, 2), phones, ignore_index=-1)
        return letters + sounds

    @torch.no_grad()
    def read(self, frames: Float[Tensor, "b n k"], lengths: Int[Tensor, "b"]) -> list[str]:
        """The most probable letter of each hidden vector, equal neighbours as one, no blanks."""
        best = self.letters(self.listener(frames, lengths)).argmax(-1).cpu()
        texts = []
        for row, length in zip(best, halved(lengths).tolist(), strict=True):
            units = row[:length].unique_consecutive().tolist()
            texts.append("".join(LETTERS[u - 1] for u in units if u))
        return texts

    @torch.no_grad()
    def posteriors(
        self, frames: Float[Tensor, "b n k"], lengths: Int[Tensor, "b"]
    ) -> Float[Tensor, "b t p"]:
        """The probability of each phone at every second frame."""
        return self.sounds(self.listener(frames, lengths)).softmax(-1)

    @torch.no_grad()
    def features(
        self, frames: Float[Tensor, "b n k"], lengths: Int[Tensor, "b"]
    ) -> Float[Tensor, "b d"]:
        """The mean hidden vector of each utterance, for a Fréchet distance."""
        hidden = self.listener(frames, lengths)
        return hidden.sum(1) / halved(lengths)[:, None].to(hidden.device)


class SpeakerEncoder(nn.Module):
    """An utterance to a unit vector, alike for utterances of one voice.

    Mean and spread of the hidden vectors, a linear map, length one; learned by telling the voices
    it is trained on apart, by cosines with one vector for each (Snyder et al. 2018, "X-vectors").

    Args:
        voices: how many there are to learn from.
        size: of the vector.
        bins, width, depth: as in `Listener`.
    """

    def __init__(
        self, voices: int, size: int = 64, bins: int = 40, width: int = 64, depth: int = 3
    ):
        super().__init__()
        self.listener = Listener(bins, width, depth)
        self.place = nn.Linear(2 * width, size)
        self.centres = nn.Parameter(torch.randn(voices, size) / size**0.5)

    def forward(
        self, frames: Float[Tensor, "b n k"], lengths: Int[Tensor, "b"]
    ) -> Float[Tensor, "b e"]:
        """One vector an utterance; cosines are products."""
        hidden, count = self.listener(frames, lengths), halved(lengths)[:, None, None]
        count = count.to(hidden.device)
        mean = hidden.sum(1, keepdim=True) / count
        kept = _there(halved(lengths), hidden.shape[1]).to(hidden.device)[..., None]
        spread = (((hidden - mean) * kept).square().sum(1, keepdim=True) / count + 1e-5).sqrt()
        return F.normalize(self.place(torch.cat([mean, spread], -1)[:, 0]), dim=-1)

    def logits(
        self, frames: Float[Tensor, "b n k"], lengths: Int[Tensor, "b"]
    ) -> Float[Tensor, "b v"]:
        """How much each utterance sounds like each of the voices, 15 times the cosine."""
        return 15 * self(frames, lengths) @ F.normalize(self.centres, dim=-1).T

    def loss(
        self,
        frames: Float[Tensor, "b n k"],
        lengths: Int[Tensor, "b"],
        speakers: Int[Tensor, "b"],
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the voice."""
        return F.cross_entropy(self.logits(frames, lengths), speakers)


def halved(frames: Tensor | int) -> Tensor | int:
    """Hidden vectors of some frames: every second, the first included."""
    return (frames + 1) // 2


def spelled(text: str) -> list[int]:
    """A text as numbers of letters, from 1.

    Raises:
        ValueError: a letter outside of a to z and the blank.
    """
    strange = sorted(set(text) - set(LETTERS))
    if strange:
        raise ValueError(f"{text!r} holds {strange}; a recogniser knows a to z and the blank")
    return [LETTERS.index(letter) + 1 for letter in text]


def _there(lengths: Int[Tensor, "b"], n: int) -> Float[Tensor, "b n"]:
    """1 for the frames that count, 0 behind them."""
    return (torch.arange(n, device=lengths.device) < lengths[:, None]).float()
