"""Countdown: every problem is solvable, and exactly the right expressions are right."""

from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest

from arlearn.data.countdown import Countdown, read_prompt
from arlearn.data.tasks import tasks


def reachable(numbers) -> set[Fraction]:
    """All values of all expressions that use each number once, by joining pairs in every way."""
    if len(numbers) == 1:
        return set(numbers)
    found = set()
    for i, j in combinations(range(len(numbers)), 2):
        rest = [n for k, n in enumerate(numbers) if k not in (i, j)]
        a, b = numbers[i], numbers[j]
        joined = {a + b, a - b, b - a, a * b}
        joined |= ({a / b} if b else set()) | ({b / a} if a else set())
        for value in joined:
            found |= reachable([*rest, value])
    return found


@pytest.mark.parametrize("options", [{}, {"numbers": 2}, {"numbers": 4, "largest": 9}])
def test_every_problem_is_solvable_and_solved(options):
    made = tasks("test", "countdown", n=30 if options else 100, **options)
    for prompt, answer in zip(made.prompts, made.answers, strict=True):
        numbers, target = read_prompt(prompt)
        assert len(numbers) == options.get("numbers", 3) and 1 <= target <= 99
        assert 1 <= min(numbers) <= max(numbers) <= options.get("largest", 20)
        assert Fraction(target) in reachable(list(map(Fraction, numbers)))
        assert made.kind.check(prompt, answer)
        # the solution's own numbers and value, by Python's arithmetic
        used = answer.translate(str.maketrans("+-*/()", "      ")).split()
        assert Counter(map(int, used)) == Counter(numbers) and eval(answer) == target


def test_brackets_stand_only_where_they_are_needed():
    """Without all of them the value is another, but for coincidences: 20-(8-2)*2 = 20-8-2*2."""
    kind, seen, needed = Countdown(), 0, 0
    made = tasks("train", "countdown", n=300, numbers=4)
    for prompt, answer in zip(made.prompts, made.answers, strict=True):
        if "(" in answer:
            seen += 1
            needed += not kind.check(prompt, answer.replace("(", "").replace(")", ""))
    assert seen > 60 and needed > 0.95 * seen


@pytest.mark.parametrize(
    ("answer", "credit"),
    [
        ("3*7+5", 1),
        ("5+7*3", 1),
        ("(5+(7*3))", 1),
        ("3+5+7", 2 / 3),
        ("7*5-3", 2 / 3),
        ("26", 1 / 3),
        ("3*7+5+0", 1 / 3),
        ("3*7", 1 / 3),
        ("3*7+5*1", 1 / 3),
        ("37+5", 1 / 3),
        ("3*7+5=26", 0),
        ("3*7+", 0),
        ("7**3", 0),
        ("3/(5-5)", 0),
        ("", 0),
        ("hello", 0),
    ],
)
def test_credit_in_thirds(answer, credit):
    assert Countdown().credit("3 5 7:26=", answer) == pytest.approx(credit)
    assert Countdown().check("3 5 7:26=", answer) is (credit == 1)


def test_fractions_on_the_way_count():
    assert Countdown(numbers=4).check("3 3 8 8:24=", "8/(3-8/3)")
    assert Countdown().check("1 2 4:2=", "4*1/2") and Countdown().check("1 2 4:2=", "1/2*4")
    assert not Countdown(operators="+-*").check("1 2 4:2=", "4*1/2")


def test_the_operators_of_the_solutions_can_be_limited():
    made = tasks("train", "countdown", n=100, operators="+-")
    assert not any(set(answer) & set("*/") for answer in made.answers)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"numbers": 1}, "numbers=1 is outside 2 to 6"),
        ({"numbers": 7}, "numbers=7"),
        ({"largest": 1}, "largest=1 is outside"),
        ({"highest": 10_000}, "highest=10000 is outside"),
        ({"operators": "+^"}, r"operators='\+\^': name one or more"),
    ],
)
def test_bad_options_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        Countdown(**options)


@pytest.mark.parametrize(
    "prompt", ["3 5 7:26", "3 5 7=", "3 x 7:26=", "3  5:8=", ":8=", "3 5:=", ""]
)
def test_a_prompt_that_is_none_gets_a_sentence(prompt):
    with pytest.raises(ValueError, match="is no Countdown problem; one reads like '3 5 7:26='"):
        Countdown().check(prompt, "3+5")
