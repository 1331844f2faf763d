"""How many letters a heard text is away from the one that was said."""

from collections.abc import Sequence


def edits(one: Sequence, other: Sequence) -> int:
    """The fewest insertions, removals and replacements that turn one into the other.

    d(i, j) = min(d(i-1, j) + 1, d(i, j-1) + 1, d(i-1, j-1) + [one_i is not other_j])

    Levenshtein 1966.
    """
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def character_error_rate(heard: Sequence[str], said: Sequence[str]) -> float:
    """Edits from what was said to what was heard, of all texts, over the letters that were said.

    0 is perfect; it may pass 1, where more is heard than was said.

    Raises:
        ValueError: not one text for each, or nothing was said.
    """
    if len(heard) != len(said) or not sum(map(len, said)):
        raise ValueError(
            f"{len(heard)} texts were heard and {len(said)} said; give one for each, with letters"
        )
    return sum(map(edits, heard, said)) / sum(map(len, said))
