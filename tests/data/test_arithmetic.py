"""Arithmetic: answers against Python's integers, reversed digits, running results, credit."""

import re

import pytest

from arlearn.data.arithmetic import Arithmetic, agreement, is_equation
from arlearn.data.tasks import tasks


def truth(prompt: str) -> int:
    """The prompt's value by Python's own rules."""
    assert re.fullmatch(r"\d+([+*-]\d+)+=", prompt)
    return eval(re.sub(r"\b0+(?=\d)", "", prompt[:-1]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"digits": 5, "operators": "-"},
        {"digits": 3, "operators": "*"},
        {"terms": 4, "operators": "+-*"},
        {"digits": 12, "terms": 8},
    ],
)
def test_every_answer_is_the_value(options):
    made = tasks("train", "arithmetic", n=80, **options)
    assert list(map(int, made.answers)) == list(map(truth, made.prompts))
    assert made.accuracy(made.answers) == 1
    assert all(map(is_equation, made.texts))


def test_reversed_answers_begin_with_the_ones():
    plain = tasks("train", n=200, digits=3, operators="+-")
    turned = tasks("train", n=200, digits=3, operators="+-", reverse=True)
    assert plain.prompts == turned.prompts
    for a, b in zip(plain.answers, turned.answers, strict=True):
        assert b == ("-" if a[0] == "-" else "") + a.lstrip("-")[::-1]


def test_steps_are_the_running_results():
    assert Arithmetic(terms=3, steps=True).solve("12+34+56=") == "46;102"
    kind = Arithmetic(terms=4, operators="+-", steps=True, reverse=True)
    assert kind.solve("37-50+13-20=") == "-31;0;-02"
    assert kind.check("37-50+13-20=", "-31;0;-02") and not kind.check("37-50+13-20=", "-02")


def test_numbers_have_the_sizes_asked_for():
    prompts = tasks("train", n=400, digits=3, terms=3).prompts
    lengths = [len(number) for prompt in prompts for number in re.findall(r"\d+", prompt)]
    assert {len(re.findall(r"\d+", prompt)) for prompt in prompts} == {3}
    assert all(abs(lengths.count(k) / len(lengths) - 1 / 3) < 0.05 for k in (1, 2, 3))
    assert not any(re.search(r"(?<!\d)0\d", prompt) for prompt in prompts)


def test_the_order_of_the_numbers_does_not_leak_into_the_test():
    train = tasks("train", n=1000, digits=1).prompts
    test = tasks("test", n=200, digits=1).prompts
    turned = {"+".join(prompt[:-1].split("+")[::-1]) + "=" for prompt in train}
    assert not set(test) & (set(train) | turned)


def test_credit_counts_characters_from_the_ones():
    assert Arithmetic().credit("95+6=", "101") == 1
    assert Arithmetic().credit("95+6=", "1") == pytest.approx(1 / 3)
    assert Arithmetic().credit("95+6=", "001") == pytest.approx(2 / 3)
    assert Arithmetic(reverse=True).credit("95+17=", "21") == pytest.approx(2 / 3)
    assert Arithmetic().credit("95+6=", "") == 0
    assert agreement("", "") == 0 and agreement("abc", "abc") == 1


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("12+34=46", True),
        ("2*3-10=-4", True),
        ("0+0=0", True),
        ("12+34=47", False),
        ("12+34=046", False),
        ("12+34=46 ", False),
        ("12+34", False),
        ("=46", False),
        ("12+34=40+6", False),
        ("1/0=0", False),
    ],
)
def test_equations_are_true_or_not(text, true):
    assert is_equation(text) is true


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"digits": 0}, "digits=0 is outside 1 to 12"),
        ({"digits": 13}, "digits=13 is outside"),
        ({"terms": 1}, "terms=1 is outside 2 to 8"),
        ({"operators": ""}, "operators='': name one or more"),
        ({"operators": "+/"}, r"operators='\+/'"),
        ({"operators": "*", "steps": True}, "leave one of them out"),
    ],
)
def test_bad_options_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        Arithmetic(**options)


def test_a_prompt_without_its_end_gets_a_sentence():
    with pytest.raises(ValueError, match="'3[+]4' does not end with '='"):
        Arithmetic().check("3+4", "7")
