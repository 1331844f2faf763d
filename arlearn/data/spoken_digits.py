"""The Free Spoken Digit Dataset by download: ten digits in six real voices."""

import re

from arlearn.data.archive import contents
from arlearn.data.cache import Arrays, cached
from arlearn.data.cards import card
from arlearn.data.download import fetch
from arlearn.data.images import split_number
from arlearn.data.number_words import ONES
from arlearn.data.sound import read_wav, to_integers
from arlearn.data.speech import Speech, packed, unpacked

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
RATE = 8000
TEST = range(5)  # of the recordings of each digit by each person


def free_spoken_digits(split: str = "train") -> Speech:
    """Spoken digits, 8 kHz: 2,700 recordings to train, 300 to test; the text is "zero" to "nine".

    The same people speak in both splits. Phones are not known. In order of digit, speaker, number.

    Source: Jackson et al. 2018, doi 10.5281/zenodo.1342401.

    Raises:
        FileNotFoundError, ConnectionError, ValueError: as `download.fetch`.
    """
    split_number(split)
    return unpacked(cached("free-spoken-digits", 1, {"split": split}, lambda: _build(split)))


def _build(split: str) -> Arrays:
    file = card("free-spoken-digits").files[0]
    found = []
    for name, raw in contents(fetch(file), file.folder).items():
        told = re.fullmatch(rf"(\d)_({'|'.join(SPEAKERS)})_(\d+)\.wav", name)
        if told and (int(told[3]) in TEST) == (split == "test"):
            found.append((int(told[1]), SPEAKERS.index(told[2]), int(told[3]), raw))
    found.sort(key=lambda one: one[:3])
    sounds = [read_wav(raw) for *_, raw in found]
    if not sounds or {rate for _, rate in sounds} != {RATE}:
        raise ValueError(f"{file.path} holds no {split} recordings of {RATE} samples a second")
    waves = [to_integers(sound) for sound, _ in sounds]
    texts = [ONES[digit] for digit, *_ in found]
    return packed(waves, RATE, texts, [one[1] for one in found], SPEAKERS)
