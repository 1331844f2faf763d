"""What is said: every drawn text is of its grammar, and nothing else is."""

import re

import numpy as np
import pytest

from arlearn.data.utterances import COUNTS, HOMOPHONES, KINDS, draw, well_formed


@pytest.mark.parametrize("kind", KINDS)
def test_the_grammar_makes_what_is_drawn_and_no_other_grammar_does(kind):
    random = np.random.default_rng(0)
    texts = {draw(kind, random) for _ in range(200)}
    assert len(texts) > 100
    for text in texts:
        assert [name for name in KINDS if well_formed(name, text)] == [kind], text
        assert re.fullmatch(r"[a-z]+( [a-z]+)*", text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("digits", "one"),
        ("digits", "one two three four five six"),
        ("digits", "one  two"),
        ("digits", "one ten"),
        ("numbers", "zero"),
        ("numbers", "ten thousand"),
        ("numbers", "hundred four"),
        ("numbers", "seven hundred and four"),
        ("sentences", "the red circle"),
        ("sentences", "the red circle moves left and"),
        ("sentences", "a red circle moves left"),
        ("homophones", "we one two red cups"),
        ("homophones", "we won two blew cups"),
        ("homophones", "we won two red cups to"),
    ],
)
def test_a_slip_is_noticed(kind, text):
    assert not well_formed(kind, text)


def test_homophones_stand_in_different_places():
    random = np.random.default_rng(0)
    texts = [draw("homophones", random).split() for _ in range(300)]
    places = {}
    for words in texts:
        for place, word in enumerate(words):
            places.setdefault(word, set()).add(place)
    for one, other in HOMOPHONES:
        assert places[one] and places[other] and not places[one] & places[other]
    assert {words[2] for words in texts} == set(COUNTS)


def test_an_unknown_kind_gets_a_sentence():
    for call in (lambda: draw("songs", np.random.default_rng(0)), lambda: well_formed("songs", "")):
        with pytest.raises(ValueError, match="kind 'songs' does not exist; choose one of digits"):
            call()
