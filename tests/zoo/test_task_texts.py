"""The task models' data: rows of whole lines, problems of both kinds, answers that are checked."""

from itertools import pairwise

import pytest
import torch

from arlearn.data.tasks import END
from arlearn.zoo import task_texts
from arlearn.zoo.task_texts import ANSWER, CONTEXT, KINDS, Lines, Size


@pytest.fixture(scope="module")
def text():
    return task_texts.text("train", 40)


def test_rows_begin_with_a_line_and_depend_on_seed_and_step_alone(text):
    rows = Lines(text, 0, length=60, size=64, seed=1)
    written = task_texts.characters().decode(rows(0)[0])
    lines = set(task_texts.characters().decode(text).split(END))
    assert all(row.split(END)[0] in lines for row in written)
    assert torch.equal(rows(3)[0], Lines(text, 0, length=60, size=64, seed=1)(3)[0])
    assert not torch.equal(rows(3)[0], rows(4)[0])
    assert not torch.equal(rows(3)[0], Lines(text, 0, length=60, size=64, seed=2)(3)[0])


def test_every_line_with_a_whole_row_behind_it_begins_one():
    units = torch.tensor([5, 0, 6, 7, 0, 8, 0])
    assert Lines(units, 0, length=3).begins.tolist() == [0, 2]
    assert Lines(units, 0, length=2).begins.tolist() == [0, 2, 5]


def test_rows_that_do_not_fit_are_refused(text):
    with pytest.raises(ValueError, match="no row of length=99999"):
        Lines(text, 0, length=99_999)
    with pytest.raises(ValueError, match="not size=0"):
        Lines(text, 0, size=0)


def test_both_kinds_are_mixed_and_every_answer_fits(text):
    lines = task_texts.characters().decode(text).split(END)[:-1]
    sums = ["+" in line for line in lines]
    assert len(lines) == 80 and sum(sums) == 40
    assert any(a == b for a, b in pairwise(sums))
    for problems in task_texts.problems("test", 100).values():
        assert max(map(len, problems.answers)) < ANSWER < CONTEXT


def test_an_untrained_model_is_right_nowhere():
    torch.manual_seed(0)
    model = task_texts.task_model(Size(8, 1, 1, 1, 1e-3)).eval()
    assert task_texts.exact_match(model, 4) == dict.fromkeys(KINDS, 0.0)
    assert task_texts.measure_task_model(model) == 0.0
