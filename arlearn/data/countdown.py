"""Countdown: reach a target with given numbers, "3 5 7:26=" -> "3*7+5"."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from arlearn.data.expressions import Expression, read_expression

_BINDS = {"+": 1, "-": 1, "*": 2, "/": 2}
_ATOM = 3


@dataclass(frozen=True)
class Countdown:
    """Write an expression that uses each of the given numbers once and has the target's value.

    Every problem is solvable: it is made from a solution whose running results are whole numbers
    above 0, and which multiplies and divides by no 1. An answer may do either, and go through
    fractions and below 0; its value counts. Usually there are several right answers. After the
    numbers round of the television game.

    Attributes:
        numbers: how many numbers are given, 2 to 6.
        largest: the numbers are uniform over 1 to `largest`.
        highest: the target is 1 to `highest`.
        operators: which of "+-*/" the solution behind a problem may use, and an answer as well.
    """

    numbers: int = 3
    largest: int = 20
    highest: int = 99
    operators: str = "+-*/"

    def __post_init__(self):
        if not 2 <= self.numbers <= 6:
            raise ValueError(f"numbers={self.numbers} is outside 2 to 6")
        if not 2 <= self.largest <= 999:
            raise ValueError(f"largest={self.largest} is outside 2 to 999")
        if not 2 <= self.highest <= 9999:
            raise ValueError(f"highest={self.highest} is outside 2 to 9999")
        if not self.operators or set(self.operators) - set(_BINDS):
            raise ValueError(f"operators={self.operators!r}: name one or more of + - * /")

    def draw(self, random: np.random.Generator) -> tuple[str, str, str]:
        """A problem: the key that decides its split, its prompt, a solution.

        The key is the target with the numbers in order, so the same numbers in another order are
        the same problem.
        """
        while True:
            numbers = [int(n) for n in random.integers(1, self.largest + 1, self.numbers)]
            found = self._combined(numbers, random)
            if found is not None:
                target, answer = found
                key = f"{' '.join(map(str, sorted(numbers)))}:{target}"
                return key, f"{' '.join(map(str, numbers))}:{target}=", answer

    def _combined(self, numbers: list[int], random: np.random.Generator) -> tuple[int, str] | None:
        """Two random ones joined by a random operator until one is left; None where that fails."""
        held = [(value, str(value), _ATOM) for value in numbers]
        while len(held) > 1:
            i, j = (int(k) for k in random.permutation(len(held))[:2])
            sign = self.operators[int(random.integers(len(self.operators)))]
            joined = _joined(held[i], sign, held[j])
            if joined is None:
                return None
            held = [one for k, one in enumerate(held) if k not in (i, j)] + [joined]
        value, text, _ = held[0]
        return (value, text) if value <= self.highest else None

    def check(self, prompt: str, answer: str) -> bool:
        """Whether the answer is an expression of exactly these numbers with the target's value."""
        return self.credit(prompt, answer) == 1

    def credit(self, prompt: str, answer: str) -> float:
        """1 for a right answer, 2/3 if only the value is wrong, 1/3 if it can be read at all."""
        numbers, target = read_prompt(prompt)
        try:
            found = read_expression(answer)
        except ValueError:
            return 0.0
        if not self._allowed(found, numbers, answer):
            return 1 / 3
        return 1.0 if found.value == Fraction(target) else 2 / 3

    def _allowed(self, found: Expression, numbers: tuple[int, ...], answer: str) -> bool:
        signs = {sign for sign in answer if sign in _BINDS}
        return sorted(found.numbers) == sorted(numbers) and signs <= set(self.operators)


def read_prompt(prompt: str) -> tuple[tuple[int, ...], int]:
    """The numbers and the target of a prompt like "3 5 7:26=".

    Raises:
        ValueError: the prompt does not read so.
    """
    given, colon, target = prompt.removesuffix("=").partition(":")
    words = given.split(" ")
    if not (prompt.endswith("=") and colon and all(w.isdecimal() for w in (*words, target))):
        raise ValueError(f"prompt {prompt!r} is no Countdown problem; one reads like '3 5 7:26='")
    return tuple(map(int, words)), int(target)


def _joined(
    left: tuple[int, str, int], sign: str, right: tuple[int, str, int]
) -> tuple[int, str, int] | None:
    """Value, text and binding of left sign right; None where that leads nowhere.

    Below 1, to a fraction, or to where it was: nothing is multiplied or divided by 1.
    """
    a, b = left[0], right[0]
    if (sign == "-" and a <= b) or (sign == "/" and a % b):
        return None
    if (sign in "*/" and b == 1) or (sign == "*" and a == 1):
        return None
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[sign]
    binds = _BINDS[sign]
    first = left[1] if left[2] >= binds else f"({left[1]})"
    tight = right[2] > binds or (right[2] == binds and sign in "+*")  # a+(b-c) = a+b-c
    second = right[1] if tight else f"({right[1]})"
    return value, f"{first}{sign}{second}", binds
