"""How much of the classes can be read off frozen features by a linear classifier."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from arlearn.metrics.accuracy import accuracy


def linear_probe(
    train: tuple[Float[Tensor, "n d"], Int[Tensor, "n"]],
    test: tuple[Float[Tensor, "m e"], Int[Tensor, "m"]],
    *,
    decay: float = 1e-3,
    steps: int = 60,
) -> float:
    """Accuracy on `test` of a softmax regression fitted to `train`, both (features, labels).

    Minimises cross-entropy + decay/2 ||W||² over standardised features by L-BFGS from zero: the
    problem is convex, so nothing is random and nothing is tuned to one arm.

    Raises:
        ValueError: features of different width, or no examples.
    """
    (x, labels), (y, wanted) = train, test
    if x.shape[1] != y.shape[1] or not len(x) or not len(y):
        raise ValueError(
            f"features of shape {tuple(x.shape)} to learn from and {tuple(y.shape)} to be judged "
            "by; take both from the same layer, and at least one of each"
        )
    x, y = x.detach().float(), y.detach().float()
    mean, deviation = x.mean(0), x.std(0, unbiased=False).clamp(min=1e-6)
    x, y = (x - mean) / deviation, (y - mean) / deviation
    classes = int(max(labels.max(), wanted.max())) + 1
    weight = x.new_zeros(classes, x.shape[1]).requires_grad_()
    bias = x.new_zeros(classes).requires_grad_()
    search = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        value = F.cross_entropy(F.linear(x, weight, bias), labels)
        value = value + decay / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return accuracy(F.linear(y, weight, bias).argmax(-1), wanted)
