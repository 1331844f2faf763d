"""Expressions: right values against Python's own arithmetic, and a sentence for everything else."""

from fractions import Fraction

import numpy as np
import pytest

from arlearn.data.expressions import LONGEST, read_expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("7", 7),
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("10-4-3", 3),
        ("10-(4-3)", 9),
        ("12/4/3", 1),
        ("12/(4/3)", 9),
        ("2*3+4*5", 26),
        ("1/3+1/6", Fraction(1, 2)),
        ("((((5))))", 5),
        ("3-10", -7),
        ("(8)/(3-8/3)", 24),
    ],
)
def test_values_are_exact(text, value):
    assert read_expression(text).value == value


def test_brackets_may_nest_and_follow_each_other():
    assert read_expression("(" * 20 + "1" + ")" * 20).value == 1
    assert read_expression("+".join(["((1))"] * 20)).value == 20


def test_numbers_stand_in_order():
    assert read_expression("(12+3)*7-12").numbers == (12, 3, 7, 12)


def random_text(random, depth):
    """A random expression, and the same as Python code in fractions."""
    if depth == 0 or random.random() < 0.2:
        number = int(random.integers(0, 30))
        return str(number), f"F({number})"
    left, right = random_text(random, depth - 1), random_text(random, depth - 1)
    sign = "+-*/"[int(random.integers(4))]
    pattern = "({}{}{})" if random.random() < 0.5 else "{}{}{}"
    return pattern.format(left[0], sign, right[0]), pattern.format(left[1], sign, right[1])


def test_random_expressions_are_what_python_says():
    random, compared = np.random.default_rng(0), 0
    while compared < 300:
        text, code = random_text(random, 4)
        if len(text) > LONGEST:
            continue
        try:
            truth = eval(code, {"F": Fraction})
        except ZeroDivisionError:
            with pytest.raises(ValueError, match="divides by 0"):
                read_expression(text)
            continue
        assert read_expression(text).value == truth
        compared += 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has the end at character 0, where a number without leading zeros"),
        ("3+", "has the end at character 2"),
        ("-3", "has '-' at character 0"),
        ("3 + 4", "has ' ' at character 1, where an operator or the end fits"),
        ("007", "has '0' at character 0, where a number without leading zeros"),
        ("(3+4", "has the end at character 4, where a closing bracket fits"),
        ("3+4)", r"has '\)' at character 3, where an operator or the end"),
        ("2**3", r"has '\*' at character 2"),
        ("3(4)", r"has '\(' at character 1"),
        ("__import__", "has '_' at character 0"),
        ("٣", "at character 0"),
        ("1/0", "'1/0' divides by 0 before character 3"),
        ("4/(2-2)+1", "divides by 0"),
        ("(" * LONGEST, "nests brackets more than 20 deep"),
        ("(" * 21 + "1" + ")" * 21, "nests brackets more than 20 deep"),
        ("1" * (LONGEST + 1), "at most 120 characters, this one 121"),
    ],
)
def test_what_is_no_expression_gets_a_sentence(text, words):
    with pytest.raises(ValueError, match=words):
        read_expression(text)
