"""Arithmetic expressions as text: read by a small grammar, with exact fractions and no `eval`."""

from dataclasses import dataclass, field
from fractions import Fraction

LONGEST, DEEPEST = 120, 20  # characters, brackets within brackets; a model may write any text


@dataclass(frozen=True)
class Expression:
    """What an expression says.

    Attributes:
        value: its exact value.
        numbers: the numbers that stand in it, from left to right.
    """

    value: Fraction
    numbers: tuple[int, ...]


def read_expression(text: str) -> Expression:
    """The value of an expression, `*` and `/` before `+` and `-`, each from left to right.

    sum = product (("+" | "-") product)* ; product = atom (("*" | "/") atom)* ;
    atom = number | "(" sum ")" ; number = "0" or digits that do not begin with 0. No spaces, no
    signs in front, no powers.

    Raises:
        ValueError: the text is no such expression, is longer than 120 characters, nests brackets
            more than 20 deep, or divides by 0.
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters, this one {len(text)}")
    reader = _Reader(text)
    value = reader.sum()
    if reader.at < len(text):
        raise reader.fault("an operator or the end")
    return Expression(value, tuple(reader.numbers))


@dataclass
class _Reader:
    """Recursive descent: one method per rule of the grammar, and the place it has come to."""

    text: str
    at: int = 0
    depth: int = 0
    numbers: list[int] = field(default_factory=list)

    def sum(self) -> Fraction:
        value = self.product()
        while (sign := self.peek()) in ("+", "-"):
            self.at += 1
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self) -> Fraction:
        value = self.atom()
        while (sign := self.peek()) in ("*", "/"):
            self.at += 1
            factor = self.atom()
            if sign == "/" and not factor:
                raise ValueError(f"{self.text!r} divides by 0 before character {self.at}")
            value = value * factor if sign == "*" else value / factor
        return value

    def atom(self) -> Fraction:
        if self.peek() == "(":
            self.at, self.depth = self.at + 1, self.depth + 1
            if self.depth > DEEPEST:
                raise ValueError(f"{self.text!r} nests brackets more than {DEEPEST} deep")
            value = self.sum()
            if self.peek() != ")":
                raise self.fault("a closing bracket")
            self.at, self.depth = self.at + 1, self.depth - 1
            return value
        begin = self.at
        while self.peek() and self.peek() in "0123456789":
            self.at += 1
        digits = self.text[begin : self.at]
        if not digits or (digits[0] == "0" and digits != "0"):
            self.at = begin
            raise self.fault("a number without leading zeros, or an opening bracket")
        self.numbers.append(int(digits))
        return Fraction(int(digits))

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def fault(self, wanted: str) -> ValueError:
        found = repr(self.peek()) if self.peek() else "the end"
        return ValueError(f"{self.text!r} has {found} at character {self.at}, where {wanted} fits")
