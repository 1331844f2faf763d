"""What the voices say: short texts of small grammars, and whether a text is one of them."""

import re

import numpy as np

from arlearn.data.number_words import ONES, from_words, in_words
from arlearn.data.scenes import COLOURS, SHAPES

MOVES = ("moves left", "moves right", "moves up", "moves down")
MOVES += ("bounces", "stops", "appears", "vanishes")
PEOPLE, DID = ("we", "they", "you"), ("won", "ate", "blew", "had", "saw")
COUNTS, SHADES = ("one", "two", "eight", "six"), ("blue", "red", "green")
THINGS = ("pies", "kites", "cups", "bells", "games", "cakes")
# Words that sound alike; which of them is meant follows from its place in the sentence.
HOMOPHONES = (("one", "won"), ("two", "too"), ("eight", "ate"), ("blue", "blew"))
KINDS = ("digits", "numbers", "sentences", "homophones")
_DIGIT = f"({'|'.join(ONES[:10])})"
_CLAUSE = " ".join(["the", *(f"({'|'.join(words)})" for words in (COLOURS, SHAPES, MOVES))])
_WHOLE = " ".join(f"({'|'.join(words)})" for words in (PEOPLE, DID, COUNTS, SHADES, THINGS))
PATTERNS = {
    "digits": f"{_DIGIT}( {_DIGIT}){{1,4}}",
    "sentences": f"{_CLAUSE}( and {_CLAUSE})?",
    "homophones": f"{_WHOLE}( too)?",
}


def draw(kind: str, random: np.random.Generator) -> str:
    """A text of one kind, lower case without signs.

    - digits: "seven four two", two to five of them; 111,100 texts
    - numbers: "seven hundred four", 1 to 9,999, each length in digits equally often
    - sentences: "the red circle moves left", or two of these with "and" between; 37,056 texts
    - homophones: "we won one blue kite too" with things in the plural; won and one, ate and eight,
      blew and blue, too and two are the same phones, and their place tells them apart; 2,160 texts

    Raises:
        ValueError: no such kind.
    """

    def pick(words: tuple[str, ...]) -> str:
        return words[int(random.integers(len(words)))]

    _known(kind)
    if kind == "digits":
        return " ".join(pick(ONES[:10]) for _ in range(int(random.integers(2, 6))))
    if kind == "numbers":
        length = int(random.integers(1, 5))
        return in_words(int(random.integers(10 ** (length - 1), 10**length)))
    if kind == "sentences":
        clauses = int(random.integers(1, 3))
        parts = [(pick(COLOURS), pick(SHAPES), pick(MOVES)) for _ in range(clauses)]
        return " and ".join(" ".join(("the", *part)) for part in parts)
    words = [pick(part) for part in (PEOPLE, DID, COUNTS, SHADES, THINGS)]
    return " ".join(words + ["too"] * int(random.integers(2)))


def well_formed(kind: str, text: str) -> bool:
    """Whether the grammar of this kind makes the text, to the letter.

    Raises:
        ValueError: no such kind.
    """
    _known(kind)
    if kind != "numbers":
        return re.fullmatch(PATTERNS[kind], text) is not None
    try:
        return 1 <= from_words(text) <= 9_999
    except ValueError:
        return False


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} does not exist; choose one of {', '.join(KINDS)}")
