"""Chapter 54's checkers: right answers pass, and each usual mistake gets its own sentence."""

import pytest
import torch

from arlearn.exercises.ex54 import check_1, check_2, check_3
from arlearn.papers.mdpo import step_value


def gained(marks):
    return torch.cat([marks[:1], marks.diff()])


def after(marks):
    return step_value(marks) - gained(marks)


def with_its_own(marks):
    return gained(marks) + torch.stack([marks[t:].mean() for t in range(len(marks))])


def off_at(place):
    def answer(marks):
        value = step_value(marks).clone()
        value[place] += 1.0
        return value

    return answer


def test_right_values_pass():
    assert check_1(step_value) is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (gained, "add the mean of the marks that follow"),
        (after, "add what the step itself improved"),
        (with_its_own, "without its own"),
        (off_at(0), "r_(-1) is 0"),
        (off_at(-1), "nothing follows the last step"),
        (lambda marks: marks.sum(), "4 marks make 4 values"),
        (lambda marks: marks * 7, "are worth 0.667, 1.5, 0, -1"),
    ],
)
def test_wrong_values_are_told_apart(answer, sentence):
    assert sentence in check_1(answer)


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        ([[0, 0], [1, 0], [0, 0], [1, 1]], None),
        ([[1, 0], [0, 0], [0, 0]], None),
        ([[0, 0], [1, 0], [0, 1]], "the last marks must be equal"),
        ([[0, 0], [1, 1], [1, 1]], "both rollouts are the same"),
        ([[0, 0], [1, 0], [1, 1]], "never loses an answer"),
        ([[1, 1], [0, 0], [1, 0], [1, 1]], "A is not < 0"),
        ([[0, 0], [0.5, 0], [1, 1]], "nothing in between"),
        ([[0, 0], [1, 1]], "3 steps or more"),
    ],
)
def test_pairs_of_rollouts(marks, sentence):
    said = check_2(lambda: torch.tensor(marks))
    assert said is None if sentence is None else sentence in said


def lowest(running, given, n):
    return running.masked_fill(given, 2.0).argsort(1).argsort(1) < n


def test_the_lowest_places_pass():
    assert check_3(lowest) is None


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda r, g, n: r.argsort(1).argsort(1) < n, "prompts do not take part"),
        (lambda r, g, n: lowest(-r, g, n), "these are the surest places"),
        (lambda r, g, n: lowest(r, g, n + 1), "3 places should be hidden in each row"),
        (lambda r, g, n: lowest(r.flip(1), g, n), "not those of lowest confidence"),
        (lambda r, g, n: r, "return True where a place is hidden"),
    ],
)
def test_wrong_places_are_told_apart(answer, sentence):
    assert sentence in check_3(answer)
