"""Tasks in one line of text whose answers are checked exactly: prompts, answers, a judge."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from arlearn.data.arithmetic import Arithmetic
from arlearn.data.countdown import Countdown
from arlearn.data.images import split_number
from arlearn.data.number_words import NumberWords
from arlearn.data.sudoku import Sudoku

END = "\n"  # ends an answer, and fills the rest of its row
ALPHABET = END + " 0123456789+-*/()=:;.abcdefghilmnoprstuvwxyz"
KINDS = {
    "arithmetic": Arithmetic,
    "countdown": Countdown,
    "sudoku": Sudoku,
    "number-words": NumberWords,
}
DEFAULT_N = {"train": 8000, "test": 1000}
_TEST_SHARE = 8  # one key in 8 belongs to the test split
_TRIES = 2000  # problems drawn in a row, all of the other split, before that split counts as empty


@runtime_checkable
class Kind(Protocol):
    """What a kind of task can do; its fields are its difficulty."""

    def draw(self, random: np.random.Generator) -> tuple[str, str, str]:
        """A problem: the key that decides its split, its prompt, an answer."""
        ...

    def check(self, prompt: str, answer: str) -> bool:
        """Whether the answer is right; a text that means nothing is wrong, never an error."""
        ...

    def credit(self, prompt: str, answer: str) -> float:
        """How much of the answer is right, 0..1; 1 where `check` holds."""
        ...


@dataclass(frozen=True)
class Tasks:
    """Problems of one kind.

    Attributes:
        kind: what judges them, with its options.
        prompts: what is asked; each ends with "=".
        answers: a right answer to each, often not the only one.
    """

    kind: Kind
    prompts: tuple[str, ...]
    answers: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def texts(self) -> list[str]:
        """Each prompt with its answer, as a language model sees them."""
        return [p + a for p, a in zip(self.prompts, self.answers, strict=True)]

    def first(self, n: int) -> "Tasks":
        """The first n problems (all of them if there are fewer)."""
        return Tasks(self.kind, self.prompts[:n], self.answers[:n])

    def accuracy(self, answers: Sequence[str]) -> float:
        """The share of right answers, one given per problem; what follows an `END` is ignored.

        Raises:
            ValueError: there are no problems, or not one answer for each.
        """
        if not self.prompts or len(answers) != len(self):
            raise ValueError(f"{len(answers)} answers for {len(self)} problems; give one for each")
        given = [answer.partition(END)[0] for answer in answers]
        right = [self.kind.check(p, a) for p, a in zip(self.prompts, given, strict=True)]
        return sum(right) / len(right)


def tasks(
    split: str = "train",
    kind: str = "arithmetic",
    n: int | None = None,
    seed: int = 0,
    **options,
) -> Tasks:
    """Problems with exact checkers, as short texts over 45 characters.

    - arithmetic: `12+34=` -> `46`; options as in `Arithmetic`
    - countdown: `3 5 7:26=` -> `3*7+5`; options as in `Countdown`
    - sudoku: `.2...34.31..2431=` -> all 16 digits; options as in `Sudoku`
    - number-words: `105=` -> `one hundred five`; options as in `NumberWords`

    Both splits are drawn from one law, and no problem is in both, whatever the seeds: the hash
    of its key (the numbers in any order, the solved grid) decides. Small worlds repeat themselves;
    more problems may be asked for than there are.

    Args:
        split: "train" (8,000 by default) or "test" (1,000).
        kind: one of `KINDS`.
        n: how many problems; a smaller n gives the first of them.
        seed: another seed, other problems.
        options: the fields of the kind, how hard its problems are.

    Raises:
        ValueError: an argument is outside its range, or the split has no problem of that size.
    """
    stream = split_number(split)
    n = DEFAULT_N[split] if n is None else n
    if n < 1:
        raise ValueError(f"n={n} problems cannot be drawn; ask for at least 1")
    judge = _kind(kind, options)
    random = np.random.default_rng([seed, stream])
    drawn = [_drawn(judge, random, split) for _ in range(n)]
    return Tasks(judge, tuple(p for p, _ in drawn), tuple(a for _, a in drawn))


def encode(texts: Sequence[str], length: int) -> Int[Tensor, "n length"]:
    """Texts as rows of `length` units, the places of their characters in `ALPHABET`.

    Behind a text comes at least one `END`, unit 0, and as many as fill the row.

    Raises:
        ValueError: a text does not fit, or holds a character outside the alphabet.
    """
    units = torch.zeros(len(texts), length, dtype=torch.long)
    place = {character: unit for unit, character in enumerate(ALPHABET)}
    for row, text in zip(units, texts, strict=True):
        if len(text) >= length:
            raise ValueError(
                f"{text!r} and its end need {len(text) + 1} places, a row has {length}; "
                "pass a larger length"
            )
        strange = sorted(set(text) - set(ALPHABET))
        if strange:
            raise ValueError(f"{text!r} holds {strange[0]!r}, which no task is written with")
        row[: len(text)] = torch.tensor([place[c] for c in text], dtype=torch.long)
    return units


def decode(units: Int[Tensor, "n length"]) -> list[str]:
    """The text of each row up to its first `END`.

    Raises:
        ValueError: a unit is outside the alphabet.
    """
    if units.numel() and not 0 <= int(units.min()) <= int(units.max()) < len(ALPHABET):
        raise ValueError(
            f"units reach from {int(units.min())} to {int(units.max())}, "
            f"the alphabet from 0 to {len(ALPHABET) - 1}"
        )
    return ["".join(ALPHABET[u] for u in row).partition(END)[0] for row in units.tolist()]


def in_test(key: str) -> bool:
    """Whether problems with this key belong to the test split: about one key in 8."""
    return hashlib.sha256(key.encode()).digest()[0] % _TEST_SHARE == 0


def _drawn(kind: Kind, random: np.random.Generator, split: str) -> tuple[str, str]:
    """The next problem of the split."""
    for _ in range(_TRIES):
        key, prompt, answer = kind.draw(random)
        if in_test(key) == (split == "test"):
            return prompt, answer
    raise ValueError(f"the {split} split has no problem of {kind}; allow larger numbers")


def _kind(name: str, options: dict[str, object]) -> Kind:
    """The kind of this name with these options.

    Raises:
        ValueError: there is no such kind, or it has no such option.
    """
    if name not in KINDS:
        raise ValueError(f"kind {name!r} does not exist; choose one of {', '.join(KINDS)}")
    known = [field.name for field in fields(KINDS[name])]
    strange = [option for option in options if option not in known]
    if strange:
        raise ValueError(f"{name} has no option {strange[0]!r}; it has {', '.join(known)}")
    return KINDS[name](**options)
