"""Speech: the same for the same seed, split by text and voice, carried without espeak-ng."""

import sys

import numpy as np
import pytest
import torch

from arlearn.data.espeak import PACKAGE
from arlearn.data.mel import Mel
from arlearn.data.sound import pitch
from arlearn.data.speech import LOUDNESS, NEW_VOICES, VOICES, in_test, packed, speech, unpacked
from arlearn.data.utterances import KINDS, well_formed

pytest.importorskip("espeakng_loader", reason="the speech extra is not installed")


@pytest.fixture(autouse=True, scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARLEARN_DATA", str(tmp_path_factory.mktemp("speech")))
        yield


@pytest.fixture(scope="module")
def some():
    return speech("train", n=12)


@pytest.fixture(scope="module")
def parallel():
    return speech("test", "digits", n=len(VOICES), parallel=True)


def test_a_smaller_n_gives_the_first(some):
    few, cut = speech("train", n=5), some.first(5)
    assert len(few) == 5 and few.texts == cut.texts == some.texts[:5]
    assert few.phones == cut.phones and few.onsets == cut.onsets
    assert torch.equal(few.samples, cut.samples) and torch.equal(few.lengths, cut.lengths)
    assert torch.equal(some.first(99).samples, some.samples)


def test_another_seed_gives_other_texts_and_voices(some):
    other = speech("train", n=12, seed=1)
    assert other.texts != some.texts and other.speakers.tolist() != some.speakers.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_texts_are_of_their_kind_and_of_their_split(kind):
    for split in ("train", "test"):
        made = speech(split, kind, n=3)
        assert all(well_formed(kind, text) for text in made.texts)
        assert [in_test(text) for text in made.texts] == [split == "test"] * 3


def test_the_waveforms_are_cut_where_they_end(some):
    assert int(some.lengths.sum()) == len(some.samples) and some.samples.dtype == torch.int16
    rows = some.padded([3, 0])
    assert rows.shape == (2, int(some.lengths[[0, 3]].max()))
    assert torch.equal(rows[1, : some.lengths[0]], some.wave(0))
    assert float(rows[1, some.lengths[0] :].abs().sum()) == 0
    assert torch.equal(some.wave(-1), some.wave(11)) and len(some.padded()) == 12
    with pytest.raises(IndexError):
        some.wave(12)


def test_all_are_equally_loud_and_none_is_cut(some):
    for i in range(len(some)):
        wave = some.wave(i)
        power = float(wave.square().mean().sqrt())
        assert wave.abs().max() < 1 and power <= LOUDNESS + 1e-3
        assert power == pytest.approx(LOUDNESS, abs=1e-3) or wave.abs().max() > 0.98


def test_every_frame_has_its_phone(some):
    mel = Mel()
    for i in range(3):
        frames = some.aligned(i, mel.hop)
        assert len(frames) == len(mel.log_mel(some.wave(i)))
        ends = [*some.onsets[i][1:], int(some.lengths[i])]
        for phone, begin, end in zip(some.phones[i], some.onsets[i], ends, strict=True):
            inside = frames[-(-begin // mel.hop) : -(-end // mel.hop)]
            assert set(inside) <= {phone} and (inside or end - begin <= mel.hop)
        assert frames[0] == some.phones[i][0]  # the silence before it counts as part of it


def test_parallel_utterances_are_one_text_in_every_voice(parallel):
    assert set(parallel.texts) == {parallel.texts[0]}
    assert parallel.speakers.tolist() == list(range(16)) and parallel.voices == tuple(VOICES)
    assert len({parallel.wave(i).numpy().tobytes() for i in range(16)}) == 16
    assert len(set(parallel.phones)) == 1


def test_voices_have_their_own_pitch(parallel):
    heard = np.array([pitch(parallel.wave(i), parallel.rate) for i in range(16)])
    deep = np.array([name[0] in "mMN" for name in parallel.voices])
    assert (heard[deep] < 165).all() and (heard[~deep] > 145).all()
    assert heard[deep].min() < 90 and heard[~deep].max() > 230
    assert len(np.unique(heard.round())) >= 12


def test_new_voices_are_in_no_other_data():
    assert not set(NEW_VOICES) & set(VOICES) and len(VOICES) + len(NEW_VOICES) == 20
    made = speech("test", n=8, new_voices=True)
    assert made.voices == tuple(NEW_VOICES) and int(made.speakers.max()) < 4
    assert not torch.equal(made.samples, speech("test", n=8).samples)


def test_a_built_file_needs_no_espeak(some, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert torch.equal(speech("train", n=12).samples, some.samples)
    with pytest.raises(ModuleNotFoundError, match=f"{PACKAGE} is not installed; .* or carry the"):
        speech("train", n=2, seed=9)


def test_packing_keeps_everything(some):
    waves = [(some.wave(i) * 32_768).short().numpy() for i in range(len(some))]
    speakers = some.speakers.tolist()
    arrays = packed(waves, some.rate, some.texts, speakers, some.voices,
                    phones=some.phones, onsets=some.onsets)  # fmt: skip
    again = unpacked(arrays)
    assert torch.equal(again.samples, some.samples) and again.texts == some.texts
    assert (again.phones, again.onsets, again.voices) == (some.phones, some.onsets, some.voices)
    bare = unpacked(packed(waves, some.rate, some.texts, speakers, some.voices))
    assert bare.phones == ((),) * len(some)
    with pytest.raises(ValueError, match="these are recordings; nobody knows when"):
        bare.aligned(0, 100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": "valid"}, "split 'valid' does not exist"),
        ({"kind": "songs"}, "kind 'songs' does not exist; choose one of digits, numbers"),
        ({"n": 0}, "n=0 utterances cannot be drawn"),
        ({"rate": 44_100}, r"rate 44100 is not offered; choose one of \[8000, 16000"),
    ],
)
def test_bad_input_gets_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        speech(**options)
