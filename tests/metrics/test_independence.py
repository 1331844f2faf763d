"""The price of drawing together: closed forms, and zero where nothing is drawn together."""

import math

import pytest
import torch

from arlearn import plans
from arlearn.metrics import independence_price
from arlearn.plans import Plan


def covariance_of(t, seed=0):
    mix = torch.randn(t, t, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return mix @ mix.T + 0.5 * torch.eye(t)


def test_two_units_cost_their_mutual_information():
    rho = 0.8
    price = independence_price(plans.whole(2), torch.tensor([[1.0, rho], [rho, 1.0]]))
    assert price == pytest.approx(-math.log(1 - rho**2) / 2)


def test_one_unit_a_step_is_free_in_any_order():
    covariance = covariance_of(7)
    for plan in (plans.raster(7), plans.shuffled(7, torch.Generator().manual_seed(0))):
        assert independence_price(plan, covariance) == pytest.approx(0, abs=1e-9)


def test_splitting_a_step_never_costs_and_the_whole_is_the_sum():
    covariance = covariance_of(8)
    prices = [independence_price(plans.blocks(8, size), covariance) for size in (1, 2, 4, 8)]
    assert prices == sorted(prices)
    total = (covariance.diagonal().log().sum() - torch.logdet(covariance)) / 2
    assert prices[-1] == pytest.approx(float(total))


def test_independent_units_are_free():
    assert independence_price(plans.whole(3), torch.diag(torch.tensor([1.0, 2.0, 3.0]))) == 0


def test_the_past_is_taken_into_account():
    # x1 and x2 are both x0 and noise: together they cost nothing once x0 is known
    load = torch.tensor([1.0, 1.0, 1.0])
    covariance = torch.outer(load, load) + torch.diag(torch.tensor([0.0, 0.1, 0.1]))
    first, last = Plan(torch.tensor([0, 1, 1])), Plan(torch.tensor([1, 0, 0]))
    assert independence_price(first, covariance) == pytest.approx(0, abs=1e-6)
    assert independence_price(last, covariance) > 0.5


def test_another_number_of_positions_is_refused():
    with pytest.raises(ValueError, match="plan has 3 positions, the covariance 2 units"):
        independence_price(plans.raster(3), torch.eye(2))
