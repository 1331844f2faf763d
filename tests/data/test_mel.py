"""Log-mel: the filter bank against known values, a tone in its bin, and the way back."""

import math

import pytest
import torch

from arlearn.data.mel import FLOOR, Mel, hertz, mels


def vowel(seconds: float = 0.6, pitch: float = 120, rate: int = 8000) -> torch.Tensor:
    """Harmonics under two resonances, with a slow rise of the pitch."""
    time = torch.arange(round(seconds * rate)) / rate
    phase = 2 * math.pi * pitch * (time + 0.2 * time**2)
    parts = [
        torch.sin(k * phase) * math.exp(-(((k * pitch - f) / 250) ** 2))
        for k in range(1, 25)
        for f in (600, 1500)
    ]
    return 0.2 * torch.stack(parts).sum(0)


def test_the_scale_has_its_known_points():
    # O'Shaughnessy's formula: 1,000 Hz are 1,000 mels (999.99), 0 are 0, 4,000 Hz are 2,146
    told = mels(torch.tensor([0.0, 1000.0, 4000.0], dtype=torch.float64))
    assert told.tolist() == pytest.approx([0, 999.9855, 2146.0645], abs=1e-3)
    some = torch.linspace(0, 8000, 9)
    assert torch.allclose(hertz(mels(some)), some, atol=0.05)


def test_the_bank_is_that_of_others():
    bank = Mel(rate=16_000, bins=4, window=16, hop=8, low=0).filters
    # transformers' mel_filter_bank(9, 4, 0, 8000, 16000, norm=None, mel_scale="htk")
    known = [
        [0, 0.2871922, 0, 0, 0, 0, 0, 0, 0],
        [0, 0.7128078, 0.3779331, 0, 0, 0, 0, 0, 0],
        [0, 0, 0.6220669, 0.7477061, 0.2670991, 0, 0, 0, 0],
        [0, 0, 0, 0.2522939, 0.7329009, 0.8710179, 0.5806786, 0.2903393, 0],
    ]
    assert bank.shape == (4, 9)
    assert torch.allclose(bank, torch.tensor(known), atol=1e-4)


def test_the_bank_is_that_of_transformers():
    audio = pytest.importorskip("transformers.audio_utils", reason="a peer, not installed here")
    for mel in (Mel(), Mel.at(16_000)):
        sizes = mel.window // 2 + 1, mel.bins, mel.low, mel.rate / 2, mel.rate
        theirs = audio.mel_filter_bank(*sizes, norm=None, mel_scale="htk")
        assert torch.allclose(mel.filters, torch.from_numpy(theirs.T).float(), atol=1e-4)


def test_triangles_hand_over_to_each_other():
    bank = Mel().filters
    peaks = bank.argmax(1)
    assert (peaks.diff() > 0).all() and (bank >= 0).all() and (bank <= 1).all()
    middle = bank[:, int(peaks[0]) : int(peaks[-1]) + 1]
    assert torch.allclose(middle.sum(0), torch.ones(middle.shape[1]), atol=1e-4)


@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_lands_in_its_bin(frequency):
    mel = Mel()
    tone = torch.sin(2 * math.pi * frequency * torch.arange(4000) / mel.rate)
    made = mel.log_mel(tone)
    assert made.shape == (mel.frames(4000), mel.bins) == (41, 40)
    place = int(made[20].argmax())
    centre = torch.linspace(*mels(torch.tensor([50.0, 4000.0])).tolist(), 42)[place + 1]
    assert abs(centre - mels(torch.tensor(float(frequency)))) < 35  # bins are 50 mels apart


def test_twice_as_loud_is_one_constant_more_and_batches_are_rows():
    mel, sound = Mel(), vowel()
    quiet, loud = mel.log_mel(sound), mel.log_mel(2 * sound)
    assert torch.allclose((loud - quiet)[quiet > -9], torch.tensor(math.log(2)), atol=1e-3)
    assert torch.equal(mel.log_mel(torch.stack([sound, 2 * sound]))[1], loud)
    assert mel.log_mel(torch.zeros(800)).unique().tolist() == pytest.approx([math.log(FLOOR)])


def test_the_way_back_sounds_the_same():
    mel, sound = Mel(), vowel()
    wanted = mel.log_mel(sound)
    again = mel.log_mel(mel.sound(wanted))
    heard = wanted[: len(again)] > -4  # what is louder than the floor of the room
    error = (again - wanted[: len(again)])[heard].abs().mean()
    guess = (mel.log_mel(mel.sound(wanted, steps=0)) - wanted[: len(again)])[heard].abs().mean()
    assert error < 0.1 < 3 * error < guess
    assert len(mel.sound(wanted)) == (len(wanted) - 1) * mel.hop


def test_phases_follow_the_seed_alone():
    mel = Mel()
    wanted = mel.log_mel(vowel(0.1))
    one, two, three = (mel.sound(wanted, seed, steps=2) for seed in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, three)


def test_the_spectrum_behind_a_log_mel_gives_it_back():
    mel = Mel()
    wanted = mel.log_mel(vowel())
    found = mel.magnitudes(wanted)
    again = (mel.filters @ found).clamp(min=FLOOR).log().T
    assert (found >= 0).all() and (again - wanted)[wanted > -4].abs().mean() < 0.05


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 200}, "window 200 is no power of two"),
        ({"hop": 129}, r"hop 129 is outside 1..128, half of the window"),
        ({"low": 4000.0}, r"low 4000.0 Hz is outside 0..4000.0 Hz"),
        ({"bins": 130}, r"of 130 mel bins, \d+ hold no frequency of a window of 256 at 8000 Hz"),
    ],
)
def test_sizes_that_cannot_be_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        Mel(**options)


def test_bad_input_gets_a_sentence():
    with pytest.raises(ValueError, match="128 samples are too short; a frame needs more than"):
        Mel().log_mel(torch.zeros(128))
    for shape in ((2, 40), (9, 39)):
        with pytest.raises(ValueError, match=rf"\[{shape[0]}, {shape[1]}\] cannot be heard"):
            Mel().sound(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"rate 44100 has no usual shape; choose one of \[8000"):
        Mel.at(44_100)
