"""Waveforms: files that come back, the telephone's law, another rate."""

import io
import math
import wave

import numpy as np
import pytest
import torch

from arlearn.data.sound import (
    from_integers,
    from_mulaw,
    pitch,
    read_wav,
    resampled,
    to_integers,
    wav,
)


def tone(hertz: float, rate: int, seconds: float = 0.5) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(round(seconds * rate)) / rate)


def written(values: np.ndarray, width: int, channels: int = 1, rate: int = 8000) -> bytes:
    """A WAV file by the standard library, of little-endian bytes."""
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setparams((channels, width, rate, 0, "NONE", ""))
        opened.writeframes(values.tobytes())
    return file.getvalue()


def test_a_file_of_16_bits_comes_back_to_the_sample(tmp_path):
    sound = 0.9 * tone(440, 8000)
    raw = wav(sound, 8000)
    path = tmp_path / "a.wav"
    path.write_bytes(raw)
    for source in (raw, path):
        again, rate = read_wav(source)
        assert rate == 8000 and (to_integers(again) == to_integers(sound)).all()
    with wave.open(io.BytesIO(raw)) as opened:
        told = opened.getnchannels(), opened.getsampwidth(), opened.getnframes()
    assert told == (1, 2, len(sound)) and len(raw) == 44 + 2 * len(sound)


@pytest.mark.parametrize(
    ("width", "values", "wanted"),
    [
        (1, np.array([0, 128, 192], np.uint8), [-1, 0, 0.5]),
        (2, np.array([-32768, 0, 16384], "<i2"), [-1, 0, 0.5]),
        (3, np.array([0, 0, 128, 0, 0, 0, 0, 0, 64], np.uint8), [-1, 0, 0.5]),
        (4, np.array([-(2**31), 0, 2**30], "<i4"), [-1, 0, 0.5]),
    ],
)
def test_samples_of_every_width(width, values, wanted):
    assert read_wav(written(values, width))[0].tolist() == wanted


def test_channels_are_averaged():
    stereo = np.array([[16384, 0], [-16384, 16384]], "<i2")
    assert read_wav(written(stereo, 2, 2, 16_000))[0].tolist() == [0.25, 0]


def test_the_small_file_is_the_telephones():
    generator = torch.Generator().manual_seed(0)
    sound = torch.randn(20_000, generator=generator).mul(0.1).clamp(-1, 1)
    raw = wav(sound, 8000, small=True)
    assert raw[20:22] == b"\x07\0" and len(raw) < 0.51 * len(wav(sound, 8000))
    assert len(raw) % 2 == 0 and int.from_bytes(raw[4:8], "little") == len(raw) - 8
    data = raw.index(b"data")
    assert int.from_bytes(raw[data + 4 : data + 8], "little") == 20_000
    octets = np.frombuffer(raw, np.uint8, offset=data + 8, count=20_000)
    error = from_mulaw(octets).astype(float) / 32_768 - sound.numpy()
    assert 10 * np.log10(sound.square().mean().item() / (error**2).mean()) > 36  # decibels


def test_the_law_has_the_values_of_g_711():
    # code words of ITU-T G.711, table 2a: the largest values, zero of both signs
    assert from_mulaw(np.array([0x80, 0x00, 0xFF, 0x7F, 0xF0], np.uint8)).tolist() == [
        32124, -32124, 0, 0, 120
    ]  # fmt: skip
    every = np.arange(256, dtype=np.uint8)
    again = wav(from_integers(from_mulaw(every)), 8000, small=True)
    octets = np.frombuffer(again, np.uint8, offset=again.index(b"data") + 8)
    assert (from_mulaw(octets) == from_mulaw(every)).all()


@pytest.mark.parametrize(("rate", "to"), [(22_050, 8000), (22_050, 16_000), (8000, 16_000)])
def test_a_tone_keeps_its_pitch_and_size_at_another_rate(rate, to):
    made = resampled(tone(1000, rate), rate, to)
    assert len(made) == math.ceil(round(0.5 * rate) * to / rate)
    wanted = tone(1000, to)[: len(made)]
    inside = slice(200, -200)
    assert (made[inside] - wanted[inside]).abs().max() < 0.01


def test_what_the_lower_rate_cannot_hold_is_gone():
    assert resampled(tone(6000, 22_050), 22_050, 8000)[200:-200].abs().max() < 0.01
    some = tone(300, 8000)
    assert resampled(some, 8000, 8000) is some


@pytest.mark.parametrize("hertz", [80, 123, 210, 320])
def test_the_pitch_of_a_buzz(hertz):
    buzz = sum(tone(k * hertz, 8000) / k for k in range(1, 9))
    assert pitch(buzz, 8000) == pytest.approx(hertz, rel=0.03)
    assert pitch(torch.cat([torch.zeros(4000), buzz]), 8000) == pitch(buzz, 8000)


def test_noise_has_no_pitch():
    generator = torch.Generator().manual_seed(0)
    assert pitch(torch.randn(4000, generator=generator), 8000) == 0
    assert pitch(torch.zeros(4000), 8000) == 0


def test_bad_input_gets_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="the bytes given: no WAV file"):
        read_wav(b"RIFFnothing")
    with pytest.raises(ValueError, match="the bytes given: no WAV file"):
        read_wav(wav(tone(5, 8000), 8000, small=True))
    path = tmp_path / "b.wav"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.wav: no WAV file"):
        read_wav(path)
    for sound in (torch.zeros(0), torch.tensor([0.0, math.nan])):
        with pytest.raises(ValueError, match="at least one sample, and every sample finite"):
            wav(sound, 8000)
    with pytest.raises(ValueError, match="rate 0 cannot be"):
        wav(torch.zeros(4), 0)
    with pytest.raises(ValueError, match="319 samples are too short for a pitch; give 320"):
        pitch(torch.zeros(319), 8000)
    with pytest.raises(ValueError, match="rate 8 is outside 1000..192000"):
        resampled(torch.zeros(4), 8000, 8)
