"""Sudoku: 288 grids, one solution each, the rules against a search of its own."""

import pytest

from arlearn.data.sudoku import CELLS, EMPTY, UNITS, Sudoku, grids, is_solved, solve
from arlearn.data.tasks import in_test, tasks


def search(cells: str) -> list[str]:
    """All solutions, by trying every digit in the first empty cell."""
    at = cells.find(EMPTY)
    if at < 0:
        return [cells]
    near = {cells[k] for unit in UNITS if at in unit for k in unit}
    options = sorted(set("1234") - near)
    return [grid for digit in options for grid in search(cells[:at] + digit + cells[at + 1 :])]


def test_there_are_288_grids():
    assert len(grids()) == len(set(grids())) == 288 and all(map(is_solved, grids()))
    assert set(search(EMPTY * CELLS)) == set(grids())


def test_units_are_rows_columns_and_boxes():
    assert len(UNITS) == 12 and (0, 1, 4, 5) in UNITS and (10, 11, 14, 15) in UNITS
    assert all(sum(cell in unit for unit in UNITS) == 3 for cell in range(CELLS))


@pytest.mark.parametrize(("fewest", "most"), [(4, 4), (6, 10), (15, 15)])
def test_each_puzzle_has_one_solution_and_the_givens_asked_for(fewest, most):
    made = tasks("train", "sudoku", n=60, fewest=fewest, most=most)
    for prompt, answer in zip(made.prompts, made.answers, strict=True):
        assert search(prompt[:-1]) == [answer] == [solve(prompt[:-1])]
        assert fewest <= CELLS - prompt.count(EMPTY) <= most
        assert made.kind.check(prompt, answer) and made.kind.credit(prompt, answer) == 1
    assert len({prompt.count(EMPTY) for prompt in made.prompts}) == most - fewest + 1


def test_no_solution_of_a_test_puzzle_is_seen_in_training():
    train, test = tasks("train", "sudoku", n=500), tasks("test", "sudoku", n=200)
    assert not set(train.answers) & set(test.answers)
    assert set(test.answers) <= set(filter(in_test, grids())) and sum(map(in_test, grids())) == 37


PROMPT, ANSWER = ".2...34.31..2431=", "4213134231242431"


@pytest.mark.parametrize(
    "answer",
    [
        "",
        ANSWER[:-1],
        ANSWER + "1",
        ANSWER.replace("4", "5"),
        "1" * 16,
        "4213134231242413",  # breaks a given and a column
        grids()[0],  # by the rules, but another puzzle's
        ANSWER.replace("4", "٤"),
    ],
)
def test_wrong_grids_are_wrong(answer):
    assert not Sudoku().check(PROMPT, answer)
    assert Sudoku().credit(PROMPT, answer) < 1


def test_credit_counts_the_empty_cells():
    empty = PROMPT.count(EMPTY)
    blank = PROMPT[:-1].replace(EMPTY, "9")
    assert Sudoku().credit(PROMPT, blank) == 0
    assert Sudoku().credit(PROMPT, ANSWER[0] + blank[1:]) == pytest.approx(1 / empty)
    assert Sudoku().credit(PROMPT, ANSWER[:15] + "2") == 0  # a given cell is changed


def test_what_has_no_single_solution_gets_a_sentence():
    with pytest.raises(ValueError, match="has 288 solutions, not one"):
        solve(EMPTY * CELLS)
    with pytest.raises(ValueError, match="has 0 solutions, not one"):
        solve("11" + EMPTY * 14)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (PROMPT[:-1], "does not end with '='"),
        ("12=", "'12' is no 4 x 4 grid; write 16 signs"),
        ("5" * 16 + "=", "is no 4 x 4 grid"),
    ],
)
def test_a_prompt_that_is_no_grid_gets_a_sentence(prompt, words):
    with pytest.raises(ValueError, match=words):
        Sudoku().check(prompt, ANSWER)


@pytest.mark.parametrize("options", [{"fewest": 3}, {"most": 16}, {"fewest": 9, "most": 8}])
def test_bad_options_get_a_sentence(options):
    with pytest.raises(ValueError, match="a puzzle with one solution has 4 to 15 givens"):
        Sudoku(**options)
