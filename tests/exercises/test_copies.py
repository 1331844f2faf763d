"""An exercise in the reader's own folder: whole, ready to run, and never overwritten."""

import nbformat
import pytest

from arlearn import home
from arlearn.exercises import copies, published


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ARLEARN_EXERCISES", str(tmp_path / "mine"))
    return tmp_path / "mine"


def test_a_copy_holds_the_text_the_imports_and_the_stub_but_no_solution(folder):
    path = copies.write("18.3")
    assert path == folder / "18_3.ipynb"
    notebook, exercise = nbformat.read(path, as_version=4), published.find("18.3")
    nbformat.validate(notebook)
    text, imports, stub = (cell.source for cell in notebook.cells)
    assert text.startswith("# Exercise 18.3\n\n**18.3** (a small project)") and "18_var" in text
    assert imports.splitlines() == ["import arlearn", "import torch"]
    assert stub == exercise.stub and exercise.solution not in str(notebook)
    assert notebook.metadata["jupytext"] == {"formats": "ipynb"}


def test_a_copy_runs_and_says_its_hint(folder, capsys):
    _, *cells = nbformat.read(copies.write("18.2"), as_version=4).cells
    names = {}
    for cell in cells:
        exec(cell.source, names)
    assert capsys.readouterr().out.startswith("18.2: not tried yet. First the strength")


def test_a_copy_is_never_overwritten(folder):
    path = copies.write("18.1")
    path.write_text("my answer", encoding="utf-8")
    with pytest.raises(FileExistsError, match="may hold your answer, so nothing was written"):
        copies.write("18.1")
    assert path.read_text(encoding="utf-8") == "my answer"
    assert [file.name for file in folder.iterdir()] == ["18_1.ipynb"]


def test_no_copy_of_an_exercise_that_is_not_there(folder):
    with pytest.raises(ValueError, match=r"no exercise '18\.9'; did you mean"):
        copies.write("18.9")
    assert not folder.exists()


def test_the_folder_is_the_readers(monkeypatch, tmp_path):
    monkeypatch.delenv("ARLEARN_EXERCISES", raising=False)
    assert copies.folder().as_posix() == "exercises"
    monkeypatch.setenv("ARLEARN_EXERCISES", "~/course")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert copies.folder() == tmp_path / "course"


def test_how_it_is_opened_and_where_its_solution_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(home.root())
    here, away = home.root() / "exercises" / "18_1.ipynb", tmp_path / "18_1.ipynb"
    assert copies.how_to_open(here) == "Open exercises/18_1.ipynb with `make lab`"
    assert copies.how_to_open(away) == f"Open it with `arlearn lab {away}`"
    chapter = published.find("18.1").chapter
    link = "[its chapter](../chapters/03_next_x/18_var.ipynb)"
    assert link in copies._where(chapter, here) and "](" not in copies._where(chapter, away)
