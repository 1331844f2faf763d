"""What it costs to draw units together that depend on each other."""

import torch
from jaxtyping import Float
from torch import Tensor

from arlearn.plans import Plan


def independence_price(plan: Plan, covariance: Float[Tensor, "t t"]) -> float:
    """Nats that a plan loses on jointly normal units, however well it is learned.

    A step draws its units independently given all earlier ones, so it pays the total correlation
    of its units given those, sum_i h(x_i | past) - h(x_s | past), which for a normal law is

        price = sum_s 1/2 (sum_i log C_s[i, i] - log det C_s),  C_s = Cov(x_s | x_<s).

    Zero for one unit a step, in any order; largest for all at once.

    Args:
        covariance: of the units, positive definite; add a little noise to its diagonal where
            units are constant.

    Raises:
        ValueError: the plan has another number of positions than the covariance.
    """
    if len(plan) != len(covariance):
        raise ValueError(
            f"the plan has {len(plan)} positions, the covariance {len(covariance)} units"
        )
    covariance, price, groups = covariance.double(), 0.0, plan.groups()
    past = torch.cat(groups)[:0]
    for here in groups:
        left = covariance[here][:, here]
        if len(past):
            known = torch.linalg.solve(covariance[past][:, past], covariance[past][:, here])
            left = left - covariance[here][:, past] @ known
        price += float(left.diagonal().log().sum() - torch.linalg.slogdet(left).logabsdet) / 2
        past = torch.cat([past, here])
    return price
