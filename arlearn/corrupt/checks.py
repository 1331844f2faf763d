"""What processes and heads ask of their arguments before they work on them.

Neither this file nor `flow`, `gaussian` and `times` beside it import from `heads`, which stands
on them.
"""

from jaxtyping import Int
from torch import Tensor

from arlearn.checks import indices


def in_vocabulary(units: Int[Tensor, "*b"], vocab: int) -> None:
    """Refuse indices that are none of the `vocab` units.

    Raises:
        TypeError: the units are no integers.
        ValueError: an index lies outside 0 .. vocab - 1.
    """
    indices("units", units, vocab)


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices (a typo would otherwise mean the other one).

    Raises:
        ValueError: `value` is no choice.
    """
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(choices)}")
