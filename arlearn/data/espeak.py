"""espeak-ng speaks: a text as a waveform, with the moment at which every phone begins."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from arlearn.data.sound import from_integers, resampled

RATE = 22_050  # of espeak-ng
PACKAGE = "espeakng-loader"
STRESS = "ˈˌ"
_RETRIEVE, _PHONEMES, _IPA, _STAY = 2, 1, 2, 0x8000  # espeak_Initialize: output and options
_SPEED, _PITCH, _RANGE = 1, 3, 4  # espeak_SetParameter
_PHONEME, _UTF8 = 7, 1


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", _Name),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True, eq=False)
class Spoken:
    """One utterance.

    Attributes:
        wave: -1..1.
        rate: samples a second.
        phones: what is said, in the signs of the International Phonetic Alphabet without stress;
            "_" is a pause.
        onsets: the sample at which each phone begins.
    """

    wave: Float[Tensor, "t"]
    rate: int
    phones: tuple[str, ...]
    onsets: tuple[int, ...]


def say(
    text: str,
    voice: str = "en-us",
    rate: int = 8000,
    *,
    speed: int = 175,
    pitch: int = 50,
    liveliness: int = 50,
) -> Spoken:
    """A text, spoken; the same arguments give the same samples, in any order and any process.

    espeak-ng keeps noise and phases from one utterance to the next, so each gets a library that
    was loaded for it alone (about a millisecond).

    Args:
        text: what to say, in the voice's language.
        voice: a language, with a variant as in "en-us+f2".
        rate: samples a second; espeak-ng's 22,050 are resampled.
        speed: words a minute, 80 to 450.
        pitch: 0 to 99; 50 is the voice's own.
        liveliness: how far the pitch moves, 0 (not at all) to 99.

    Raises:
        ValueError: no text, or an argument outside its range, or a voice there is not.
        ModuleNotFoundError: espeakng-loader is not installed.
    """
    _check(text, {"speed": (speed, 80, 450), "pitch": (pitch, 0, 99)}, liveliness)
    sound, phones = _synthesised(text, voice, {_SPEED: speed, _PITCH: pitch, _RANGE: liveliness})
    wave = resampled(from_integers(sound), RATE, rate)
    last = len(wave) - 1
    onsets = tuple(min(at * rate // RATE, last) for at, _ in phones)
    return Spoken(wave, rate, tuple(name for _, name in phones), onsets)


def _check(text: str, given: dict[str, tuple[int, int, int]], liveliness: int) -> None:
    if not any(letter.isalnum() for letter in text):
        raise ValueError(f"text {text!r} has nothing to say; give a letter or a digit")
    for name, (value, low, high) in {**given, "liveliness": (liveliness, 0, 99)}.items():
        if not low <= value <= high:
            raise ValueError(f"{name} {value} is outside {low}..{high}")


def _synthesised(
    text: str, voice: str, parameters: dict[int, int]
) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """Samples (int16) at espeak's own rate, and (sample, phone) in order."""
    pieces: list[np.ndarray] = []
    phones: list[tuple[int, str]] = []

    def heard(sound: Any, n: int, events: Any) -> int:
        if n > 0:
            pieces.append(np.ctypeslib.as_array(sound, (n,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == _PHONEME:
                name = events[i].name.string.decode("utf-8", "replace").strip(STRESS)
                phones.append((events[i].sample, name or "_"))
            i += 1
        return 0

    listener = _CALLBACK(heard)  # kept alive until the library is gone
    with _library() as (espeak, folder):
        espeak.espeak_SetSynthCallback(listener)
        _, plus, variant = voice.partition("+")  # espeak-ng passes over variants there are not
        known = not plus or (folder / "voices" / "!v" / variant).is_file()
        if espeak.espeak_SetVoiceByName(voice.encode()) or not known:
            raise ValueError(
                f"espeak-ng has no voice {voice!r}; a language may carry a variant, as en-us+f2"
            )
        for number, value in parameters.items():
            espeak.espeak_SetParameter(number, value, 0)
        said = text.encode() + b"\0"
        if espeak.espeak_Synth(said, len(said), 0, 1, 0, _UTF8, None, None) or not pieces:
            raise ValueError(f"espeak-ng made no sound of {text!r}")
    return np.concatenate(pieces), phones


@contextmanager
def _library() -> Iterator[tuple[Any, Path]]:
    """espeak-ng and the folder of its voices; unloaded afterwards, so it remembers nothing."""
    try:
        import espeakng_loader
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"speech is rendered by espeak-ng, and {PACKAGE} is not installed; "
            f"`pip install -c constraints.txt {PACKAGE}` brings it, or carry the built files "
            "(datasets/.cache/built, or where ARLEARN_DATA points) from a machine that has it",
            name="espeakng_loader",
        ) from error
    import _ctypes

    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    folder = Path(espeakng_loader.get_data_path())
    try:
        rate = espeak.espeak_Initialize(
            _RETRIEVE, 0, str(folder).encode(), _PHONEMES | _IPA | _STAY
        )
        if rate != RATE:
            raise OSError(f"espeak-ng answers {rate} instead of {RATE} samples a second")
        espeak.espeak_ng_SetRandSeed(1)  # of the noise in s and f; else it is the time of day
        yield espeak, folder
    finally:
        espeak.espeak_Terminate()
        unload = getattr(_ctypes, "dlclose", None) or _ctypes.FreeLibrary
        unload(espeak._handle)
