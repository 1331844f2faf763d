"""The share of right answers, mostly of a classifier that reads samples."""

from jaxtyping import Int
from torch import Tensor


def accuracy(predicted: Int[Tensor, "..."], true: Int[Tensor, "..."]) -> float:
    """The share of predictions that are right, 0 to 1.

    Raises:
        ValueError: there is nothing to compare, or the two differ in shape.
    """
    if predicted.shape != true.shape or not true.numel():
        raise ValueError(
            f"predictions of shape {tuple(predicted.shape)} against labels of shape "
            f"{tuple(true.shape)}; accuracy needs one prediction a label and at least one"
        )
    return (predicted == true).double().mean().item()
