"""Exercises: right answers pass, stubs get their hint, mistakes raise a sentence."""

import importlib
import sys

import pytest

import arlearn.exercises
from arlearn import show

CHECKERS = '''
"""Checkers of a chapter that is not in the book."""

def check_1(answer):
    """The mean of 2 and 4."""
    found = answer([2, 4])
    if found == 6:
        return "That is the sum; divide by how many there are."
    return None if found == 3 else f"The mean of 2 and 4 is not {found}."

def check_10(answer):
    """A number."""
    return None if answer == 7 else "Count again."

def helper(answer):
    """No exercise."""
'''


@pytest.fixture(autouse=True)
def chapter(tmp_path, monkeypatch):
    """A chapter 99 with two exercises, found as the real ones are."""
    (tmp_path / "ex99.py").write_text(CHECKERS)
    monkeypatch.setattr(arlearn.exercises, "__path__", [str(tmp_path)])
    importlib.invalidate_caches()
    yield
    sys.modules.pop("arlearn.exercises.ex99", None)
    vars(arlearn.exercises).pop("ex99", None)


def test_a_right_answer_is_told_so(capsys):
    verdict = show.check("99.1", lambda numbers: sum(numbers) / len(numbers))
    assert verdict.tried and capsys.readouterr().out == "99.1: right.\n"
    assert show.check("99.10", 7).tried


def test_a_usual_mistake_gets_its_sentence():
    with pytest.raises(show.WrongAnswer, match=r"99\.1: not right yet\. That is the sum; divide"):
        show.check("99.1", sum)
    assert issubclass(show.WrongAnswer, AssertionError)


def test_a_stub_is_no_mistake(capsys):
    def stub(numbers):
        raise NotImplementedError("add them up, then divide")

    verdict = show.check("99.1", stub)
    assert not verdict.tried and verdict.sentence == "99.1: not tried yet. add them up, then divide"
    assert capsys.readouterr().out == verdict.sentence + "\n"


@pytest.mark.parametrize("answer", [lambda numbers: numbers.mean(), lambda numbers: 1 / 0, 3])
def test_an_answer_that_fails_is_reported_with_its_error(answer):
    told = r"99\.1: the answer failed with \w+Error: "
    with pytest.raises(show.WrongAnswer, match=told) as caught:
        show.check("99.1", answer)
    assert caught.value.__cause__ is not None


def test_all_exercises_are_listed_in_order():
    assert show.exercises() == ["99.1", "99.10"]


@pytest.mark.parametrize("wrong", ["99.2", "98.1", "99", "99.helper", "../x.1"])
def test_an_unknown_exercise_names_those_there_are(wrong):
    with pytest.raises(ValueError, match=r"no exercise .*99\.1"):
        show.check(wrong, 1)


def test_nothing_is_said_twice_in_a_notebook():
    verdict = show.check("99.10", 7)
    assert verdict._ipython_display_() is None
