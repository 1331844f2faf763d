"""Waveforms: WAV files in and out, samples as bytes, another rate."""

import io
import math
import struct
import wave
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_BIAS, _CLIP = 0x84, 32_635
_MULAW = 7  # WAVE_FORMAT_MULAW


def from_integers(samples: np.ndarray) -> Float[Tensor, "t"]:
    """Samples of 16 bits as -1..1."""
    return torch.from_numpy(samples.astype(np.float32) / 32_768)


def to_integers(sound: Float[Tensor, "t"]) -> np.ndarray:
    """A waveform as samples of 16 bits; what lies outside -1..1 is cut.

    Raises:
        ValueError: there is no sample, or one that is not finite.
    """
    values = sound.detach().float().cpu()
    if not values.numel() or not values.isfinite().all():
        raise ValueError("a waveform needs at least one sample, and every sample finite")
    return (values * 32_768).round().clamp(-32_768, 32_767).to(torch.int16).numpy()


def read_wav(file: Path | bytes) -> tuple[Float[Tensor, "t"], int]:
    """The waveform of a WAV file (its bytes or where it lies), channels averaged, and its rate.

    Raises:
        ValueError: it is no WAV file of uncompressed samples of 8, 16, 24 or 32 bits.
    """
    name = "the bytes given" if isinstance(file, bytes) else str(file)
    try:
        with wave.open(io.BytesIO(file) if isinstance(file, bytes) else str(file)) as opened:
            width, channels = opened.getsampwidth(), opened.getnchannels()
            raw, rate = opened.readframes(opened.getnframes()), opened.getframerate()
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{name}: no WAV file of uncompressed samples ({error})") from error
    if width not in (1, 2, 3, 4) or len(raw) % (width * channels):
        raise ValueError(f"{name}: samples of {8 * width} bits are not read, or it is cut short")
    octets = np.frombuffer(raw, np.uint8).reshape(-1, width)
    if width == 1:  # these alone have no sign
        values = (octets[:, 0].astype(np.float64) - 128) / 128
    else:
        whole = np.zeros((len(octets), 4), np.uint8)
        whole[:, 4 - width :] = octets
        values = whole.view("<i4")[:, 0] / 2.0**31
    return torch.from_numpy(values.reshape(-1, channels).mean(1).astype(np.float32)), rate


def wav(sound: Float[Tensor, "t"], rate: int, *, small: bool = False) -> bytes:
    """A mono WAV file: samples of 16 bits, or `small`: of 8 bits on the mu-law of telephones.

    The small file is half as large; its steps are finer where the sound is quiet, the error is
    about 37 dB below the sound, and browsers play it as they play other WAV files.

    Raises:
        ValueError: a rate below 1, or what `to_integers` refuses.
    """
    if rate < 1:
        raise ValueError(f"rate {rate} cannot be; give the samples a second, as 8000")
    samples = to_integers(sound)
    kind, width, data = 1, 2, samples.astype("<i2").tobytes()
    if small:
        kind, width, data = _MULAW, 1, _mulaw(samples).tobytes()
    form = struct.pack("<HHIIHH", kind, 1, rate, rate * width, width, 8 * width)
    if small:
        form += struct.pack("<H", 0)  # no further bytes of the format follow
    chunks = [(b"fmt ", form), (b"data", data)]
    if small:
        chunks.insert(1, (b"fact", struct.pack("<I", len(samples))))
    body = b"".join(
        name + struct.pack("<I", len(held)) + held + b"\0" * (len(held) % 2)
        for name, held in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def _mulaw(samples: np.ndarray) -> np.ndarray:
    """16 bits as 8, by the segments of ITU-T G.711: sign, three bits of exponent, four of rest."""
    sign = np.where(samples < 0, 0x80, 0)
    size = np.minimum(np.abs(samples.astype(np.int32)), _CLIP) + _BIAS
    exponent = np.floor(np.log2(size)).astype(np.int32) - 7
    rest = (size >> (exponent + 3)) & 0x0F
    return (~(sign | (exponent << 4) | rest) & 0xFF).astype(np.uint8)


def from_mulaw(octets: np.ndarray) -> np.ndarray:
    """The middle of each step of the mu-law (uint8), as 16 bits."""
    code = ~octets.astype(np.int32) & 0xFF
    size = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -size, size).astype(np.int16)


def resampled(sound: Float[Tensor, "t"], rate: int, to: int) -> Float[Tensor, "n"]:
    """A waveform at another rate: a polyphase filter by the ratio of the two, in lowest terms.

    n = ceil(t to / rate) samples; frequencies above half of the lower rate are gone.

    Raises:
        ValueError: a rate outside 1,000 to 192,000.
    """
    for given in (rate, to):
        if not 1_000 <= given <= 192_000:
            raise ValueError(f"rate {given} is outside 1000..192000 samples a second")
    if rate == to:
        return sound
    from scipy.signal import resample_poly

    shared = math.gcd(rate, to)
    made = resample_poly(sound.double().cpu().numpy(), to // shared, rate // shared)
    return torch.from_numpy(made.astype(np.float32))


def pitch(sound: Float[Tensor, "t"], rate: int, low: float = 60, high: float = 400) -> float:
    """The pitch of a voice in Hz: the median over frames of 40 ms that are voiced; 0 if none is.

    A frame's period is the shortest lag at which its autocorrelation, divided by that of the
    window, has a peak of nine tenths of the highest one; it is voiced where that peak is more than
    half of its power, and the frame not quieter than a tenth of the loudest. Boersma 1993,
    "Accurate short-term analysis of the fundamental frequency".

    Raises:
        ValueError: a waveform shorter than 40 ms.
    """
    size = round(0.04 * rate)
    if len(sound) < size:
        raise ValueError(f"{len(sound)} samples are too short for a pitch; give {size} or more")
    hann = torch.hann_window(size)
    frames = sound.float().cpu().unfold(0, size, size // 2)
    power = (frames - frames.mean(1, keepdim=True)) * hann
    alike, window = (
        torch.fft.irfft(torch.fft.rfft(one, 2 * size).abs() ** 2)[..., :size]
        for one in (power, hann)
    )
    alike = alike / alike[:, :1].clamp(min=1e-9) / (window / window[0])
    lags = torch.arange(round(rate / high), round(rate / low))
    here, before, after = (alike[:, lags + k] for k in (0, -1, 1))
    peak = (here >= before) & (here >= after)
    best = here.where(peak, 0).amax(1, keepdim=True)
    first = (peak & (here >= 0.9 * best)).float().argmax(1)
    loud = power.square().sum(1)
    voiced = (best[:, 0] > 0.5) & (loud > 0.01 * loud.max()) & (loud > 0)
    return float((rate / lags[first][voiced].float()).median()) if voiced.any() else 0.0
