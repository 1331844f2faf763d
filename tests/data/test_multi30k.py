"""Multi30k: pairs of sentences from small files, and the real ones where a mirror holds them."""

import gzip
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import arlearn
from arlearn import home
from arlearn.data import card, load, multi30k
from arlearn.data.multi30k import SPLITS, Translations

MODULE = sys.modules["arlearn.data.multi30k"]  # arlearn.data.multi30k is the function
MIRROR = Path(arlearn.__file__).resolve().parents[2] / "shared" / "data"
PAIRS = {"train": ("A dog.\nTwo dogs.\n", "Ein Hund.\nZwei Hunde.\n")}
PAIRS |= {"val": ("A cat \n", "Eine Katze\n"), "test": ("No.\x85 Yes\r\n", "Nein.\u2028 Ja\n")}


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A mirror with few sentences, and a card that carries its hashes."""
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path / "mirror"))
    (tmp_path / "mirror" / "multi30k").mkdir(parents=True)
    real, texts = card("multi30k"), {}
    for split, (english, german) in PAIRS.items():
        texts |= {f"{SPLITS[split]}.en.gz": english, f"{SPLITS[split]}.de.gz": german}

    def write(changes=None):
        for name, text in texts.items():
            data = gzip.compress(text.encode(), mtime=0)
            path = tmp_path / "mirror" / "multi30k" / name
            path.write_bytes((changes or {}).get(name, data))
        files = [
            replace(file, sha256=home.sha256(tmp_path / "mirror" / file.path))
            for file in real.files
        ]
        monkeypatch.setattr(MODULE, "card", lambda name: replace(real, files=tuple(files)))

    return write


def test_sentences_pair_line_by_line(tiny):
    tiny()
    train, test = multi30k("train"), multi30k("test")
    assert train == Translations(("A dog.", "Two dogs."), ("Ein Hund.", "Zwei Hunde."))
    assert len(train) == 2 and train.first(1).german == ("Ein Hund.",) and len(train.first(9)) == 2
    assert multi30k("val").english == ("A cat",)
    assert test == Translations(("No.\x85 Yes",), ("Nein.\u2028 Ja",))  # one line each
    assert load("multi30k", "val") == multi30k("val")


def test_sentences_that_do_not_pair_get_a_sentence(tiny):
    tiny({"train.de.gz": gzip.compress(b"Ein Hund.\n", mtime=0)})
    with pytest.raises(ValueError, match="2 English and 1 German sentences do not pair"):
        multi30k()


# a time of its own in each would give every worker other names for the same tests
CUT = gzip.compress(b"x", mtime=0)[:-9]
NO_TEXT = gzip.compress(b"\xff\xfe\n", mtime=0)


@pytest.mark.parametrize("raw", [b"plain", NO_TEXT, CUT], ids=["plain", "no text", "cut"])
def test_a_true_hash_of_a_file_that_is_no_text(tiny, raw):
    tiny({"train.en.gz": raw})
    with pytest.raises(ValueError, match=r"train.en.gz holds no gzipped text"):
        multi30k()


def test_bad_arguments_get_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="split 'valid' does not exist; choose one of train, val"):
        multi30k("valid")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"multi30k/dataset\S*test_2016_flickr.en.gz "):
        multi30k("test")


def test_the_files_as_published(tmp_path, monkeypatch):
    if not (MIRROR / "multi30k" / "train.en.gz").is_file():
        pytest.skip(f"no mirror of public data at {MIRROR}, so the real files are not read")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(MIRROR))
    for split, n in (("train", 29_000), ("val", 1_014), ("test", 1_000)):
        made = multi30k(split)
        assert len(made.english) == len(made.german) == n
        assert all(made.english) and all(made.german)
        if split == "train":
            assert made.english[0] == "Two young, White males are outside near many bushes."
            assert made.german[0].startswith("Zwei junge weiße Männer sind im Freien")
