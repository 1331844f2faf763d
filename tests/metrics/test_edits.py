"""Edits: small cases by hand, the laws of a distance, and the rate of a known library."""

import itertools

import pytest

from arlearn.metrics.edits import character_error_rate, edits

WORDS = ("", "a", "ab", "ba", "abc", "cab", "three", "tree", "there", "eight nine", "ate nine")


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
        ("three", "tree", 1),
        ("ab", "ba", 2),
        ([1, 2, 3], [2, 3, 4], 2),
    ],
)
def test_known_distances(one, other, wanted):
    assert edits(one, other) == edits(other, one) == wanted


def test_it_is_a_distance():
    for a, b, c in itertools.product(WORDS, repeat=3):
        assert edits(a, c) <= edits(a, b) + edits(b, c)
        assert (edits(a, b) == 0) == (a == b)
        assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))


def test_the_rate_is_over_the_letters_said():
    assert character_error_rate(["one"], ["one"]) == 0
    assert character_error_rate(["", "two"], ["one", "two"]) == 0.5
    assert character_error_rate(["one one one"], ["one"]) == pytest.approx(8 / 3)


def test_the_rate_is_that_of_jiwer():
    jiwer = pytest.importorskip("jiwer", reason="jiwer is not installed here")
    said = ["three", "eight nine", "abc", "cab there"]
    heard = ["tree", "ate nine", "", "cab three"]
    assert character_error_rate(heard, said) == pytest.approx(jiwer.cer(said, heard))


def test_bad_input_gets_a_sentence():
    for heard, said in ((["a"], []), ([], []), (["a"], [""])):
        with pytest.raises(ValueError, match="give one for each, with letters"):
            character_error_rate(heard, said)
