"""Exercises that answer: one sentence per attempt, from checkers that know the usual mistakes."""

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import arlearn.exercises


class WrongAnswer(AssertionError):
    """An exercise's answer that is not right; the message says what to look at."""


@dataclass(frozen=True)
class Verdict:
    """What `check` found; already printed, so a notebook does not show it a second time.

    Attributes:
        exercise: "18.1" is the first exercise of chapter 18.
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

    The checker of exercise "18.1" is `check_1(answer)` in `arlearn/exercises/ex18.py`. It returns
    None for a right answer, else a sentence that helps. A stub that raises NotImplementedError is
    no mistake: its hint is printed.

    Raises:
        WrongAnswer: the answer is wrong, or fails when it is called.
        ValueError: there is no such exercise.
    """
    checker = _checker(exercise)
    try:
        mistake = checker(answer)
    except NotImplementedError as stub:
        sentence = f"{exercise}: not tried yet. {stub}".strip()
        print(sentence)
        return Verdict(exercise, False, sentence)
    except (ArithmeticError, AttributeError, LookupError, NameError, RuntimeError, TypeError,
            ValueError) as error:  # fmt: skip
        told = f"{type(error).__name__}: {error}"
        raise WrongAnswer(f"{exercise}: the answer failed with {told}") from error
    if mistake is not None:
        raise WrongAnswer(f"{exercise}: not right yet. {mistake}")
    print(f"{exercise}: right.")
    return Verdict(exercise, True, f"{exercise}: right.")


def exercises() -> list[str]:
    """All exercises that have a checker, `["18.1", "18.2", …]`."""
    found = []
    for module in pkgutil.iter_modules(arlearn.exercises.__path__):
        if chapter := re.fullmatch(r"ex(\d\d)", module.name):
            checkers = vars(importlib.import_module(f"arlearn.exercises.{module.name}"))
            numbers = [int(name[6:]) for name in checkers if re.fullmatch(r"check_\d+", name)]
            found += [f"{int(chapter[1])}.{number}" for number in sorted(numbers)]
    return found


def _checker(exercise: str) -> Callable[[Any], str | None]:
    there = exercises()
    if exercise not in there:
        near = difflib.get_close_matches(exercise, there, n=3, cutoff=0.5)
        known = f"did you mean {' or '.join(near)}?" if near else f"there are {there or 'none yet'}"
        raise ValueError(f"no exercise {exercise!r}; {known}")
    chapter, number = exercise.split(".")
    module = importlib.import_module(f"arlearn.exercises.ex{int(chapter):02d}")
    return getattr(module, f"check_{number}")
