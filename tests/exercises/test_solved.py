"""What the reader has solved: kept once, counted by chapter, and said when it cannot be kept.

That it is the reader's cell which counts is tried in a real kernel, in tests/runner.
"""

import json
from datetime import date
from pathlib import Path

import pytest

from arlearn.exercises import solved
from arlearn.show.exercises import check


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_HOME", str(tmp_path / "reader"))
    return tmp_path / "reader" / "solved.json"


def test_an_exercise_is_kept_with_its_first_day(file):
    assert solved.solved() == {} and solved.share("18") == (0, 3)
    assert solved.note("18.1") == "Solved in this chapter: 1 of 3."
    assert json.loads(file.read_text()) == {"18.1": date.today().isoformat()}
    file.write_text('{"18.1": "2026-03-14"}')
    assert solved.note("18.3") == "Solved in this chapter: 2 of 3."
    assert solved.note("18.1") == "Solved in this chapter: 2 of 3."
    assert solved.solved() == {"18.1": "2026-03-14", "18.3": date.today().isoformat()}
    assert solved.share("18") == (2, 3) and solved.share("1") == (0, 0)


def test_an_exercise_that_is_gone_does_not_count(file):
    file.parent.mkdir()
    file.write_text('{"18.77": "2026-03-14"}')
    assert solved.share("18") == (0, 3)


@pytest.mark.parametrize("held", ["{", "[1]", "\x00"])
def test_a_damaged_file_is_said_and_stays(file, held):
    file.parent.mkdir()
    file.write_text(held)
    with pytest.raises(ValueError, match=r"solved\.json .*; delete it to begin anew"):
        solved.solved()
    assert solved.note("18.1").startswith("(not kept: ") and file.read_text() == held


def test_a_folder_that_cannot_be_written_is_said(file):
    file.parent.write_text("a file in its place")
    said = solved.note("18.1")
    assert said.startswith("(not kept: ") and "ARLEARN_HOME names another folder" in said


def test_where_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.delenv("ARLEARN_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert solved.file() == tmp_path / "arlearn" / "solved.json"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert solved.file() == tmp_path / Path(".local/share/arlearn/solved.json")


def test_a_test_is_no_reader(file):
    def pairs(sides):
        return sum(s * s * sum(r * r for r in sides[: k + 1]) for k, s in enumerate(sides))

    assert check("18.1", pairs).sentence == "18.1: right." and not file.exists()
