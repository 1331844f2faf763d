"""espeak-ng: the same words give the same samples, phones stand where they are heard."""

import sys
import time

import numpy as np
import pytest
import torch

from arlearn.data import espeak
from arlearn.data.espeak import say
from arlearn.data.mel import Mel
from arlearn.data.sound import pitch as heard
from arlearn.data.utterances import HOMOPHONES

pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")


def test_the_same_words_give_the_same_samples_whatever_came_before():
    first = say("seven four two", "en-us+f2")
    say("hello there, something else", "en-us+m3", 16_000)
    again = say("seven four two", "en-us+f2")
    assert torch.equal(first.wave, again.wave)
    assert (first.phones, first.onsets) == (again.phones, again.onsets)
    time.sleep(1.1)  # it would seed its noise by the second
    assert torch.equal(first.wave, say("seven four two", "en-us+f2").wave)


def test_phones_and_their_times():
    one = say("the red circle", "en-us+m2")
    assert one.phones[:9] == ("ð", "ə", "ɹ", "ɛ", "d", "s", "ɜː", "k", "əl")
    assert list(one.onsets) == sorted(one.onsets) and one.onsets[-1] < len(one.wave)
    assert set("".join(one.phones[9:])) == {"_"}
    fine = say("the red circle", "en-us+m2", 22_050)
    assert fine.phones == one.phones
    ratio = np.array(fine.onsets[1:9]) / np.array(one.onsets[1:9])
    assert np.allclose(ratio, 22_050 / 8000, rtol=0.01)


def test_a_hiss_is_high_and_a_vowel_low_where_the_phones_say_so():
    mel = Mel()
    one = say("six four seven", "en-us+m7")
    made = mel.log_mel(one.wave)
    means = {}
    for phone, begin, end in zip(one.phones, one.onsets, one.onsets[1:], strict=False):
        frames = made[begin // mel.hop + 1 : max(end // mel.hop, begin // mel.hop + 2)]
        means.setdefault(phone, []).append(float(frames[:, :10].mean() - frames[:, 30:].mean()))
    assert max(means["s"]) < -1 < 1 < min(means["ɔːɹ"] + means["ɛ"])


def test_words_that_sound_alike_have_the_same_phones():
    for one, other in HOMOPHONES:
        assert say(one).phones == say(other).phones
    assert say("one").phones != say("two").phones


def test_speed_and_pitch_and_rate():
    slow, fast = say("one two three", speed=120), say("one two three", speed=240)
    assert len(slow.wave) > 1.5 * len(fast.wave)
    assert len(say("one", rate=16_000).wave) == pytest.approx(2 * len(say("one").wave), abs=2)

    for low, high in ((20, 50), (50, 80)):
        lower, higher = (
            heard(say("one two three", "en-us+m3", pitch=p, liveliness=0).wave, 8000)
            for p in (low, high)
        )
        assert 60 < 1.15 * lower < higher < 300


def test_bad_input_gets_a_sentence():
    for text in ("", " , "):
        with pytest.raises(ValueError, match="has nothing to say; give a letter or a digit"):
            say(text)
    with pytest.raises(ValueError, match="espeak-ng has no voice 'en-us\\+nobody'"):
        say("one", "en-us+nobody")
    with pytest.raises(ValueError, match="no voice 'klingonese'"):
        say("one", "klingonese")
    for options, words in (
        ({"speed": 20}, "speed 20 is outside 80..450"),
        ({"pitch": 100}, "pitch 100 is outside 0..99"),
        ({"liveliness": -1}, "liveliness -1 is outside 0..99"),
    ):
        with pytest.raises(ValueError, match=words):
            say("one", **options)


def test_without_the_package_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(ModuleNotFoundError, match=f"`pip install -c .* {espeak.PACKAGE}` brings"):
        say("one")
