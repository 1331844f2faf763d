"""Sheets: one column for all prompts' ends, exact marks, and the answers' own places."""

import pytest
import torch

from arlearn.data.countdown import Countdown
from arlearn.data.sheet import Sheet
from arlearn.data.tasks import ALPHABET, Tasks, tasks

MASK = len(ALPHABET)


@pytest.fixture(scope="module")
def sheet():
    return Sheet(tasks("test", "countdown", n=40))


def test_rows_hold_prompt_answer_and_ends(sheet):
    assert sheet.rows.shape == (40, 28) and len(sheet) == 40 and int(sheet.given.sum()) == 12
    for row, prompt, answer in zip(
        sheet.rows, sheet.tasks.prompts, sheet.tasks.answers, strict=True
    ):
        text = "".join(ALPHABET[u] for u in row)
        assert text == prompt.rjust(12) + answer.ljust(16, "\n")
    assert sheet.read(sheet.rows) == list(sheet.tasks.answers)


def test_asking_hides_the_answers_only(sheet):
    asked = sheet.asked(MASK)
    assert (asked[:, 12:] == MASK).all() and torch.equal(asked[:, :12], sheet.rows[:, :12])


def test_marks_are_the_checkers_whatever_the_order_and_twice(sheet):
    which = torch.tensor([7, 3, 3, 0])
    rows = sheet.rows[which].clone()
    rows[1, 12] = ALPHABET.index("+")
    for _ in range(2):  # the second time from memory
        assert sheet.marks(rows, which).tolist() == [1, 0, 1, 1]
    swapped = sheet.marks(sheet.rows[[0, 1]], torch.tensor([1, 0]))
    assert swapped.sum() == 0, "a problem was marked by another one's numbers"


def test_a_draft_with_masks_is_refused_not_marked(sheet):
    with pytest.raises(ValueError, match="units reach from"):
        sheet.marks(sheet.asked(MASK), torch.arange(40))


def test_ends_are_the_answers_up_to_the_first_one(sheet):
    places = sheet.ends(sheet.rows)
    assert places.sum(1).tolist() == [len(answer) + 1 for answer in sheet.tasks.answers]
    assert not places[:, :12].any() and places[:, 12].all()
    never = torch.ones(1, 28, dtype=torch.long)
    assert int(sheet.ends(never).sum()) == 16


def test_what_does_not_fit_is_told():
    one = Tasks(Countdown(), ("20 20 20:99=",), ("20*(20-15)",))
    with pytest.raises(ValueError, match="has 12 characters.*room for 11; pass prompt=12"):
        Sheet(one, prompt=11)
    with pytest.raises(ValueError, match="room for 9; pass answer=11"):
        Sheet(one, answer=10)
