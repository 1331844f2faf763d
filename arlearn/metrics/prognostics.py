"""How well remaining lives are foretold: the measures of the C-MAPSS engines."""

import torch
from jaxtyping import Float
from torch import Tensor

EARLY, LATE = 13, 10  # cycles


def life_score(predicted: Float[Tensor, "n"], true: Float[Tensor, "m"]) -> float:
    """Σ s(d), d = predicted - true cycles: exp(-d / 13) - 1 if early, exp(d / 10) - 1 if late.

    Lower is better; a prediction that is too late costs more, and one bad one may cost the most.

    Raises:
        ValueError: the two differ in length, or there are none.

    Source: Saxena et al. 2008, "Damage propagation modeling", PHM.
    """
    d = _differences(predicted, true)
    return float(torch.where(d < 0, (-d / EARLY).expm1(), (d / LATE).expm1()).sum())


def timely(predicted: Float[Tensor, "n"], true: Float[Tensor, "m"]) -> float:
    """The share of predictions with -13 <= d <= 10.

    Raises:
        ValueError: the two differ in length, or there are none.
    """
    d = _differences(predicted, true)
    return float(((d >= -EARLY) & (d <= LATE)).double().mean())


def root_mean_square(predicted: Float[Tensor, "n"], true: Float[Tensor, "m"]) -> float:
    """sqrt(mean d²), in cycles.

    Raises:
        ValueError: the two differ in length, or there are none.
    """
    return float(_differences(predicted, true).square().mean().sqrt())


def _differences(predicted: Float[Tensor, "n"], true: Float[Tensor, "m"]) -> Float[Tensor, "n"]:
    if len(predicted) != len(true) or not len(true):
        raise ValueError(f"{len(predicted)} predictions for {len(true)} lives; give one for each")
    return predicted.double() - true.double()
