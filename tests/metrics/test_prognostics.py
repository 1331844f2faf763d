"""Measures of remaining life: figures computed by hand, and late is dearer than early."""

import math

import pytest
import torch

from arlearn.metrics.prognostics import life_score, root_mean_square, timely


def test_figures_by_hand():
    true = torch.tensor([50.0, 50.0, 50.0, 50.0])
    predicted = torch.tensor([50.0, 37.0, 60.0, 20.0])
    wanted = 0 + (math.e - 1) + (math.e - 1) + (math.exp(30 / 13) - 1)
    assert abs(life_score(predicted, true) - wanted) < 1e-9
    assert timely(predicted, true) == 0.75  # -13 and 10 still count
    assert abs(root_mean_square(predicted, true) - math.sqrt((169 + 100 + 900) / 4)) < 1e-9


def test_late_costs_more_than_early():
    true = torch.tensor([100.0])
    assert life_score(true + 20, true) > life_score(true - 20, true) > life_score(true, true) == 0
    assert timely(true + 11, true) == 0 and timely(true - 13, true) == 1


@pytest.mark.parametrize("measure", [life_score, timely, root_mean_square])
def test_unequal_numbers_get_a_sentence(measure):
    with pytest.raises(ValueError, match="1 predictions for 2 lives"):
        measure(torch.zeros(1), torch.zeros(2))
    with pytest.raises(ValueError, match="0 predictions for 0 lives"):
        measure(torch.zeros(0), torch.zeros(0))
