"""Sudoku of 4 x 4 cells: "1..4" rows one after the other -> all 16 digits."""

from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

CELLS, EMPTY = 16, "."
UNITS = (
    *(tuple(range(4 * row, 4 * row + 4)) for row in range(4)),
    *(tuple(range(column, CELLS, 4)) for column in range(4)),
    *(tuple(corner + k for k in (0, 1, 4, 5)) for corner in (0, 2, 8, 10)),
)


@dataclass(frozen=True)
class Sudoku:
    """Fill the empty cells: each row, column and 2 x 2 box holds 1 to 4.

    A prompt is the 16 cells row by row, "." where empty, and "=". Each puzzle has exactly one
    solution. There are 288 solved grids; about one in eight stands in the test split only, with all
    its puzzles, so no answer of a test puzzle is seen in training.

    Attributes:
        fewest: the least number of given cells, 4 or more; fewer never decide the rest.
        most: the largest number of given cells, at most 15; the number is uniform between both.
    """

    fewest: int = 6
    most: int = 10

    def __post_init__(self):
        if not 4 <= self.fewest <= self.most <= 15:
            raise ValueError(
                f"fewest={self.fewest}, most={self.most}: a puzzle with one solution has 4 to 15 "
                "givens, and fewest is at most most"
            )

    def draw(self, random: np.random.Generator) -> tuple[str, str, str]:
        """A puzzle: the key that decides its split (the solution), its prompt, its solution.

        Cells are emptied in random order, each where one solution stays, until `givens` are left;
        an order that does not lead so far is given up for another one.
        """
        answer = grids()[int(random.integers(len(grids())))]
        givens = int(random.integers(self.fewest, self.most + 1))
        while True:
            cells = list(answer)
            for cell in random.permutation(CELLS).tolist():
                if CELLS - cells.count(EMPTY) == givens:
                    return answer, f"{''.join(cells)}=", answer
                cells[cell] = EMPTY
                if _fitting("".join(cells)).bit_count() > 1:
                    cells[cell] = answer[cell]
            if CELLS - cells.count(EMPTY) == givens:
                return answer, f"{''.join(cells)}=", answer

    def check(self, prompt: str, answer: str) -> bool:
        """Whether the answer keeps the given cells and fills the others by the rules."""
        return is_solved(answer) and not _broken(_given(prompt), answer)

    def credit(self, prompt: str, answer: str) -> float:
        """The share of empty cells filled as in the solution; 0 if a given cell is changed.

        The prompt must have one solution, as all that are drawn have.
        """
        given = _given(prompt)
        if len(answer) != CELLS or _broken(given, answer):
            return 0.0
        right = solve(given)
        empty = [k for k, sign in enumerate(given) if sign == EMPTY]
        return sum(answer[k] == right[k] for k in empty) / max(len(empty), 1)


def is_solved(grid: str) -> bool:
    """Whether a text is 16 digits whose rows, columns and boxes each hold 1 to 4."""
    return len(grid) == CELLS and all({grid[k] for k in unit} == set("1234") for unit in UNITS)


def solve(cells: str) -> str:
    """The solution of 16 cells, "." where empty.

    Raises:
        ValueError: these are not 16 cells, or they have no solution or several.
    """
    _checked(cells)
    fitting = _fitting(cells)
    if fitting.bit_count() != 1:
        raise ValueError(f"{cells!r} has {fitting.bit_count()} solutions, not one")
    return grids()[fitting.bit_length() - 1]


@cache
def grids() -> tuple[str, ...]:
    """All 288 solved grids, in the order of their digits."""
    rows = ["".join(row) for row in permutations("1234")]
    found = []
    for a in rows:
        for b in (b for b in rows if set(a[:2]).isdisjoint(b[:2])):
            for c in (c for c in rows if all(len({a[k], b[k], c[k]}) == 3 for k in range(4))):
                last = "".join((set("1234") - {a[k], b[k], c[k]}).pop() for k in range(4))
                if is_solved(a + b + c + last):
                    found.append(a + b + c + last)
    return tuple(found)


@cache
def _with(cell: int, digit: str) -> int:
    """The grids that hold a digit in a cell, one bit each."""
    return sum(1 << k for k, grid in enumerate(grids()) if grid[cell] == digit)


def _fitting(cells: str) -> int:
    """The grids that agree with all given cells, one bit each."""
    fitting = (1 << len(grids())) - 1
    for cell, digit in enumerate(cells):
        if digit != EMPTY:
            fitting &= _with(cell, digit)
    return fitting


def _broken(given: str, answer: str) -> bool:
    """Whether the answer has another digit in a given cell."""
    return any(g not in (EMPTY, a) for g, a in zip(given, answer, strict=True))


def _given(prompt: str) -> str:
    if not prompt.endswith("="):
        raise ValueError(f"prompt {prompt!r} does not end with '='; write 16 cells and '='")
    return _checked(prompt[:-1])


def _checked(cells: str) -> str:
    if len(cells) != CELLS or set(cells) - set(f"1234{EMPTY}"):
        raise ValueError(f"{cells!r} is no 4 x 4 grid; write 16 signs, each 1 to 4 or '{EMPTY}'")
    return cells
