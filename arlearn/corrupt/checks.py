"""What processes and heads ask of their arguments before they work on them.

Neither this file nor `flow`, `gaussian` and `times` beside it import from `heads`, which stands
on them.
"""

from jaxtyping import Int
from torch import Tensor


def in_vocabulary(units: Int[Tensor, "*b"], vocab: int) -> None:
    """Refuse indices that are none of the `vocab` units.

    Raises:
        ValueError: an index lies outside 0 .. vocab - 1.
    """
    if not units.numel():
        return
    least, most = units.aminmax()
    if least < 0 or most >= vocab:
        raise ValueError(
            f"units run from {int(least)} to {int(most)}, the vocabulary from 0 to "
            f"{vocab - 1}; enlarge vocab, or leave these positions out"
        )


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices (a typo would otherwise mean the other one).

    Raises:
        ValueError: `value` is no choice.
    """
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown; choose one of {', '.join(choices)}")
