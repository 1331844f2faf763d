"""Repetition by hand."""

import pytest
import torch

from arlearn.metrics import repetition


def test_by_hand():
    loop, new = [0, 1, 0, 1, 0, 1], [0, 1, 2, 3, 4, 5]
    assert repetition(torch.tensor([loop]), 2) == pytest.approx(3 / 5)  # 01, 10 are new
    assert repetition(torch.tensor([new]), 2) == 0
    assert repetition(torch.tensor([loop, new]), 2) == pytest.approx(3 / 10)
    assert repetition(torch.tensor([loop]), 1) == pytest.approx(4 / 6)
    assert repetition(torch.tensor([loop]), 6) == 0


@pytest.mark.parametrize("n", [0, 7])
def test_an_n_that_does_not_fit_is_refused(n):
    with pytest.raises(ValueError, match=rf"n={n} must lie in 1 … 6"):
        repetition(torch.zeros(2, 6, dtype=torch.long), n)
