"""Number words: written as in the books, read back exactly, one style throughout."""

import pytest

from arlearn.data.number_words import HIGHEST, STYLES, NumberWords, from_words, in_words, styles_of
from arlearn.data.tasks import tasks

KNOWN = [
    (1234, "plain", "one thousand two hundred thirty four"),
    (1234, "british", "one thousand two hundred and thirty-four"),
    (1234, "hundreds", "twelve hundred and thirty four"),
    (1234, "digits", "one two three four"),
    (1234, "roman", "mccxxxiv"),
    (0, "plain", "zero"),
    (0, "digits", "zero"),
    (40, "british", "forty"),
    (105, "plain", "one hundred five"),
    (105, "hundreds", "one hundred and five"),
    (1005, "british", "one thousand and five"),
    (1005, "hundreds", "one thousand and five"),
    (1100, "hundreds", "eleven hundred"),
    (2000, "hundreds", "two thousand"),
    (9999, "hundreds", "ninety nine hundred and ninety nine"),
    (1_000_000, "plain", "one million"),
    (2_013_100, "british", "two million thirteen thousand one hundred"),
    (300_000_007, "british", "three hundred million and seven"),
    (1994, "roman", "mcmxciv"),
    (3999, "roman", "mmmcmxcix"),
    (4, "roman", "iv"),
]


@pytest.mark.parametrize(("number", "style", "text"), KNOWN)
def test_as_in_the_books(number, style, text):
    assert in_words(number, style) == text and from_words(text, style) == number


@pytest.mark.parametrize("style", STYLES)
def test_every_number_comes_back(style):
    numbers = range(1, HIGHEST["roman"] + 1)
    texts = [in_words(number, style) for number in numbers]
    assert len(set(texts)) == len(texts)
    assert [from_words(text, style) for text in texts] == list(numbers)
    for number in (4000, 9_999, 12_012, 100_100, 7_000_070, 999_999_999):
        if number <= HIGHEST[style]:
            assert from_words(in_words(number, style), style) == number


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("forty two", {"plain": 42, "hundreds": 42}),
        ("forty-two", {"british": 42}),
        ("seven", {"plain": 7, "british": 7, "hundreds": 7, "digits": 7}),
        ("four two", {"digits": 42}),
        ("xlii", {"roman": 42}),
        ("one hundred and five", {"british": 105, "hundreds": 105}),
        ("twelve hundred thirty four", {}),
        ("one thousand two hundred and thirty four", {}),
        ("twelve three four", {}),
        ("one one hundred", {}),
        ("hundred", {}),
        ("two thousand million", {}),
        ("zero one", {}),
        ("iiii", {}),
        ("ic", {}),
        ("  ", {}),
        ("", {}),
        ("forty  two", {}),
        ("fourty two", {}),
    ],
)
def test_the_styles_of_a_text(text, found):
    assert styles_of(text) == found


def test_a_mix_of_styles_is_wrong():
    kind = NumberWords()
    for style in kind.styles:
        assert kind.check("1234=", in_words(1234, style))
    for text in ("one two hundred and thirty four", "twelve hundred thirty four", "mccxxxiv", ""):
        assert not kind.check("1234=", text)
    assert not kind.check("1235=", in_words(1234))


def test_a_named_style_has_one_right_answer():
    kind = NumberWords(3999, STYLES, named=True)
    for style in STYLES:
        right = [other for other in STYLES if kind.check(f"{style} 1234=", in_words(1234, other))]
        assert right == [style]
    made = tasks("test", "number-words", n=200, largest=3999, styles=STYLES, named=True)
    assert {prompt.split(" ")[0] for prompt in made.prompts} == set(STYLES)


def test_credit_is_that_of_the_style_that_fits_best():
    kind = NumberWords()
    assert kind.credit("1234=", "one two three four") == 1
    assert kind.credit("1234=", "one two three") == pytest.approx(3 / 4)
    assert kind.credit("1234=", "twelve hundred and forty four") == pytest.approx(4 / 5)
    assert kind.credit("1234=", "") == 0


def test_lengths_and_styles_are_evenly_spread():
    made = tasks("train", "number-words", n=1500)
    lengths = [len(prompt) - 1 for prompt in made.prompts]
    # the few short numbers of the other split make these uneven
    assert all(0.15 < lengths.count(k) / 1500 < 0.35 for k in (1, 2, 3, 4))
    spelled = [a for p, a in zip(made.prompts, made.answers, strict=True) if len(p) == 5]
    shares = [sum(style in styles_of(a) for a in spelled) / len(spelled) for style in STYLES]
    assert abs(shares[STYLES.index("digits")] - 1 / 3) < 0.08
    assert shares[STYLES.index("roman")] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"styles": ()}, r"styles=\(\): name one or more of plain, british"),
        ({"styles": ("plain", "french")}, "french"),
        ({"largest": 0}, "largest=0: style plain goes from 1"),
        ({"largest": 10_000}, "largest=10000: style hundreds goes from 1 to 9999"),
        ({"styles": ("roman",)}, "largest=9999: style roman goes from 1 to 3999"),
    ],
)
def test_bad_options_get_a_sentence(options, words):
    with pytest.raises(ValueError, match=words):
        NumberWords(**options)


def test_bad_calls_get_a_sentence():
    with pytest.raises(ValueError, match="style 'french' does not exist; choose one of plain"):
        in_words(3, "french")
    with pytest.raises(ValueError, match="style roman goes from 1 to 3999, not to 0"):
        in_words(0, "roman")
    with pytest.raises(ValueError, match="'fourty' is no number in style plain"):
        from_words("fourty")
    for prompt in ("12", "x=", "french 12=", "=", "-3="):
        with pytest.raises(ValueError, match="asks for no number; one reads like '1234='"):
            NumberWords().check(prompt, "one")
