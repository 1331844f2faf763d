"""Numbers in words, in several styles: "1234=" -> "one thousand two hundred thirty four"."""

from dataclasses import dataclass

import numpy as np

ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ONES += ("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen")
ONES += ("eighteen", "nineteen")
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l")),
    *((40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
HIGHEST = {"plain": 999_999_999, "british": 999_999_999, "hundreds": 9_999}
HIGHEST |= {"digits": 999_999_999, "roman": 3_999}
STYLES = tuple(HIGHEST)


@dataclass(frozen=True)
class NumberWords:
    """Write a number in words, in any one of the styles.

    1234 is, in the style

    - plain: one thousand two hundred thirty four
    - british: one thousand two hundred and thirty-four
    - hundreds: twelve hundred and thirty four
    - digits: one two three four
    - roman: mccxxxiv

    A prompt with several right answers is what makes parallel decoding hard: words of different
    styles do not mix.

    Attributes:
        largest: numbers are 1 to `largest`; each length in digits equally often.
        styles: the styles of the answers, each equally often.
        named: whether the prompt names the style ("roman 1234="), which leaves one right answer.
    """

    largest: int = 9_999
    styles: tuple[str, ...] = ("plain", "hundreds", "digits")
    named: bool = False

    def __post_init__(self):
        strange = [style for style in self.styles if style not in STYLES]
        if strange or not self.styles:
            raise ValueError(f"styles={self.styles}: name one or more of {', '.join(STYLES)}")
        for style in self.styles:
            if not 1 <= self.largest <= HIGHEST[style]:
                raise ValueError(
                    f"largest={self.largest}: style {style} goes from 1 to {HIGHEST[style]}"
                )

    def draw(self, random: np.random.Generator) -> tuple[str, str, str]:
        """A problem: the key that decides its split (the number), its prompt, an answer."""
        length = int(random.integers(1, len(str(self.largest)) + 1))
        highest = min(10**length - 1, self.largest)
        number = int(random.integers(10 ** (length - 1), highest + 1))
        style = self.styles[int(random.integers(len(self.styles)))]
        prompt = f"{style} {number}=" if self.named else f"{number}="
        return str(number), prompt, in_words(number, style)

    def check(self, prompt: str, answer: str) -> bool:
        """Whether the answer is the number in one style throughout: one of `styles`, or the named.

        Exact to the letter.
        """
        return answer in self._right(prompt)

    def credit(self, prompt: str, answer: str) -> float:
        """The share of words that are right at their place, in the style that fits best."""
        given = answer.split(" ")
        return max(_same(given, right.split(" ")) for right in self._right(prompt))

    def _right(self, prompt: str) -> list[str]:
        style, space, number = prompt.removesuffix("=").rpartition(" ")
        names = (style,) if space else self.styles
        if not prompt.endswith("=") or not number.isdecimal() or set(names) - set(STYLES):
            raise ValueError(f"prompt {prompt!r} asks for no number; one reads like '1234='")
        return [in_words(int(number), name) for name in names]


def in_words(number: int, style: str = "plain") -> str:
    """A number in words of one style.

    `hundreds` counts hundreds beyond ten ("twelve hundred and four"), but whole tens of them in
    thousands ("two thousand and four"); `british` has "and" before the last two digits and a
    hyphen within them; `digits` reads digit by digit; `roman` is in small letters.

    Raises:
        ValueError: no such style, or a number outside its range: 0 (roman: 1) to `HIGHEST`.
    """
    if style not in STYLES:
        raise ValueError(f"style {style!r} does not exist; choose one of {', '.join(STYLES)}")
    least = int(style == "roman")
    if not least <= number <= HIGHEST[style]:
        raise ValueError(f"style {style} goes from {least} to {HIGHEST[style]}, not to {number}")
    if style == "digits":
        return " ".join(ONES[int(digit)] for digit in str(number))
    if style == "roman":
        return _roman(number)
    if style == "hundreds" and number >= 1100 and number // 100 % 10:
        return _hundreds(number, " and ", " ")
    return _grouped(
        number, " " if style == "plain" else " and ", "-" if style == "british" else " "
    )


def from_words(text: str, style: str = "plain") -> int:
    """The number that `in_words` writes so in this style; its exact inverse.

    Raises:
        ValueError: no number is written so.
    """
    try:
        number = _value(text, style)
        if in_words(number, style) == text:
            return number
    except (KeyError, ValueError):
        pass
    raise ValueError(f"{text!r} is no number in style {style}")


def styles_of(text: str) -> dict[str, int]:
    """Every style in which a text is a number, with the number; {} for a mix of styles."""
    found = {}
    for style in STYLES:
        try:
            found[style] = from_words(text, style)
        except ValueError:
            continue
    return found


def _grouped(number: int, link: str, hyphen: str) -> str:
    """Millions, thousands and the rest, each below 1000."""
    words = []
    for size, name in ((10**6, "million"), (1000, "thousand")):
        if number >= size:
            words.append(f"{_hundreds(number // size, link, hyphen)} {name}")
            number %= size
    if not words:
        return _hundreds(number, link, hyphen)
    head = " ".join(words)
    if not number:
        return head
    return f"{head}{link if number < 100 else ' '}{_hundreds(number, link, hyphen)}"


def _hundreds(number: int, link: str, hyphen: str) -> str:
    """A number of at most 99 hundreds."""
    head = f"{_below_100(number // 100, hyphen)} hundred" if number >= 100 else ""
    if head and number % 100 == 0:
        return head
    return (head + link if head else "") + _below_100(number % 100, hyphen)


def _below_100(number: int, hyphen: str) -> str:
    if number < 20:
        return ONES[number]
    return TENS[number // 10] + (f"{hyphen}{ONES[number % 10]}" if number % 10 else "")


def _roman(number: int) -> str:
    text = ""
    for value, sign in ROMAN:
        text += number // value * sign
        number %= value
    return text


def _value(text: str, style: str) -> int:
    """What a text adds up to, if it is well formed; `from_words` checks that by writing it."""
    if style == "roman":
        worth = {sign: value for value, sign in ROMAN}
        values = [worth[sign] for sign in text]
        pairs = zip(values, [*values[1:], 0], strict=True)
        return sum(value if value >= after else -value for value, after in pairs)
    words = text.replace("-", " ").replace(" and ", " ").split(" ")
    small = {word: k for k, word in enumerate(ONES)}
    small |= {word: 10 * k for k, word in enumerate(TENS) if word}
    if style == "digits":
        return int("".join(str(small[word]) for word in words))
    total = part = 0
    for word in words:
        if word in ("thousand", "million"):
            total, part = total + part * (1000 if word == "thousand" else 10**6), 0
        else:
            part = part * 100 if word == "hundred" else part + small[word]
    return total + part


def _same(given: list[str], right: list[str]) -> float:
    """`agreement`, by words."""
    same = sum(a == b for a, b in zip(given, right, strict=False))
    return same / max(len(given), len(right))
