"""Sums, differences and products of whole numbers, and chains of them: "12+34=" -> "46"."""

from dataclasses import dataclass

import numpy as np

from arlearn.data.expressions import read_expression


@dataclass(frozen=True)
class Arithmetic:
    """Work out an expression of whole numbers.

    Carries run from right to left, text from left to right: with `reverse` the digits of an answer
    begin with the last one, which is easier to learn (Lee et al. 2023, arXiv 2307.03381). With
    `steps` the answer tells every running result, as in "12+34+56=" -> "46;102".

    Attributes:
        digits: the most digits a number has; each number has 1 to `digits`, equally often.
        terms: how many numbers a prompt holds, 2 to 8.
        operators: which of "+-*" stand between them, each equally often.
        reverse: whether the digits of each result are written from the last to the first.
        steps: whether the answer holds every running result; not together with "*".
    """

    digits: int = 2
    terms: int = 2
    operators: str = "+"
    reverse: bool = False
    steps: bool = False

    def __post_init__(self):
        if not 1 <= self.digits <= 12:
            raise ValueError(f"digits={self.digits} is outside 1 to 12")
        if not 2 <= self.terms <= 8:
            raise ValueError(f"terms={self.terms} is outside 2 to 8")
        if not self.operators or set(self.operators) - set("+-*"):
            raise ValueError(f"operators={self.operators!r}: name one or more of + - *")
        if self.steps and "*" in self.operators:
            raise ValueError("steps go from left to right, which * does not; leave one of them out")

    def draw(self, random: np.random.Generator) -> tuple[str, str, str]:
        """A problem: the key that decides its split, its prompt, its answer.

        The key is the same for every order of the numbers, so that 3+5 in training does not give
        5+3 in the test away.
        """
        sizes = random.integers(1, self.digits + 1, self.terms)
        numbers = [int(random.integers(0 if k == 1 else 10 ** (k - 1), 10**k)) for k in sizes]
        signs = [self.operators[k] for k in random.integers(0, len(self.operators), len(sizes) - 1)]
        text = str(numbers[0]) + "".join(f"{s}{n}" for s, n in zip(signs, numbers[1:], strict=True))
        key = " ".join(map(str, sorted(numbers))) + "".join(sorted(signs))
        return key, f"{text}=", self.solve(f"{text}=")

    def solve(self, prompt: str) -> str:
        """The one right answer to a prompt.

        Raises:
            ValueError: the prompt is no expression with "=" behind it.
        """
        text = _asked(prompt)
        ends = [k for k, sign in enumerate(text) if sign in "+-"][1:] if self.steps else []
        results = [read_expression(text[:end]).value for end in (*ends, len(text))]
        return ";".join(self._written(int(value)) for value in results)

    def check(self, prompt: str, answer: str) -> bool:
        """Whether the answer is the right one, to the letter."""
        return answer == self.solve(prompt)

    def credit(self, prompt: str, answer: str) -> float:
        """The share of characters that are right, counted from the end the ones stand at."""
        return agreement(answer, self.solve(prompt), from_right=not self.reverse)

    def _written(self, value: int) -> str:
        digits = str(abs(value))
        return ("-" if value < 0 else "") + (digits[::-1] if self.reverse else digits)


def is_equation(text: str) -> bool:
    """Whether a text like "12+34=46" is true: an expression, "=", and its value without brackets.

    What a model that writes equations freely, prompt and answer, is judged by.
    """
    left, equals, right = text.partition("=")
    try:
        return bool(equals) and right == str(read_expression(left).value)
    except ValueError:
        return False


def agreement(given: str, right: str, *, from_right: bool = False) -> float:
    """The share of places, of the longer text's, at which both hold the same character, 0..1."""
    if from_right:
        given, right = given[::-1], right[::-1]
    same = sum(a == b for a, b in zip(given, right, strict=False))
    return same / max(len(given), len(right), 1)


def _asked(prompt: str) -> str:
    if not prompt.endswith("="):
        raise ValueError(f"prompt {prompt!r} does not end with '='; a prompt reads like '12+34='")
    return prompt[:-1]
