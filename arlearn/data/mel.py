"""The log-mel picture of a sound, and the way back: filter bank, Griffin-Lim."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Complex, Float
from torch import Tensor

FLOOR = 1e-5  # magnitudes below it count as silence
_UPDATES = 60  # of the filter bank's inverse


@dataclass(frozen=True)
class Mel:
    """Log-mel pictures of one shape: what they are made with, forwards and backwards.

    The default (8 kHz, 40 bins, windows of 32 ms every 12.5 ms: 80 frames a second) holds what a
    telephone holds, enough to tell words and voices apart at half the cost of 16 kHz.

    Attributes:
        rate: samples a second.
        bins: mel bins, from `low` to half the rate.
        window: samples a frame looks at, a power of two.
        hop: samples from one frame to the next.
        low: the lowest frequency in Hz.

    Raises:
        ValueError: a size that cannot be, or so many bins that one of them holds no frequency.
    """

    rate: int = 8000
    bins: int = 40
    window: int = 256
    hop: int = 100
    low: float = 50.0

    def __post_init__(self):
        if self.window < 8 or self.window & (self.window - 1):
            raise ValueError(f"window {self.window} is no power of two of at least 8")
        if not 1 <= self.hop <= self.window // 2:
            raise ValueError(
                f"hop {self.hop} is outside 1..{self.window // 2}, half of the window; "
                "frames must overlap for the way back"
            )
        if not 0 <= self.low < self.rate / 2:
            raise ValueError(f"low {self.low} Hz is outside 0..{self.rate / 2} Hz")
        empty = (self.filters.sum(1) == 0).nonzero().flatten().tolist()
        if empty:
            raise ValueError(
                f"of {self.bins} mel bins, {len(empty)} hold no frequency of a window of "
                f"{self.window} at {self.rate} Hz; take fewer bins or a larger window"
            )

    @classmethod
    def at(cls, rate: int) -> "Mel":
        """The usual shape at 8, 16 or 22.05 kHz: 80 frames a second, 40 or 80 bins.

        Raises:
            ValueError: another rate.
        """
        shapes = {8000: (40, 256, 100), 16_000: (64, 512, 200), 22_050: (80, 1024, 276)}
        if rate not in shapes:
            raise ValueError(f"rate {rate} has no usual shape; choose one of {list(shapes)}")
        bins, window, hop = shapes[rate]
        return cls(rate, bins, window, hop)

    @cached_property
    def filters(self) -> Float[Tensor, "k f"]:
        """Triangles of height 1, evenly spread over the mel scale, over the frequencies of a frame.

        m(f) = 2595 log10(1 + f / 700)

        O'Shaughnessy, "Speech Communication", 1987; the bank is that of HTK (Young et al. 2002,
        section 5.4).
        """
        edges = hertz(torch.linspace(*mels(torch.tensor([self.low, self.rate / 2])), self.bins + 2))
        frequencies = torch.linspace(0, self.rate / 2, self.window // 2 + 1)
        low, middle, high = (edges[i : i + self.bins, None] for i in range(3))
        rising = (frequencies - low) / (middle - low)
        falling = (high - frequencies) / (high - middle)
        return torch.minimum(rising, falling).clamp(min=0)

    def frames(self, samples: int) -> int:
        """Frames of a waveform: one at every hop, the first at its first sample."""
        return 1 + samples // self.hop

    def spectrum(self, sound: Float[Tensor, "*b t"]) -> Complex[Tensor, "*b f n"]:
        """The short-time Fourier transform under a Hann window; frame k stands around k hop.

        Raises:
            ValueError: a waveform shorter than half a window.
        """
        if sound.shape[-1] <= self.window // 2:
            raise ValueError(
                f"{sound.shape[-1]} samples are too short; a frame needs more than half a window, "
                f"{self.window // 2}"
            )
        hann = torch.hann_window(self.window, device=sound.device)
        return torch.stft(sound, self.window, self.hop, window=hann, return_complex=True)

    def log_mel(self, sound: Float[Tensor, "*b t"]) -> Float[Tensor, "*b n k"]:
        """ln max(F |X|, 1e-5): one row a frame, `bins` values each."""
        magnitudes = self.spectrum(sound).abs()
        mel = torch.einsum("kf,...fn->...nk", self.filters.to(sound.device), magnitudes)
        return mel.clamp(min=FLOOR).log()

    def magnitudes(self, log_mel: Float[Tensor, "n k"]) -> Float[Tensor, "f n"]:
        """The spectrum whose log-mel comes closest, never negative: |X| with F |X| = mel.

        The pseudo-inverse gives a start, multiplicative updates keep it positive: Lee & Seung 2001,
        "Algorithms for non-negative matrix factorization", theorem 1.
        """
        filters, mel = self.filters.to(log_mel.device), log_mel.exp().T
        found = (torch.linalg.pinv(filters) @ mel).clamp(min=1e-4 * float(mel.max()))
        above = filters.T @ mel
        for _ in range(_UPDATES):
            found = found * above / (filters.T @ (filters @ found)).clamp(min=1e-9)
        return found

    def sound(
        self, log_mel: Float[Tensor, "n k"], seed: int = 0, steps: int = 40
    ) -> Float[Tensor, "t"]:
        """A waveform with this log-mel, by Griffin-Lim with momentum; t = (n - 1) hop samples.

        The phases, which a log-mel has not, are those of the waveform found so far, `steps` times:

            c <- |X| e^(i angle(T)),   T = P(c) + a (P(c) - P(c before)),   a = 0.99

        where P goes to a waveform and back. Perraudin, Balazs & Søndergaard 2013, "A fast
        Griffin-Lim algorithm".

        Raises:
            ValueError: fewer than 3 frames, or another number of bins.
        """
        if len(log_mel) < 3 or log_mel.shape[1] != self.bins:
            raise ValueError(
                f"a log-mel of {list(log_mel.shape)} cannot be heard; it is n {self.bins}, "
                "3 frames or more"
            )
        wanted = self.magnitudes(log_mel.detach().float())
        hann = torch.hann_window(self.window, device=wanted.device)
        generator = torch.Generator().manual_seed(seed)
        angle = 6.2831853 * torch.rand(wanted.shape, generator=generator).to(wanted.device)
        held, before = torch.polar(wanted, angle), torch.zeros((), device=wanted.device)
        length = (len(log_mel) - 1) * self.hop
        for _ in range(steps):
            sound = torch.istft(held, self.window, self.hop, window=hann, length=length)
            again = self.spectrum(sound)
            held = torch.polar(wanted, (again + 0.99 * (again - before)).angle())
            before = again
        return torch.istft(held, self.window, self.hop, window=hann, length=length)


def mels(hertz: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """2595 log10(1 + f / 700): 1,000 Hz are 1,000 mels."""
    return 2595 * torch.log10(1 + hertz / 700)


def hertz(mels: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The inverse of `mels`."""
    return 700 * (10 ** (mels / 2595) - 1)
