"""Speech in twenty voices, rendered: sound, text, phones with their times, who speaks."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int, Int16
from torch import Tensor

from arlearn.data.cache import Arrays, cached
from arlearn.data.espeak import say
from arlearn.data.images import split_number
from arlearn.data.sound import to_integers
from arlearn.data.utterances import draw, well_formed

# An espeak-ng variant of American English and its pitch (50: the variant's own). The pitches
# spread deep voices apart, which the variants leave at 90 to 110 Hz.
VOICES = {
    **{"m1": 35, "m2": 50, "m3": 62, "m4": 42, "m7": 55, "m8": 45, "Mario": 55, "Nguyen": 50},
    **{"f1": 45, "f2": 50, "f3": 55, "f4": 40, "f5": 60, "aunty": 45, "belinda": 50, "anika": 50},
}
NEW_VOICES = {"m5": 58, "robert": 45, "linda": 45, "steph": 55}
RATES = (8000, 16_000, 22_050)
DEFAULT_N = {"train": 2000, "test": 400}
LOUDNESS = 0.1  # root mean square of every utterance, where no sample would leave -1..1
_TEST_SHARE = 5  # one text in 5 belongs to the test split


@dataclass(frozen=True, eq=False)
class Speech:
    """Utterances of different lengths.

    Attributes:
        samples: all waveforms, one behind the other, 16 bits.
        lengths: samples of each utterance.
        rate: samples a second.
        texts: what is said.
        speakers: the voice of each utterance, its place in `voices`.
        voices: the names of the voices.
        phones: what is said, phone by phone, "_" is a pause; empty for recordings.
        onsets: the sample of the utterance at which each phone begins.
    """

    samples: Int16[Tensor, "s"]
    lengths: Int[Tensor, "n"]
    rate: int
    texts: tuple[str, ...]
    speakers: Int[Tensor, "n"]
    voices: tuple[str, ...]
    phones: tuple[tuple[str, ...], ...]
    onsets: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def _ends(self) -> list[int]:
        return [0, *self.lengths.cumsum(0).tolist()]

    def wave(self, i: int) -> Float[Tensor, "t"]:
        """The waveform of utterance i, -1..1."""
        i = range(len(self))[i]
        return self.samples[self._ends[i] : self._ends[i + 1]].float() / 32_768

    def padded(self, which: Sequence[int] | None = None) -> Float[Tensor, "b t"]:
        """Some waveforms (all if none are named) as rows of one length, silence behind each."""
        which = range(len(self)) if which is None else which
        return torch.nn.utils.rnn.pad_sequence([self.wave(i) for i in which], batch_first=True)

    def first(self, n: int) -> "Speech":
        """The first n utterances (all of them if there are fewer)."""
        end = int(self.lengths[:n].sum())
        fields = self.texts[:n], self.speakers[:n], self.voices, self.phones[:n], self.onsets[:n]
        return Speech(self.samples[:end], self.lengths[:n], self.rate, *fields)

    def aligned(self, i: int, hop: int) -> list[str]:
        """The phone at every frame of utterance i, `hop` samples apart: 1 + samples // hop.

        What stands before the first phone counts as part of it.

        Raises:
            ValueError: recordings, whose phones are not known.
        """
        if not self.phones[i]:
            raise ValueError("these are recordings; nobody knows when their phones begin")
        frames = hop * np.arange(1 + int(self.lengths[i]) // hop)
        place = np.searchsorted(self.onsets[i], frames, side="right") - 1
        return [self.phones[i][k] for k in place.clip(min=0)]


def speech(
    split: str = "train",
    kind: str = "digits",
    n: int | None = None,
    seed: int = 0,
    *,
    rate: int = 8000,
    new_voices: bool = False,
    parallel: bool = False,
) -> Speech:
    """Short utterances, rendered by espeak-ng: who says what is known, and when, to the sample.

    Texts are those of `utterances.draw`; no text is in both splits, whatever the seeds (its hash
    decides). Each utterance has a voice drawn among 16, 150 to 200 words a minute, and its own
    pitch (up to 5 of espeak-ng's 100 steps from the voice's) and liveliness. All are equally loud.
    They are built once, 2,000 in about half a minute, and read back from the cache, which may be
    carried to a machine without espeak-ng.

    Args:
        split: "train" (2,000 by default) or "test" (400).
        kind: "digits", "numbers", "sentences" or "homophones".
        n: how many utterances; a smaller n gives the first of them.
        seed: another seed, other texts and voices.
        rate: samples a second. 8,000 (as on a telephone) keeps words and voices: the voices have
            1 to 9% of their power above 4 kHz, most of it hissing. 16,000 and 22,050 (espeak-ng's
            own) are there too.
        new_voices: spoken by four voices that are in no other data; for testing on strangers.
        parallel: every text is spoken by every voice in turn, at one speed: utterances
            0, 1, … are the first text in voice 0, 1, …

    Raises:
        ValueError: an argument is outside its range.
        ModuleNotFoundError: it must be built, and espeakng-loader is not installed.
    """
    stream = split_number(split)
    n = DEFAULT_N[split] if n is None else n
    if n < 1:
        raise ValueError(f"n={n} utterances cannot be drawn; ask for at least 1")
    if rate not in RATES:
        raise ValueError(f"rate {rate} is not offered; choose one of {list(RATES)}")
    well_formed(kind, "")  # says so if there is no such kind
    voices = NEW_VOICES if new_voices else VOICES
    options = {"split": split, "kind": kind, "n": n, "seed": seed, "rate": rate}
    options |= {"new": int(new_voices), "parallel": int(parallel)}
    plans = _plans(kind, voices, n, np.random.default_rng([seed, stream]), bool(stream), parallel)
    return unpacked(cached("speech", 1, options, lambda: _build(plans, list(voices), rate)))


def in_test(text: str) -> bool:
    """Whether a text belongs to the test split: one in five does, by its hash."""
    return hashlib.sha256(text.encode()).digest()[0] % _TEST_SHARE == 0


def _plans(
    kind: str,
    voices: dict[str, int],
    n: int,
    random: np.random.Generator,
    test: bool,
    parallel: bool,
) -> list[tuple[str, int, dict]]:
    """Of each utterance its text, the number of its voice, and how it is said."""
    made: list[tuple[str, int, dict]] = []
    while len(made) < n:
        text = draw(kind, random)
        while in_test(text) != test:
            text = draw(kind, random)
        speed = int(random.integers(150, 201))
        speakers = range(len(voices)) if parallel else [int(random.integers(len(voices)))]
        for speaker in speakers:
            name = list(voices)[speaker]
            how = {"voice": f"en-us+{name}", "speed": speed}
            how["pitch"] = voices[name] + int(random.integers(-5, 6))
            how["liveliness"] = int(random.integers(30, 71))
            made.append((text, speaker, how))
    return made[:n]


def _build(plans: list[tuple[str, int, dict]], voices: Sequence[str], rate: int) -> Arrays:
    said = [say(text, rate=rate, **how) for text, _, how in plans]
    waves = [to_integers(_level(one.wave)) for one in said]
    texts, speakers = [plan[0] for plan in plans], [plan[1] for plan in plans]
    phones, onsets = [one.phones for one in said], [one.onsets for one in said]
    return packed(waves, rate, texts, speakers, voices, phones=phones, onsets=onsets)


def _level(sound: Float[Tensor, "t"]) -> Float[Tensor, "t"]:
    power = float(sound.square().mean().sqrt())
    return sound * min(LOUDNESS / power, 0.99 / float(sound.abs().max()))


def packed(
    waves: Sequence[np.ndarray],
    rate: int,
    texts: Sequence[str],
    speakers: Sequence[int],
    voices: Sequence[str],
    *,
    phones: Sequence[Sequence[str]] | None = None,
    onsets: Sequence[Sequence[int]] | None = None,
) -> Arrays:
    """The fields of a `Speech` as arrays for the cache; `waves` are of 16 bits."""
    unknown: list[tuple] = [()] * len(waves)
    return {
        "samples": np.concatenate(waves),
        "lengths": np.array([len(wave) for wave in waves], np.int64),
        "rate": np.array(rate),
        "texts": np.array(texts, dtype=np.str_),
        "speakers": np.array(speakers, np.int64),
        "voices": np.array(voices, dtype=np.str_),
        "phones": np.array([" ".join(row) for row in phones or unknown], dtype=np.str_),
        "onsets": np.array([" ".join(map(str, row)) for row in onsets or unknown], dtype=np.str_),
    }


def unpacked(arrays: Arrays) -> Speech:
    """The inverse of `packed`."""
    return Speech(
        torch.from_numpy(arrays["samples"]),
        torch.from_numpy(arrays["lengths"]),
        int(arrays["rate"]),
        tuple(arrays["texts"].tolist()),
        torch.from_numpy(arrays["speakers"]),
        tuple(arrays["voices"].tolist()),
        tuple(tuple(row.split()) for row in arrays["phones"].tolist()),
        tuple(tuple(map(int, row.split())) for row in arrays["onsets"].tolist()),
    )
