"""C-MAPSS: the format from small files, and FD001 itself where a mirror holds it."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import arlearn
from arlearn import home
from arlearn.data import at_hand, card, cmapss, load, turbofan
from arlearn.data.cmapss import parse_runs

MODULE = sys.modules["arlearn.data.cmapss"]  # arlearn.data.cmapss is the function
MIRROR = Path(arlearn.__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder with three simulated engines each, and a mirror and card that carry them."""
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path / "mirror"))
    folder = tmp_path / "mirror" / "cmapss"
    folder.mkdir(parents=True)
    test = turbofan("test", 3)
    for subset in ("FD001", "FD002"):
        (folder / f"train_{subset}.txt").write_text(turbofan("train", 3).text())
        (folder / f"test_{subset}.txt").write_text(test.text())
        (folder / f"RUL_{subset}.txt").write_text("\n".join(map(str, test.remaining.tolist())))
    real = card("cmapss")
    files = [
        replace(file, sha256=home.sha256(tmp_path / "mirror" / file.path)) for file in real.files
    ]
    monkeypatch.setattr(MODULE, "card", lambda name: replace(real, files=tuple(files)))
    return folder


def test_files_become_engines(tiny):
    train, test, made = cmapss("train"), cmapss("test"), turbofan("test", 3)
    assert torch.equal(train.sensors, turbofan("train", 3).sensors)
    assert torch.equal(test.settings, made.settings) and torch.equal(test.remaining, made.remaining)
    assert torch.equal(test.life(), made.life())
    assert (test.regimes == -1).all() and not train.remaining.any()
    assert torch.equal(load("cmapss", "test").sensors, test.sensors)


def test_another_subset_comes_from_a_folder(tiny):
    assert torch.equal(cmapss("test", subset="FD002", folder=tiny).cycles, cmapss("test").cycles)
    with pytest.raises(ValueError, match="only FD001 is fetched and verified; for FD002 pass fold"):
        cmapss("train", subset="FD002")
    with pytest.raises(FileNotFoundError, match="train_FD003.txt is not there"):
        cmapss("train", subset="FD003", folder=tiny)
    with pytest.raises(ValueError, match="subset 'FD005' does not exist; choose one of FD001"):
        cmapss("train", subset="FD005")


def test_lives_that_do_not_pair_get_a_sentence(tiny):
    (tiny / "RUL_FD002.txt").write_text("5 6")
    with pytest.raises(ValueError, match="3 engines and 2 remaining lives do not pair"):
        cmapss("test", subset="FD002", folder=tiny)


ROW = " ".join(["0"] * 24)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file has no rows"),
        ("1 1 0\n", "row 1 has 3 columns, C-MAPSS has 26"),
        (f"1 2 {ROW}\n", "must count 1, 2, 3"),
        (f"1 1 {ROW}\n1 3 {ROW}\n", "must count 1, 2, 3"),
        (f"1 1 {ROW}\n2 2 {ROW}\n", "must count 1, 2, 3"),
        (f"2 1 {ROW}\n1 1 {ROW}\n", "one engine after the other"),
    ],
)
def test_rows_that_are_no_runs_get_a_sentence(text, words):
    with pytest.raises(ValueError, match=words):
        parse_runs(text)


def test_any_blanks_part_the_columns():
    tabs = f"1\t1\t{ROW}\r\n1\t2\t{ROW}  \r\n".replace(" 0", "\t0")
    assert parse_runs(tabs).shape == (2, 26)


def test_what_is_at_hand_is_known_without_asking_anybody(tiny, monkeypatch, tmp_path):
    assert at_hand("cmapss")
    (tiny / "RUL_FD001.txt").unlink()
    assert not at_hand("cmapss")
    monkeypatch.delenv("ARLEARN_DATA_MIRROR")
    assert not at_hand("cmapss")
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", "https://example.org/data")
    assert at_hand("cmapss")
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", "")
    for file in card("cmapss").files:
        path = tmp_path / "data" / "public" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("fetched before")
    assert at_hand("cmapss")


def test_a_missing_file_is_named_with_its_address(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"Turbofan-Engine-Degradation\S*train_FD001.txt "):
        cmapss("train")


def test_the_files_as_published(tmp_path, monkeypatch):
    if not (MIRROR / "cmapss" / "train_FD001.txt").is_file():
        pytest.skip(f"no mirror of public data at {MIRROR}, so the real files are not read")
    monkeypatch.setenv("ARLEARN_DATA", str(tmp_path))
    monkeypatch.setenv("ARLEARN_DATA_MIRROR", str(MIRROR))
    train, test = cmapss("train"), cmapss("test")
    assert len(train) == len(test) == 100
    assert (int(train.cycles.sum()), int(test.cycles.sum())) == (20_631, 13_096)
    assert (int(train.cycles.min()), int(train.cycles.max())) == (128, 362)
    assert test.remaining[:3].tolist() == [112, 98, 69]
    assert (int(test.remaining.min()), int(test.remaining.max())) == (7, 145)
    assert train.sensors[0, 0, 1] == 641.82 and train.settings[0, 0].tolist() == [
        *(-0.0007, -0.0004, 100.0)
    ]
