"""Exercises that answer: one sentence per attempt, from checkers that know the usual mistakes."""

import importlib
from dataclasses import dataclass
from typing import Any

from arlearn.exercises import published, solved


class WrongAnswer(AssertionError):
    """An exercise's answer that is not right; the message says what to look at."""


@dataclass(frozen=True)
class Verdict:
    """What `check` found; already printed, so a notebook does not show it a second time.

    Attributes:
        exercise: "18.1" is the first exercise of chapter 18, "decoding.1" that of a lesson.
        tried: False while the answer is still the stub.
        sentence: what was printed.
    """

    exercise: str
    tried: bool
    sentence: str

    def _ipython_display_(self) -> None:
        return None


def check(exercise: str, answer: Any) -> Verdict:
    """Check an answer and print a sentence about it.

    The checker of exercise "18.1" is `check_1(answer)` in `arlearn/exercises/ex18.py`, that of a
    lesson's "decoding.1" stands in `ex_decoding.py`. It returns None for a right answer, else a
    sentence that helps. A stub that raises NotImplementedError is no mistake: its hint is printed.
    A right answer from a cell of the reader's own is kept for `arlearn list`.

    Raises:
        WrongAnswer: the answer is wrong, or fails when it is called.
        ValueError: there is no such exercise.
    """
    module = importlib.import_module(published.module_of(exercise))
    checker = getattr(module, f"check_{exercise.partition('.')[2]}")
    try:
        mistake = checker(answer)
    except NotImplementedError as stub:
        return _said(exercise, False, f"{exercise}: not tried yet. {stub}".strip())
    except (ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        told = f"{type(error).__name__}: {error}"
        raise WrongAnswer(f"{exercise}: the answer failed with {told}") from error
    if mistake is not None:
        raise WrongAnswer(f"{exercise}: not right yet. {mistake}")
    kept = f" {solved.note(exercise)}" if solved.by_reader(exercise) else ""
    return _said(exercise, True, f"{exercise}: right.{kept}")


def exercises() -> list[str]:
    """All exercises that have a checker, `["18.1", "18.2", …, "decoding.1", …]`."""
    return published.names()


def _said(exercise: str, tried: bool, sentence: str) -> Verdict:
    print(sentence)
    return Verdict(exercise, tried, sentence)
