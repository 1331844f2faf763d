"""Free spoken digits: a small archive or folder of them, and the real ones where a mirror is."""

import gzip
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import arlearn
from arlearn.data import at_hand, card, free_spoken_digits, load
from arlearn.data.archive import contents, digest, pack
from arlearn.data.sound import pitch, wav

MODULE = sys.modules["arlearn.data.spoken_digits"]
MIRROR = Path(arlearn.__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A mirror with a few recordings in a folder, and a card that carries their hash."""
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path / "mirror"))
    folder = tmp_path / "mirror" / "fsdd"
    folder.mkdir(parents=True)

    def write(rate=8000, **extra):
        for digit, speaker, number in ((3, "theo", 4), (3, "george", 11), (1, "theo", 5)):
            level = torch.full((10 + number,), digit / 10)
            (folder / f"{digit}_{speaker}_{number}.wav").write_bytes(wav(level, rate))
        for name, raw in extra.items():
            (folder / f"{name}.wav").write_bytes(raw)
        pack(folder, "recordings", tmp_path / "all.tar")
        found = digest(contents(tmp_path / "all.tar", "recordings"))
        real = card("free-spoken-digits")
        told = replace(real, files=(replace(real.files[0], sha256=found),))
        monkeypatch.setattr(MODULE, "card", lambda name: told)
        return folder, told.files[0]

    return write


def test_recordings_are_sorted_and_split_by_their_number(tiny):
    tiny()
    train, test = free_spoken_digits(), load("free-spoken-digits", "test")
    assert train.texts == ("one", "three") and test.texts == ("three",)
    assert [train.voices[i] for i in train.speakers] == ["theo", "george"]
    assert train.lengths.tolist() == [15, 21] and train.rate == 8000 and train.phones == ((), ())
    assert train.wave(1).tolist() == pytest.approx([0.3] * 21, abs=1e-4)


def test_an_archive_serves_as_the_folder_does(tiny, tmp_path):
    folder, file = tiny()
    (tmp_path / "mirror" / file.path).write_bytes(
        gzip.compress((tmp_path / "all.tar").read_bytes())
    )
    for path in folder.glob("*.wav"):
        path.unlink()
    assert free_spoken_digits("test").texts == ("three",)


def test_a_changed_recording_is_refused(tiny):
    folder, _ = tiny()
    (folder / "1_theo_5.wav").write_bytes(wav(torch.zeros(9), 8000))
    with pytest.raises(ValueError, match=r"fsdd/v1.0.10.tar.gz is not the file .* expected sha256"):
        free_spoken_digits()


def test_a_true_hash_of_what_are_no_recordings(tiny):
    tiny(rate=16_000)
    with pytest.raises(ValueError, match="holds no train recordings of 8000 samples a second"):
        free_spoken_digits()


def test_a_recording_that_is_no_wav_file(tiny):
    tiny(**{"2_lucas_7": b"noise"})
    with pytest.raises(ValueError, match="no WAV file"):
        free_spoken_digits()


def test_bad_arguments_get_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="split 'valid' does not exist"):
        free_spoken_digits("valid")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path))
    assert not at_hand("free-spoken-digits")
    with pytest.raises(FileNotFoundError, match="the mirror has no .*fsdd/v1.0.10.tar.gz"):
        free_spoken_digits("test")


def test_the_recordings_as_published(tmp_path, monkeypatch):
    if not (MIRROR / "fsdd" / "0_george_0.wav").is_file():
        pytest.skip(f"no mirror of public data at {MIRROR}, so the real files are not read")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(MIRROR))
    assert at_hand("free-spoken-digits")
    made = free_spoken_digits("test")
    assert len(made) == 300 and made.texts[::30] == tuple(MODULE.ONES[:10])
    assert torch.bincount(made.speakers).tolist() == [50] * 6
    assert (
        0.14 < float(made.lengths.min()) / made.rate < float(made.lengths.max()) / made.rate < 2.3
    )
    heard = [pitch(made.wave(i), made.rate) for i in range(60)]
    assert sum(70 < one < 250 for one in heard) > 50
